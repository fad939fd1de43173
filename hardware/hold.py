"""The hold step: a pure function of state, presence, inputs, time and rules; docs/safety.md says it in words.

Call `step` on a timer, frame or no frame. Nothing here reads a clock, logs or touches a pin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from hardware.values import (
    REASONS,
    Decision,
    EventEnded,
    EventEscalated,
    EventStarted,
    FalsePreHold,
    HoldRules,
    Inputs,
    Outcome,
    Phase,
    PhaseChanged,
    Signal,
)
from vision.types import Presence, Sighting

__all__ = [
    "REASONS",
    "Decision",
    "EventEnded",
    "EventEscalated",
    "EventStarted",
    "FalsePreHold",
    "Hold",
    "HoldRules",
    "Inputs",
    "OpenEvent",
    "Outcome",
    "Phase",
    "PhaseChanged",
    "Signal",
    "initial",
    "step",
]

_DRIVING: Final = frozenset({Phase.SUSPECT, Phase.HOLDING})
_CONFIRMED: Final = frozenset({Phase.HOLDING, Phase.PAUSED})
_IGNORED_MAX: Final = (
    64  # track ids remembered; more cannot be in one car, and a lost one costs only a pre-hold
)


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """One vehicle, from its confirmation until it has not been seen for `HoldRules.rejoin_s`."""

    start_s: float
    last_seen_s: float  # capture time of the last confirmed sighting
    hold_s: float  # time in SUSPECT and HOLDING
    used_s: float  # the same, PAUSED included; the cap is about this
    pulses: int
    escalated: bool = False
    released: bool = False  # a manager let this vehicle go


@dataclass(frozen=True, slots=True)
class Hold:
    """The state between two ticks. Make it with `initial`; only `step` changes it."""

    phase: Phase
    since_s: float  # when the phase began
    now_s: float  # the latest tick
    newest_s: float = -math.inf  # capture time of the newest presence; only later ones are taken
    usable: bool = False  # the newest presence may be acted on while it is fresh
    there: tuple[Sighting, ...] = ()  # its sightings in a holding zone
    there_s: float = -math.inf  # capture time of the last presence with any
    clear_since_s: float | None = None  # capture time since which unbroken presence shows nothing there
    pulse_s: float = 0.0  # energised since the last rest of at least pause_s
    rest_s: float = 0.0  # not energised since
    event: OpenEvent | None = None
    barred: bool = False  # let go for good: no hold until the vehicle has gone
    cool_since_s: float = -math.inf  # when the cap let go
    gone: bool = False  # while barred: the vehicle has been seen to be gone
    false_since_s: float = -math.inf  # the latest false pre-hold
    ignored: tuple[int, ...] = ()  # track ids that had their pre-hold and did not confirm


def initial(now_s: float) -> Hold:
    """The state at start: BLIND, nothing known."""
    return Hold(Phase.BLIND, now_s, now_s)


def step(
    h: Hold, seen: Presence | None, inputs: Inputs, now_s: float, rules: HoldRules
) -> tuple[Hold, Decision]:
    """Advance one tick.

    Args:
        h: the state that the last tick returned, or `initial`.
        seen: the newest presence; the same one may be passed again, None if there is none. One from the
            future, or not newer than one seen before, changes nothing.
        inputs: what inhibits, read at this tick.
        now_s: this tick, on the clock that stamps ``seen.t_s``. A step back counts as no time passed, and
            as blind.
        rules: the same from tick to tick.

    Raises: ValueError if ``now_s`` is not finite.
    """
    if not math.isfinite(now_s):
        raise ValueError(f"now_s is {now_s!r}: pass finite seconds of a monotonic clock")
    signals: list[Signal] = []
    h = _advance(h, now_s, rules)
    h = _end_event(h, inputs, rules, signals)
    h = _take(h, seen, inputs, rules)
    h = _bar(h, inputs, rules, signals)
    phase, reason = _next(h, inputs, rules)
    h = _enter(h, phase, reason, rules, signals)
    energise = phase in _DRIVING and rules.kind == "B"
    return h, Decision(energise, phase in _CONFIRMED, phase, now_s, tuple(signals))


def _advance(h: Hold, now_s: float, rules: HoldRules) -> Hold:
    """Account for the time since the last tick."""
    dt_s = now_s - h.now_s
    if dt_s < 0:  # no monotonic clock does this: count no time, trust nothing that was captured before
        h, dt_s = _shift(h, dt_s), 0.0
    driving = h.phase in _DRIVING
    driven_s = dt_s if driving else 0.0
    rest_s = 0.0 if driving else h.rest_s + dt_s
    event = h.event
    if event is not None:
        used_s = dt_s if driving or h.phase is Phase.PAUSED else 0.0
        event = replace(event, hold_s=event.hold_s + driven_s, used_s=event.used_s + used_s)
    pulse_s = 0.0 if rest_s >= rules.pause_s else h.pulse_s + driven_s
    return replace(h, now_s=now_s, pulse_s=pulse_s, rest_s=rest_s, event=event)


def _shift(h: Hold, by_s: float) -> Hold:
    """Move every remembered time by ``by_s`` (negative), so that limits keep what they had counted."""
    event = h.event and replace(
        h.event, start_s=h.event.start_s + by_s, last_seen_s=h.event.last_seen_s + by_s
    )
    return replace(
        h,
        since_s=h.since_s + by_s,
        newest_s=h.now_s + by_s,
        usable=False,
        there=(),
        there_s=h.there_s + by_s,
        clear_since_s=None,
        event=event,
        cool_since_s=h.cool_since_s + by_s,
        false_since_s=h.false_since_s + by_s,
    )


def _blind(h: Hold, rules: HoldRules) -> bool:
    return not h.usable or h.now_s - h.newest_s > rules.stale_s


def _end_event(h: Hold, inputs: Inputs, rules: HoldRules, signals: list[Signal]) -> Hold:
    """End the event whose vehicle has not been seen for long; a pre-hold under way may still rejoin it."""
    event = h.event
    patience_s = rules.rejoin_s + (rules.confirm_s if h.phase is Phase.SUSPECT else 0.0)
    if event is None or h.now_s - event.last_seen_s < patience_s:
        return h
    outcome: Outcome = "left"
    if event.escalated:
        outcome = "escalated"
    elif event.released or inputs.inhibit_reason is not None:
        outcome = "inhibited"
    elif _blind(h, rules):
        outcome = "blind"
    held = rules.kind == "B"
    signals.append(
        EventEnded(
            h.now_s,
            outcome,
            event.hold_s if held else 0.0,
            event.pulses if held else 0,
            event.last_seen_s,
        )
    )
    return replace(h, event=None)


def _take(h: Hold, seen: Presence | None, inputs: Inputs, rules: HoldRules) -> Hold:
    """Take in the presence if it is newer than the last and not from the future."""
    h = _hear(h, seen, rules)
    if h.phase is Phase.INHIBITED and inputs.inhibit_reason is None:
        # What was captured while inhibited must not start a hold: wait for a fresh look. It still says that
        # the vehicle of the open event is there.
        return replace(h, usable=False, newest_s=max(h.newest_s, h.now_s), there=())
    return h


def _hear(h: Hold, seen: Presence | None, rules: HoldRules) -> Hold:
    if seen is None or not h.newest_s < seen.t_s <= h.now_s:
        return h
    there = tuple(s for s in seen.sightings if s.zone in rules.zones)
    clear_since_s = None
    if not there:
        unbroken = h.clear_since_s is not None and seen.t_s - h.newest_s <= rules.stale_s
        clear_since_s = h.clear_since_s if unbroken else seen.t_s
    event = h.event
    if event is not None and any(s.confirmed for s in there):
        event = replace(event, last_seen_s=seen.t_s)
    return replace(
        h,
        newest_s=seen.t_s,
        usable=True,
        there=there,
        there_s=seen.t_s if there else h.there_s,
        clear_since_s=clear_since_s,
        event=event,
    )


def _bar(h: Hold, inputs: Inputs, rules: HoldRules, signals: list[Signal]) -> Hold:
    """Let go for good at the cap or by a manager; take it back once the vehicle has been seen to be gone."""
    event = h.event
    clear = (
        h.clear_since_s is not None
        and not _blind(h, rules)
        and h.newest_s - h.clear_since_s >= rules.release_s
    )
    if inputs.remote_release:
        event = event and replace(event, released=True)
        h = replace(h, barred=True, gone=False, event=event)
    if event is not None and event.used_s >= rules.cap_s and not event.escalated:
        signals.append(EventEscalated(h.now_s))
        h = replace(h, barred=True, gone=False, cool_since_s=h.now_s, event=replace(event, escalated=True))
    if h.barred and clear and h.event is None and not inputs.remote_release:
        h = replace(h, gone=True)
    if h.gone and h.now_s - h.cool_since_s >= rules.cooldown_s:
        h = replace(h, barred=False, gone=False)
    if clear:
        return replace(h, ignored=())
    if h.now_s - h.false_since_s < rules.rearm_s:
        return _ignore(h)
    return h


def _ignore(h: Hold) -> Hold:
    ids = tuple(s.track_id for s in h.there if s.track_id not in h.ignored)
    return replace(h, ignored=(h.ignored + ids)[-_IGNORED_MAX:]) if ids else h


def _next(h: Hold, inputs: Inputs, rules: HoldRules) -> tuple[Phase, str]:
    """The next phase and why: the first true row wins. One transition a tick."""
    at, now_s = h.phase, h.now_s
    inhibit = inputs.inhibit_reason
    unseen = h.event is None or now_s - h.event.last_seen_s >= rules.release_s
    recent = now_s - h.newest_s < rules.release_s
    sure = recent and any(s.confirmed for s in h.there)
    rested = h.pulse_s < rules.pulse_s
    may_suspect = (
        recent
        and rested
        and now_s - h.false_since_s >= rules.rearm_s
        and any(s.track_id not in h.ignored for s in h.there)
    )
    vanished = now_s - h.there_s >= rules.release_s
    give_up = now_s - h.since_s >= rules.confirm_s or vanished or not rested
    rows = (  # from, when, to, why
        (at, inhibit is not None, Phase.INHIBITED, inhibit or ""),
        (at, _blind(h, rules), Phase.BLIND, "presence_stale"),
        (at, h.barred, Phase.COOLDOWN, "let_go"),
        (Phase.COOLDOWN, True, Phase.IDLE, "vehicle_gone"),
        (Phase.BLIND, True, Phase.IDLE, "presence_fresh"),
        (Phase.HOLDING, unseen, Phase.IDLE, "not_seen"),
        (Phase.PAUSED, unseen, Phase.IDLE, "not_seen"),
        (Phase.HOLDING, not rested, Phase.PAUSED, "pulse_over"),
        (Phase.PAUSED, rested, Phase.HOLDING, "pause_over"),
        (Phase.SUSPECT, sure and rested, Phase.HOLDING, "confirmed"),
        (Phase.SUSPECT, sure, Phase.PAUSED, "pulse_over"),
        (Phase.SUSPECT, give_up, Phase.IDLE, "not_confirmed"),
        (Phase.IDLE, sure and rested, Phase.HOLDING, "confirmed"),
        (Phase.IDLE, sure, Phase.PAUSED, "pulse_over"),
        (Phase.IDLE, may_suspect, Phase.SUSPECT, "suspected"),
    )
    return next(((to, why) for start, when, to, why in rows if start is at and when), (at, ""))


def _enter(h: Hold, phase: Phase, reason: str, rules: HoldRules, signals: list[Signal]) -> Hold:
    """Go to ``phase`` (or stay) and say so."""
    before, now_s = h.phase, h.now_s
    if phase is before:
        return h
    suspected_s = now_s - h.since_s if before is Phase.SUSPECT else 0.0
    if before is Phase.SUSPECT and phase not in _CONFIRMED:
        signals.append(FalsePreHold(now_s, suspected_s if rules.kind == "B" else 0.0))
        h = replace(_ignore(h), false_since_s=now_s)
    signals.append(PhaseChanged(now_s, before, phase, reason))
    event = h.event
    if phase in _CONFIRMED and event is None:
        best = max((s for s in h.there if s.confirmed), key=lambda s: s.score)
        event = OpenEvent(now_s, h.newest_s, suspected_s, suspected_s, int(before is Phase.SUSPECT))
        signals.append(EventStarted(now_s, best, suspected_s))
    if event is not None and phase in _DRIVING and before not in _DRIVING:
        event = replace(event, pulses=event.pulses + 1)
    return replace(h, phase=phase, since_s=now_s, event=event)
