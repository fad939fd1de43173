"""What the hold does, in one plain sentence each, for the terminal and the log."""

from __future__ import annotations

from typing import Final, Literal

from hardware.hold import EventEnded, EventEscalated, EventStarted, Phase, PhaseChanged, Signal

Kind = Literal["A", "B"]

_PHASES: Final = {
    (Phase.IDLE, "presence_fresh"): ("the camera is seeing, watching", ""),
    (Phase.IDLE, "not_confirmed"): ("not an e-bike after all", "door let go"),
    (Phase.IDLE, "not_seen"): ("the e-bike is out", "door let go"),
    (Phase.IDLE, "vehicle_gone"): ("the e-bike is gone, watching again", ""),
    (Phase.SUSPECT, "suspected"): ("this may be an e-bike, looking closer", "door kept open meanwhile"),
    (Phase.HOLDING, "pause_over"): ("the e-bike is still there", "door held again"),
    (Phase.PAUSED, "pulse_over"): (
        "the e-bike is still there",
        "door let go for a moment, so that the elevator does not stop itself",
    ),
    (Phase.COOLDOWN, "let_go"): ("nothing more is done until the e-bike has gone", "door let go for good"),
}
"""(phase entered, reason): what happened, and what the relay did about the door (kind B only)."""

_WHY_ENDED: Final = {
    "left": "the e-bike left",
    "escalated": "it did not leave in time; someone should go and look",
    "inhibited": "the hold was switched off",
    "blind": "the camera was lost",
}


def tell(elevator: str, signal: Signal, kind: Kind = "B") -> str | None:
    """One sentence, or None where there is nothing a person would want to know.

    Args: kind: of the installation; in kind A no door is held, so none is spoken of.
    """
    said, door = _said(signal)
    if said is None:
        return None
    return f"{elevator}: {said}, {door}" if door and kind == "B" else f"{elevator}: {said}"


def _said(signal: Signal) -> tuple[str | None, str]:  # noqa: PLR0911  one for each kind of signal
    match signal:
        case EventStarted():
            return f"E-BIKE in the {signal.sighting.zone}", "door held"
        case EventEscalated():
            return "the e-bike did not leave; someone should go and look", ""
        case EventEnded():
            why = _WHY_ENDED.get(signal.outcome, signal.outcome)
            return f"event over, {why}", f"the door was held for {signal.hold_s:.0f} s"
        case PhaseChanged(after=Phase.INHIBITED):
            return f"switched off by {signal.reason.replace('_', ' ')}", "door let go"
        case PhaseChanged(after=Phase.BLIND):
            return "nothing fresh from the camera", "door let go"
        case PhaseChanged():
            return _PHASES.get((signal.after, signal.reason), (None, ""))
    return None, ""
