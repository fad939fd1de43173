"""How events that are stored would have been judged by other thresholds: from what each frame said. Pure.

Only what became an event is stored, with up to five seconds before it. So this can say which holds would not
have been, or would have begun later; never which others there would have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.records import Evidence

LEADS_FROM: Final = 0.5
"""Score above which a class is taken to lead the vote: `PresenceParams.keep_prob`."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a sighting is believed; see `vision.presence.PresenceParams`."""

    confirm_prob: float
    confirm_min_s: float
    confirm_hits: int


@dataclass(frozen=True, slots=True)
class Judged:
    """One event under two sets of thresholds: seconds since it was confirmed, None: never."""

    event_id: str
    now_s: float | None
    then_s: float | None

    @property
    def lost(self) -> bool:
        """It would not have been held."""
        return self.now_s is not None and self.then_s is None

    @property
    def later_s(self) -> float:
        """How much later it would have been held; negative: sooner. 0 where one of them is never."""
        return 0.0 if self.now_s is None or self.then_s is None else self.then_s - self.now_s


def confirmed_at(evidence: Sequence[Evidence], thresholds: Thresholds) -> float | None:
    """When a hold would have begun, in seconds since the event was confirmed; None: never.

    Args: evidence: in time order. Before its first row nothing is known, so the class leads from there at the
    earliest: a begin may come out a little later than it was, the same for all thresholds.
    """
    led_s: float | None = None
    hits = 0
    for row in evidence:
        if row.score < LEADS_FROM:
            led_s, hits = None, 0
            continue
        led_s = row.t_offset_s if led_s is None else led_s
        hits += row.conf > 0
        long_enough = row.t_offset_s - led_s >= thresholds.confirm_min_s
        if row.score >= thresholds.confirm_prob and long_enough and hits >= thresholds.confirm_hits:
            return row.t_offset_s
    return None


def judge(event_id: str, evidence: Sequence[Evidence], now: Thresholds, then: Thresholds) -> Judged:
    """One event as it is judged now, and as it would be."""
    return Judged(event_id, confirmed_at(evidence, now), confirmed_at(evidence, then))
