"""What happened over a time, in figures: events, holds, reaction times, availability. Pure; `read` is in
`api.statistics_read`.

Hours and days are those of the building's own zone, so that a day has its morning. All durations are seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

import numpy as np

CONFIRM_TARGET_S: Final = 0.7
"""First seen to confirmed, p95 (design, "The hold")."""
RELAY_TARGET_S: Final = 0.3
"""Capture of the first convincing picture to the relay, p95 (design, "The hold")."""
RELEASE_LIMIT_S: Final = 3.0
"""Last seen to released, the longest that is allowed (design, "The hold")."""

STATES: Final = ("watching", "hands_off", "blind", "off")
"""What an elevator's time is made of: looked after; left alone on purpose (input, release, schedule, fault);
no usable picture; guard not running."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What the figures need of one event."""

    id: str
    elevator_id: str
    suspected_at: datetime
    started_at: datetime
    last_seen_at: datetime
    hold_s: float
    outcome: str | None
    escalated: bool
    verdict: str | None = None
    relay_ms: float | None = None  # capture to the command to the relay; None: not measured
    confirm_ms: float | None = None  # first seen to confirmed, from the captures; None: not measured


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the hold machine."""

    elevator_id: str
    at: datetime
    before: str
    after: str
    reason: str
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Half are at most p50, 95 of 100 at most p95. None where there is nothing to measure."""

    n: int
    p50_s: float | None
    p95_s: float | None


@dataclass(frozen=True, slots=True)
class Availability:
    """Seconds of each of `STATES` for one elevator, of the time since guard's first known run."""

    elevator_id: str
    known_s: float
    seconds: Mapping[str, float]

    def share(self, state: str) -> float:
        """In [0, 1]; 0 if nothing is known."""
        return self.seconds[state] / self.known_s if self.known_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that the page shows."""

    events: int
    by_hour: tuple[int, ...]  # 24
    by_day: tuple[tuple[date, int], ...]
    by_elevator: tuple[tuple[str, int], ...]
    outcomes: tuple[tuple[str, int], ...]  # most frequent first; "open" while it goes on
    escalated: int
    verdicts: Mapping[str, int]  # of the reviewed ones
    false_share: float | None  # false ones among the confirmed and the false; None: nothing was judged
    hold: Spread
    hold_total_s: float
    sight_to_confirm: Spread
    capture_to_relay: Spread
    gone_to_release: Spread
    availability: tuple[Availability, ...]


def spread(values: Iterable[float]) -> Spread:
    """p50 and p95 of some seconds."""
    found = np.fromiter(values, float)
    if not found.size:
        return Spread(0, None, None)
    p50, p95 = np.percentile(found, (50, 95))
    return Spread(found.size, float(p50), float(p95))


def figures(
    facts: Sequence[Fact],
    changes: Sequence[Change],
    runs: Sequence[tuple[datetime, datetime]],
    elevators: Iterable[str],
    since: datetime,
    until: datetime,
    zone: tzinfo,
) -> Figures:
    """Args: changes: in time order, from the last one before ``since`` of each elevator. runs: begin and end
    of each run of guard. elevators: those that are shown even if nothing happened. until: not after now.
    """
    hours, days, where = [0] * 24, Counter[date](), Counter[str]()
    for fact in facts:
        local = fact.started_at.astimezone(zone)
        hours[local.hour] += 1
        days[local.date()] += 1
        where[fact.elevator_id] += 1
    first, last = since.astimezone(zone).date(), (until - timedelta(microseconds=1)).astimezone(zone).date()
    calendar = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    verdicts = Counter(fact.verdict for fact in facts if fact.verdict is not None)
    judged = verdicts["confirmed"] + verdicts["false_alarm"]
    known = sorted({*elevators, *where})
    held = [fact.hold_s for fact in facts if fact.outcome is not None]
    return Figures(
        events=len(facts),
        by_hour=tuple(hours),
        by_day=tuple((day, days[day]) for day in calendar),
        by_elevator=tuple((name, where[name]) for name in known),
        outcomes=tuple(Counter(fact.outcome or "open" for fact in facts).most_common()),
        escalated=sum(fact.escalated for fact in facts),
        verdicts=dict(verdicts),
        false_share=verdicts["false_alarm"] / judged if judged else None,
        hold=spread(held),
        hold_total_s=sum(held),
        sight_to_confirm=spread(_confirm_s(f) for f in facts),
        capture_to_relay=spread(f.relay_ms / 1000 for f in facts if f.relay_ms is not None),
        gone_to_release=spread(_releases(facts, changes)),
        availability=tuple(
            availability(name, [c for c in changes if c.elevator_id == name], runs, since, until)
            for name in known
        ),
    )


def _confirm_s(fact: Fact) -> float:
    """From the captures where they were noted; of older events from the times of the steps."""
    if fact.confirm_ms is not None:
        return fact.confirm_ms / 1000
    return (fact.started_at - fact.suspected_at).total_seconds()


def _releases(facts: Sequence[Fact], changes: Sequence[Change]) -> Iterable[float]:
    """From an event's last sighting until the door was let go because nothing was seen any more."""
    last = {
        c.event_id: c.at for c in changes if c.before == "HOLDING" and c.reason == "not_seen" and c.event_id
    }
    for fact in facts:
        if fact.outcome == "left" and fact.id in last:
            yield max(0.0, (last[fact.id] - fact.last_seen_at).total_seconds())


def availability(
    elevator_id: str,
    changes: Sequence[Change],
    runs: Sequence[tuple[datetime, datetime]],
    since: datetime,
    until: datetime,
) -> Availability:
    """How one elevator's time between ``since`` and ``until`` was spent.

    Nothing is known of the time before guard's first known run, so it does not count.
    """
    seconds = dict.fromkeys(STATES, 0.0)
    if not runs or min(begin for begin, _ in runs) >= until:
        return Availability(elevator_id, 0.0, seconds)
    since = max(since, min(begin for begin, _ in runs))
    covered = since
    for begin, end in sorted(runs):
        begin, end = max(begin, covered), min(end, until)  # noqa: PLW2901  runs never overlap but by clock jumps
        if end <= begin:
            continue
        seconds["off"] += (begin - covered).total_seconds()
        covered = end
        at, state = begin, _state_at(changes, runs, begin)
        for change in changes:
            if begin < change.at < end:
                seconds[state] += (change.at - at).total_seconds()
                at, state = change.at, _of_phase(change.after)
        seconds[state] += (end - at).total_seconds()
    seconds["off"] += max(0.0, (until - covered).total_seconds())
    return Availability(elevator_id, (until - since).total_seconds(), seconds)


def _state_at(changes: Sequence[Change], runs: Sequence[tuple[datetime, datetime]], at: datetime) -> str:
    """The state at a moment inside a run: what the last change in the same run said, else blind, as a run
    begins."""
    begin = max((b for b, _ in runs if b <= at), default=datetime.min.replace(tzinfo=UTC))
    last = [c for c in changes if begin <= c.at <= at]
    return _of_phase(last[-1].after) if last else "blind"


def _of_phase(phase: str) -> str:
    return {"BLIND": "blind", "INHIBITED": "hands_off"}.get(phase, "watching")
