"""The evidence of an event as the points of a drawing. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Final

from api.records import Evidence, PhaseChange

WIDTH: Final = 720.0
HEIGHT: Final = 200.0  # of the plot; the lane and the labels of the time are below it
LEFT: Final = 40.0  # room for the labels of the score
RIGHT: Final = 8.0
BOTTOM: Final = 28.0  # from the plot's ground to `HEIGHT`
MAX_POINTS: Final = 600  # more than a screen can show
DOOR_TOP: Final = 208.0  # of the lane that shows the door, below the lane of phases
DOOR_HEIGHT: Final = 18.0  # a door that is fully open fills it

_OPENINGS: Final = {"open": 1.0, "closed": 0.0}
"""Contacts know these two ends; a door of which they tell neither is drawn half open."""
_BANDS: Final = frozenset({"SUSPECT", "HOLDING"})
_NICE: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time in which the door was held, in drawing units."""

    x: float
    width: float
    phase: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the lane below the plot: what the hold machine was at, in drawing units."""

    x: float
    width: float
    phase: str
    held: bool  # the relay was told to hold the door


@dataclass(frozen=True, slots=True)
class DoorStretch:
    """A stretch of the lane of the door: how it stood, as the elevator itself told, in drawing units."""

    x: float
    width: float
    position: str
    shape: str  # points of a polygon: as high as the door is open


@dataclass(frozen=True, slots=True)
class Curve:
    """A drawing of `WIDTH` by `HEIGHT`: score upwards, time to the right."""

    first_s: float  # time at the left edge, `LEFT`
    last_s: float  # time at the right edge, `WIDTH` - `RIGHT`
    score: str  # points of a polyline
    points: tuple[tuple[float, float, str, str], ...]
    """Seconds, score, phase and door (empty: not known): what a player shows at a time."""
    conf: tuple[tuple[float, float], ...]  # the detector's confidence per frame, where it saw the vehicle
    bands: tuple[Band, ...]
    lane: tuple[Stretch, ...]
    doors: tuple[DoorStretch, ...]  # empty: nothing tells how the door stands
    ticks: tuple[tuple[float, str], ...]  # x and label, seconds
    levels: tuple[tuple[float, str], ...]  # y and label, per cent
    low: float
    high: float
    span_s: float
    n: int


def curve(
    evidence: Sequence[Evidence],
    changes: Sequence[PhaseChange],
    start: datetime,
    end: datetime,
    *,
    window: tuple[float, float] | None = None,
    holds: bool = True,
) -> Curve | None:
    """The drawing, or None without evidence. Long events are thinned to `MAX_POINTS` points.

    Args: window: seconds since ``start`` that must be on the drawing at least, such as those of the clip.
    holds: the installation holds the door (kind B); else no stretch of the lane is held.
    """
    if not evidence:
        return None
    thin = evidence[:: math.ceil(len(evidence) / MAX_POINTS)]
    low, high = window or (0.0, 0.0)
    first = min(0.0, thin[0].t_offset_s, low)
    last = max(thin[-1].t_offset_s, first + 1.0, high)

    def x(t: float) -> float:
        return round(LEFT + (min(max(t, first), last) - first) / (last - first) * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round((HEIGHT - BOTTOM) - min(max(value, 0.0), 1.0) * (HEIGHT - BOTTOM - 10), 1)

    step = next((s for s in _NICE if (last - first) / s <= 8), _NICE[-1])
    steps = range(math.ceil(first / step), math.floor(last / step) + 1)
    return Curve(
        first_s=first,
        last_s=last,
        points=tuple((round(e.t_offset_s, 2), round(e.score, 3), e.phase, e.door or "") for e in thin),
        score=" ".join(f"{x(e.t_offset_s)},{y(e.score)}" for e in thin),
        conf=tuple((x(e.t_offset_s), y(e.conf)) for e in thin if e.conf > 0),
        bands=_bands(changes, start, (end - start).total_seconds(), x) if holds else (),
        lane=_lane(changes, start, (first, last), x, holds=holds),
        doors=_doors(thin, x),
        ticks=tuple((x(i * step), str(i * step)) for i in steps),
        levels=tuple((y(v), f"{v:.0%}") for v in (0.0, 0.5, 1.0)),
        low=min(e.score for e in evidence),
        high=max(e.score for e in evidence),
        span_s=evidence[-1].t_offset_s - evidence[0].t_offset_s,
        n=len(evidence),
    )


def _bands(
    changes: Sequence[PhaseChange], start: datetime, end_s: float, x: Callable[[float], float]
) -> tuple[Band, ...]:
    bands = []
    for i, change in enumerate(changes):
        if change.after in _BANDS:
            from_s = (change.at - start).total_seconds()
            until_s = (changes[i + 1].at - start).total_seconds() if i + 1 < len(changes) else end_s
            if (width := round(x(until_s) - x(from_s), 1)) > 0:
                bands.append(Band(x(from_s), width, change.after))
    return tuple(bands)


def _lane(
    changes: Sequence[PhaseChange],
    start: datetime,
    window: tuple[float, float],
    x: Callable[[float], float],
    *,
    holds: bool,
) -> tuple[Stretch, ...]:
    """The phases one after another from the drawing's left edge to its right; none without steps."""
    if not changes:
        return ()
    times = [window[0], *((c.at - start).total_seconds() for c in changes), window[1]]
    phases = [changes[0].before, *(c.after for c in changes)]
    lane = []
    for phase, (from_s, until_s) in zip(phases, pairwise(times), strict=True):
        if (width := round(x(until_s) - x(from_s), 1)) > 0:
            lane.append(Stretch(x(from_s), width, phase, holds and phase in _BANDS))
    return tuple(lane)


def _doors(evidence: Sequence[Evidence], x: Callable[[float], float]) -> tuple[DoorStretch, ...]:
    """How the door stood from frame to frame; a gap where nobody knows."""
    ground = DOOR_TOP + DOOR_HEIGHT
    found = []
    for position, group in groupby(pairwise(evidence), key=lambda pair: pair[0].door):
        steps = list(group)
        if position is None:
            continue
        heights = [(x(e.t_offset_s), round(ground - _opening(e) * DOOR_HEIGHT, 1)) for e, _ in steps]
        after = steps[-1][1]  # the next frame: until then it stood, or went on, as before
        right = x(after.t_offset_s)
        end = heights[-1][1] if after.opening is None else round(ground - _opening(after) * DOOR_HEIGHT, 1)
        heights.append((right, end))
        left = heights[0][0]
        if right > left:
            shape = " ".join(f"{a},{b}" for a, b in [(left, ground), *heights, (right, ground)])
            found.append(DoorStretch(left, round(right - left, 1), position, shape))
    return tuple(found)


def _opening(seen: Evidence) -> float:
    """0 to 1: how far the door was open."""
    given = _OPENINGS.get(seen.door or "", 0.5) if seen.opening is None else seen.opening
    return min(max(given, 0.0), 1.0)
