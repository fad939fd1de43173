"""What evidence must go, and why: a plan from ages, sizes and free space. Pure.

Locked evidence is never part of the plan. The oldest goes first, and no more than the limits ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

GIB: Final = 1 << 30

BATCH: Final = 500  # files that the store reads at a time


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept. None: no such limit."""

    keep: timedelta
    elevator_max_bytes: int | None
    box_max_bytes: int | None
    min_free_bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that may go: it is on the disk, and its event is not locked."""

    id: str
    elevator_id: str
    started_at: datetime
    size_bytes: int
    path: str


@dataclass(frozen=True, slots=True)
class Eviction:
    """A file that must go."""

    file: Kept
    cause: str  # age, elevator, box or disk: for counting
    reason: str  # for people


def plan(
    candidates: Iterable[Kept], used: Mapping[str, int], free_bytes: int, limits: Limits, now: datetime
) -> Iterator[Eviction]:
    """What must go, in order.

    Args: candidates: oldest first; the plan stops reading when all limits hold and the rest is younger. used:
    bytes per elevator, locked ones included. free_bytes: on the disk now.
    """
    left = dict(used)
    box, free = sum(left.values()), free_bytes
    oldest = now - limits.keep
    for file in candidates:
        over_elevators = {
            elevator_id
            for elevator_id, size in left.items()
            if limits.elevator_max_bytes is not None and size > limits.elevator_max_bytes
        }
        over_box = limits.box_max_bytes is not None and box > limits.box_max_bytes
        no_room = free < limits.min_free_bytes
        old = file.started_at < oldest
        if not (old or over_box or no_room or over_elevators):
            return
        if old:
            cause, reason = "age", f"it was older than {limits.keep.days} days"
        elif no_room:
            cause, reason = "disk", f"the disk had less than {_gib(limits.min_free_bytes)} free"
        elif over_box:
            cause, reason = "box", f"the evidence of this box had more than {_gib(limits.box_max_bytes)}"
        elif file.elevator_id in over_elevators:
            who = f"the evidence of {file.elevator_id}"
            cause, reason = "elevator", f"{who} had more than {_gib(limits.elevator_max_bytes)}"
        else:
            continue
        yield Eviction(file, cause, reason)
        left[file.elevator_id] = left.get(file.elevator_id, 0) - file.size_bytes
        box -= file.size_bytes
        free += file.size_bytes


def _gib(size: int | None) -> str:
    return f"{(size or 0) / GIB:.3g} GiB"
