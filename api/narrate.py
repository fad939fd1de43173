"""What the hold does, in one plain sentence each, for the terminal and the log."""

from __future__ import annotations

from typing import Final

from hardware.hold import EventEnded, EventEscalated, EventStarted, Phase, PhaseChanged, Signal

_PHASES: Final = {
    (Phase.IDLE, "presence_fresh"): "camera is seeing, watching",
    (Phase.IDLE, "not_confirmed"): "not an e-bike after all, door let go",
    (Phase.IDLE, "not_seen"): "the e-bike is out, door let go",
    (Phase.IDLE, "vehicle_gone"): "the e-bike is gone, watching again",
    (Phase.SUSPECT, "suspected"): "this may be an e-bike, door kept open while looking closer",
    (Phase.HOLDING, "pause_over"): "the e-bike is still there, door held again",
    (Phase.PAUSED, "pulse_over"): "door let go for a moment, so that the elevator does not stop itself",
    (Phase.COOLDOWN, "let_go"): "door let go for good until the e-bike has gone",
}
_WHY_ENDED: Final = {
    "left": "the e-bike left",
    "escalated": "it did not leave in time; someone should go and look",
    "inhibited": "the hold was switched off",
    "released": "a manager let it go",
    "blind": "the camera was lost",
}


def tell(elevator: str, signal: Signal) -> str | None:
    """One sentence, or None where there is nothing a person would want to know."""
    said = _said(signal)
    return f"{elevator}: {said}" if said else None


def _said(signal: Signal) -> str | None:
    match signal:
        case EventStarted():
            said = f"E-BIKE in the {signal.sighting.zone}, door held, voice asks to take it out"
        case EventEscalated():
            said = "the e-bike did not leave; someone should go and look"
        case EventEnded():
            why = _WHY_ENDED.get(signal.outcome, signal.outcome)
            said = f"event over, {why}; the door was held for {signal.hold_s:.0f} s"
        case PhaseChanged(after=Phase.INHIBITED):
            said = f"hold switched off by {signal.reason.replace('_', ' ')}, door let go"
        case PhaseChanged(after=Phase.BLIND):
            said = "nothing fresh from the camera, door let go"
        case PhaseChanged():
            return _PHASES.get((signal.after, signal.reason))
        case _:
            return None
    return said
