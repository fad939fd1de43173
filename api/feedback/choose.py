"""Which moments of an event become pictures: the surest and the least sure ones, spread out. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from api.records import Evidence

PER_EVENT: Final = 6
"""Pictures of one event, ours: a vehicle that stands still for minutes must not outweigh all others."""
GAP_S: Final = 1.0
"""Least time between two pictures of one event, ours: neighbouring frames teach the same twice."""


def usable(rows: Sequence[Evidence]) -> list[Evidence]:
    """Rows of frames in which the detector itself saw the vehicle, with a box that is one, in order of time.

    A row with confidence 0 carries the tracker's guess, and the vehicle may be hidden or gone.
    """
    return sorted((row for row in rows if row.conf > 0 and _is_box(row.xyxy)), key=_time)


def choose(rows: Sequence[Evidence], most: int = PER_EVENT, gap_s: float = GAP_S) -> tuple[Evidence, ...]:
    """Up to ``most`` of the rows, at least ``gap_s`` seconds apart, in order of time.

    By turns the row with the highest and the one with the lowest score that is far enough from those taken:
    what the model is sure of shows what it knows, what it is unsure of is what it has to learn. Where votes
    are equal the detector's confidence decides, then the earlier one. The same rows give the same choice.
    Raises: ValueError unless ``most`` is at least 1 and ``gap_s`` is not negative.
    """
    if most < 1 or not gap_s >= 0:
        raise ValueError(f"at least 1 picture and a gap of 0 s or more; got {most} and {gap_s}")
    low = sorted(rows, key=lambda row: (row.score, row.conf, _time(row)))
    high = sorted(rows, key=lambda row: (-row.score, -row.conf, _time(row)))
    taken: list[Evidence] = []
    while len(taken) < most:
        order = low if len(taken) % 2 else high
        found = next((row for row in order if _is_apart(row, taken, gap_s)), None)
        if found is None:
            break
        taken.append(found)
    return tuple(sorted(taken, key=_time))


def _is_apart(row: Evidence, taken: Sequence[Evidence], gap_s: float) -> bool:
    gaps = [abs(row.t_offset_s - other.t_offset_s) for other in taken]
    return all(gap >= gap_s and gap > 0 for gap in gaps)


def _time(row: Evidence) -> tuple[float, tuple[float, float, float, float]]:
    return row.t_offset_s, row.xyxy


def _is_box(xyxy: tuple[float, float, float, float]) -> bool:
    x1, y1, x2, y2 = xyxy
    return all(map(math.isfinite, xyxy)) and x2 > x1 and y2 > y1
