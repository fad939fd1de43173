"""What belongs to the car though the detector takes it for a vehicle: a poster of an e-bike, a stain.

A vehicle comes in and leaves again. What is called one for minutes, in the same place and with the very same
edges (`vision.edges`), does not: it is a fixture, and from then on what the detector says of it is dropped
before it can start a track. Only exactly that is dropped. A call that reaches beyond the fixture counts, and
so does one inside it whose edges are not the fixture's: somebody has put something before it.

A vehicle that is left in the car for so long becomes a fixture too. The door has been let go long before
(`HoldRules.cap_s`); as soon as it is moved its calls count again.

Pure but for `FixtureWatch`, which remembers (`api.cameras.fixture_memory` beyond a restart).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from vision.edges import SMALL_WH, Edges, likeness, look_at
from vision.geometry import pair_iou
from vision.types import Detections, Image, ZoneKind
from vision.vote import check_ranges
from vision.zones import Zone, zone_of

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 as shares of the picture, 0 to 1."""

Cells = tuple[int, int, int, int]
"""x1, y1, x2, y2 in the small picture (`SMALL_WH`), the last two exclusive."""

LEARN_S: Final = 600.0  # five times what a door is held at most for one vehicle (`HoldRules.cap_s`)

_MIN_CELLS: Final = 4  # of a side: in less nothing can be compared
_FOLLOW_S: Final = 60.0  # over how long a thing's edges are averaged: the light of a day may change them


@dataclass(frozen=True, slots=True)
class FixtureParams:
    """When a thing belongs to the car. Likenesses are those of `vision.edges.likeness`.

    Ours; `python -m benchmarks.posters` says what they come to.
    """

    learn_s: float = LEARN_S  # called a vehicle for so long, in all
    forget_s: float = 120.0  # in the usual car, for so long on end, it is not there: taken down
    unseen_s: float = 86400.0  # not called a vehicle for a day: it looks different by now, or the model does
    every_s: float = 1.0  # between two looks at what may become one
    longest_s: float = 5.0  # a look stands for at most so long: a still car is looked at so rarely
    same_iou: float = 0.6  # of two calls for the same thing
    alike: float = 0.6  # from this likeness on it is the same view
    grown: float = 0.1  # a fixture reaches so much of its size further on each side: boxes jitter
    inside: float = 0.8  # share of a call that must lie in the fixture
    most: int = 8  # things that are remembered

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "learn_s": (150, 86400),  # no hold (120 s) may be cut short by becoming a fixture
            "forget_s": (1, 86400),
            "unseen_s": (60, 30 * 86400),
            "every_s": (0.1, 10),
            "longest_s": (0.1, 60),
            "same_iou": (0.3, 1),
            "alike": (0.3, 1),
            "grown": (0, 0.5),
            "inside": (0.5, 1),
            "most": (1, 100),
        }
        check_ranges(self, ranges)


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """Something that was called a vehicle, and may turn out to belong to the car."""

    box: Box  # averaged over its calls: the first may have shown a part of it
    edges: Edges  # of the whole small picture, averaged over the looks that found it
    first_s: float  # capture time of its first call
    last_s: float  # ... and of its latest
    called_s: float = 0.0  # time for which it was called, in all
    gone_s: float = 0.0  # time for which the car has been as usual without it, on end


@dataclass(frozen=True, slots=True, eq=False)
class FixtureState:
    """Everything remembered of one camera."""

    things: tuple[Thing, ...] = ()
    t_s: float | None = None  # capture time of the latest look


def fixtures_of(state: FixtureState, params: FixtureParams) -> tuple[Thing, ...]:
    """Those that are known to belong to the car."""
    return tuple(thing for thing in state.things if thing.called_s >= params.learn_s)


def learn(
    state: FixtureState, calls: Iterable[Box], edges: Edges, t_s: float, params: FixtureParams
) -> FixtureState:
    """Take in one look. Pure.

    Args: calls: boxes called a vehicle in this frame; edges: (2, h, w) of all of it. Time that runs backwards
    counts as none.
    """
    p = params
    passed_s = 0.0 if state.t_s is None else min(max(0.0, t_s - state.t_s), p.longest_s)
    left = list(calls)
    things = []
    for thing in _known_since(state, t_s):
        cells = _cells(thing.box)
        alike = likeness(_cut(thing.edges, cells), _cut(edges, cells)) >= p.alike
        # A car whose light is off, or that is full of people, says nothing about what hangs in it.
        gone = not alike and likeness(_around(thing.edges, cells), _around(edges, cells)) >= p.alike
        call = max(left, key=lambda box: pair_iou(box, thing.box), default=None)
        now = replace(thing, gone_s=0.0 if alike else thing.gone_s + passed_s * gone)
        if alike and call is not None and pair_iou(call, thing.box) >= p.same_iou:
            left.remove(call)
            now = _called(now, call, edges, t_s, passed_s)
        if now.gone_s < p.forget_s and t_s - now.last_s < p.unseen_s:
            things.append(now)
    things += [Thing(box, edges, t_s, t_s) for box in left if _large(_cells(box))]
    # What has been called longest stays: a vehicle that moves leaves one young thing after another behind.
    things.sort(key=lambda thing: (thing.called_s, thing.last_s), reverse=True)
    return FixtureState(tuple(things[: p.most]), t_s)


def explained(state: FixtureState, call: Box, edges: Edges, params: FixtureParams) -> bool:
    """Whether a fixture is all that this call has seen. Pure. Args: edges: (2, h, w) of the whole frame."""
    cells = _cells(call)
    for thing in fixtures_of(state, params):
        common = _common(cells, _cells(_grown(thing.box, params.grown)))
        if _size(common) < params.inside * _size(cells) or not _large(common):
            continue
        if likeness(_cut(thing.edges, common), _cut(edges, common)) >= params.alike:
            return True
    return False


class FixtureWatch:
    """`learn` and `explained` with their memory, for one camera. Not thread-safe.

    Only calls where a vehicle would hold the door are looked at: one that is parked on the landing is no
    mistake, and goes on being reported.

    Args: known: what was remembered when guard last ran. It explains a call only as long as its edges are
    those of the picture, so one of another view does no harm.
    """

    def __init__(
        self,
        class_ids: frozenset[int],
        holding: frozenset[ZoneKind],
        zones: tuple[Zone, ...] = (),
        params: FixtureParams | None = None,
        known: Iterable[Thing] = (),
    ) -> None:
        self.params = params or FixtureParams()
        self.state = FixtureState(tuple(known)[: self.params.most])
        self._class_ids = np.array(sorted(class_ids), np.int64)
        self._holding = holding
        self._zones = zones

    @property
    def fixtures(self) -> tuple[Thing, ...]:
        """What is known to belong to the car."""
        return fixtures_of(self.state, self.params)

    def reset(self) -> None:
        """Forget everything, as of another car."""
        self.state = FixtureState()

    def without(self, detections: Detections, image: Image, t_s: float) -> Detections:
        """The detections in (H, W, 3) ``image`` that no fixture explains, order kept.

        Makes the small picture of the frame (0.7 ms) only when it is needed: when a fixture may explain a
        call, and once in `FixtureParams.every_s` while there is a call or something remembered.
        """
        calls = self._calls(detections, (image.shape[1], image.shape[0]))
        before = self.state.t_s
        due = before is None or not 0 <= t_s - before < self.params.every_s
        learns = due and bool(calls or self.state.things)
        judges = bool(calls and self.fixtures)
        if not (learns or judges):
            return detections
        edges = look_at(image).edges
        if learns:
            self.state = learn(self.state, calls.values(), edges, t_s, self.params)
        keep = np.ones(len(detections), bool)
        for index, box in calls.items():
            keep[index] = not explained(self.state, box, edges, self.params)
        return detections if keep.all() else detections.where(keep)

    def _calls(self, detections: Detections, size_wh: tuple[int, int]) -> dict[int, Box]:
        """Boxes that may hold the door, by their place in ``detections``."""
        w, h = size_wh
        found: dict[int, Box] = {}
        for index in np.flatnonzero(np.isin(detections.class_id, self._class_ids)):
            x1, y1, x2, y2 = (float(v) for v in detections.xyxy[index])
            if zone_of((x1, y1, x2, y2), size_wh, self._zones) in self._holding:
                found[int(index)] = (x1 / w, y1 / h, x2 / w, y2 / h)
        return found


def _known_since(state: FixtureState, t_s: float) -> tuple[Thing, ...]:
    """The things at the first look: what another run remembered has that run's times."""
    if state.t_s is not None:
        return state.things
    return tuple(replace(thing, first_s=t_s, last_s=t_s, gone_s=0.0) for thing in state.things)


def _around(edges: Edges, cells: Cells) -> Edges:
    """The edges outside of these cells."""
    around = edges.copy()
    around[:, cells[1] : cells[3], cells[0] : cells[2]] = 0
    return around


def _called(thing: Thing, call: Box, edges: Edges, t_s: float, passed_s: float) -> Thing:
    """The thing after one more call, for which ``passed_s`` count; what it looks like follows."""
    called_s = thing.called_s + passed_s
    blend = passed_s / min(max(called_s, 1e-6), _FOLLOW_S)
    x1, y1, x2, y2 = (was + blend * (now - was) for was, now in zip(thing.box, call, strict=True))
    average = thing.edges + np.float32(blend) * (edges - thing.edges)
    return replace(thing, box=(x1, y1, x2, y2), edges=average, last_s=t_s, called_s=called_s)


def _grown(box: Box, share: float) -> Box:
    dx, dy = (box[2] - box[0]) * share, (box[3] - box[1]) * share
    return box[0] - dx, box[1] - dy, box[2] + dx, box[3] + dy


def _cells(box: Box) -> Cells:
    """The cells of the small picture that a box touches; empty if it lies outside."""
    (w, h), (x1, y1, x2, y2) = SMALL_WH, box
    return (
        min(max(math.floor(x1 * w), 0), w),
        min(max(math.floor(y1 * h), 0), h),
        min(max(math.ceil(x2 * w), 0), w),
        min(max(math.ceil(y2 * h), 0), h),
    )


def _common(a: Cells, b: Cells) -> Cells:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _size(cells: Cells) -> int:
    return max(0, cells[2] - cells[0]) * max(0, cells[3] - cells[1])


def _large(cells: Cells) -> bool:
    return min(cells[2] - cells[0], cells[3] - cells[1]) >= _MIN_CELLS


def _cut(edges: Edges, cells: Cells) -> Edges:
    return edges[:, cells[1] : cells[3], cells[0] : cells[2]]
