"""The motion gate: an empty, still car costs next to nothing.

Each frame becomes a small grey thumbnail. It is compared with the previous frame, for what is quick, and with
the last frame that the detector saw, for what creeps. The gate holds no picture and knows no objects: when in
doubt it opens, because an inference too many costs milliseconds and one too few costs a detection.

It opens on the very frame whose thumbnail differs, so it adds no delay to anything it can see: a change of at
least `min_cells` cells (40 x 40 px of a 640 x 360 picture, wherever they lie) by `min_delta` grey levels.
Anything smaller or fainter is caught by the refresh, at most `refresh_s` later, and in a car that has been
still for `rest_s`, as most are for most of the day, at most `rest_refresh_s` later.

Elevators have screens with advertisements, and cameras burn a clock into the picture. Neither may keep the
gate open all day: `ignore` zones are left out, and a changing digit is smaller than `min_cells`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.types import Image
from vision.vote import check_ranges
from vision.zones import Zone

Thumb = NDArray[np.uint8]
"""(h, w) grey levels."""

Mask = NDArray[np.bool_]
"""(h, w) true for the cells that are looked at."""

Reason = Literal["first", "blocked", "motion", "linger", "refresh", "still"]
"""Why the gate is open; ``still`` means closed."""

_MAD_TO_SIGMA: Final = 1.4826  # standard deviation of normal noise over its median absolute deviation
_SAMPLES: Final = 4  # per cell and direction
_GREY_LEVELS: Final = 256


@dataclass(frozen=True, slots=True)
class GateParams:
    """What counts as motion, and how long it matters. Grey levels are of 255."""

    thumb_wh: tuple[int, int] = (64, 36)  # cells of 10 x 10 px at 640 x 360: a wheel covers several
    min_delta: float = 6.0  # grey levels a cell must change by; compression alone gives 2 to 4
    noise_factor: float = 6.0  # ... and so many standard deviations of the measured noise
    max_noise: float = 2.5  # grey levels: above this noise looks like motion and the gate stays open (night)
    noise_s: float = 2.0  # smoothing time of the noise estimate
    min_cells: int = 6  # cells that must change: more than a digit of a burned-in clock or a blinking lamp
    crowd_share: float = 0.25  # with more of the picture moving the noise is not measured
    max_drift: float = 25.0  # grey levels of change all over that still pass as light drift between two looks
    linger_s: float = 2.0  # open for so long after motion: tracks settle, people who stop are seen
    refresh_s: float = 1.0  # longest time without an inference, also the bound for what the gate cannot see
    rest_s: float = 10.0  # without motion for so long the car is at rest: nobody is in it, or nobody stirs
    rest_refresh_s: float = 5.0  # ... and this takes the place of `refresh_s`: 2 % of the frames at 10 Hz

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "min_delta": (1, 50),
            "noise_factor": (1, 20),
            "max_noise": (0, 10),
            "noise_s": (0.1, 60),
            "min_cells": (1, 1000),
            "crowd_share": (0, 1),
            "max_drift": (0, 255),
            "linger_s": (0, 60),
            "refresh_s": (0.1, 5),
            "rest_s": (1, 3600),
            "rest_refresh_s": (0.1, 10),
        }
        check_ranges(self, ranges)


@dataclass(frozen=True, slots=True)
class GateDecision:
    """Whether this frame goes to the detector."""

    open: bool
    reason: Reason
    cells: int = 0  # that changed
    noise: float = 0.0  # grey levels, standard deviation of a cell


@dataclass(frozen=True, slots=True, eq=False)
class GateState:
    """Everything the gate remembers."""

    previous: Thumb
    inferred: Thumb
    t_s: float  # of `previous`
    inferred_s: float
    moved_s: float  # of the latest motion
    noise: float | None = None  # grey levels, standard deviation of a cell; None: not measured yet


def thumbnail(image: Image, size_wh: tuple[int, int]) -> Thumb:
    """(h, w) uint8 grey picture of ``size_wh`` cells of an (H, W, 3) uint8 BGR image."""
    # Bilinear first: it reads half of the pixels of a small picture, no more of a large one, so the cost
    # does not grow with the camera; averaging 4 x 4 samples then takes the noise down.
    samples_wh = (size_wh[0] * _SAMPLES, size_wh[1] * _SAMPLES)
    samples = cv2.resize(image, samples_wh, interpolation=cv2.INTER_LINEAR)
    grey = cv2.cvtColor(samples, cv2.COLOR_BGR2GRAY)
    return cast("Thumb", cv2.resize(grey, size_wh, interpolation=cv2.INTER_AREA))


def mask(size_wh: tuple[int, int], zones: tuple[Zone, ...]) -> Mask | None:
    """(h, w) cells whose centre lies in no `ignore` zone; None if that is all of them."""
    ignored = [zone for zone in zones if zone.kind == "ignore"]
    if not ignored:
        return None
    w, h = size_wh
    return np.array(
        [
            [not any(zone.contains(((x + 0.5) / w, (y + 0.5) / h)) for zone in ignored) for x in range(w)]
            for y in range(h)
        ]
    )


def decide(
    state: GateState | None,
    thumb: Thumb,
    t_s: float,
    *,
    blocked_present: bool,
    params: GateParams,
    counts: Mask | None = None,
) -> tuple[GateState, GateDecision]:
    """Whether a frame must be inferred. Pure.

    Args: ``t_s`` capture time; ``blocked_present``: something blocked, or that may yet turn out to be, was
    there after the last inference. The first frame, one of another shape and one from the past start over,
    open.
    """
    p = params
    if state is None or state.previous.shape != thumb.shape or t_s < state.t_s:
        return GateState(thumb, thumb, t_s, t_s, t_s), GateDecision(True, "first", 0, 0.0)
    quick = _Change.between(state.previous, thumb)
    # With the gate open the previous frame is the one that was inferred.
    slow = quick if state.inferred is state.previous else _Change.between(state.inferred, thumb)
    noise = quick.noise if state.noise is None else state.noise
    threshold = max(p.min_delta, p.noise_factor * min(noise, p.max_noise))
    cells = max(change.cells(threshold, p.max_drift, counts) for change in (quick, slow))
    moved = cells >= p.min_cells
    moved_s = t_s if moved else state.moved_s
    reason: Reason = "still"
    if moved:
        reason = "motion"
    elif blocked_present:
        reason = "blocked"
    elif t_s - moved_s <= p.linger_s:
        reason = "linger"
    elif t_s - state.inferred_s >= (p.refresh_s if t_s - moved_s <= p.rest_s else p.rest_refresh_s):
        reason = "refresh"
    now = replace(state, previous=thumb, t_s=t_s, moved_s=moved_s)
    if cells <= p.crowd_share * thumb.size:
        blend = 1 - math.exp(-(t_s - state.t_s) / p.noise_s)
        now = replace(now, noise=noise + blend * (quick.noise - noise))
    if reason != "still":
        now = replace(now, inferred=thumb, inferred_s=t_s)
    return now, GateDecision(reason != "still", reason, cells, noise)


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """What differs between two thumbnails, beyond the drift of the whole picture.

    The median is the drift (a lamp warming up, exposure settling). It and the noise come from medians, which
    an object that covers less than half of the picture cannot move.
    """

    drift: int  # grey levels
    away: NDArray[np.int16]  # grey levels, absolute, without the drift

    @classmethod
    def between(cls, before: Thumb, after: Thumb) -> _Change:
        change = np.subtract(after, before, dtype=np.int16)
        drift = _median(change, _GREY_LEVELS)
        change -= drift
        return cls(drift, np.abs(change, out=change))

    @property
    def noise(self) -> float:
        """Standard deviation of a cell, grey levels."""
        return _MAD_TO_SIGMA * _median(self.away, 0)

    def cells(self, threshold: float, max_drift: float, counts: Mask | None) -> int:
        """How many changed; all of them after a large drift: a light was switched, look again."""
        if abs(self.drift) > max_drift:
            return self.away.size
        moved = self.away > threshold
        return int(np.count_nonzero(moved if counts is None else moved & counts))


def _median(values: NDArray[np.int16], offset: int) -> int:
    """The upper median of values that are at least ``-offset``.

    By counting: `np.partition` takes twenty times as long for a thumbnail.
    """
    counts = np.bincount((values + offset).ravel())
    return int(counts.cumsum().searchsorted(values.size // 2, side="right")) - offset


class MotionGate:
    """`decide` with its memory, for one camera. Of its ``zones`` those of kind `ignore` are not looked at."""

    def __init__(self, params: GateParams | None = None, zones: tuple[Zone, ...] = ()) -> None:
        self.params = params or GateParams()
        self._counts = mask(self.params.thumb_wh, zones)
        self._state: GateState | None = None
        self._peeked: tuple[Image, Thumb] | None = None  # so that `open` need not make it again

    def peek(self, image: Image, t_s: float, blocked_present: bool) -> GateDecision:
        """What `open` would say; only the thumbnail is remembered."""
        thumb = thumbnail(image, self.params.thumb_wh)
        self._peeked = (image, thumb)
        return self._decide(thumb, t_s, blocked_present)[1]

    def open(self, image: Image, t_s: float, blocked_present: bool) -> GateDecision:
        """Whether to infer this frame; see `decide`."""
        peeked, self._peeked = self._peeked, None
        known = peeked is not None and peeked[0] is image
        thumb = peeked[1] if known and peeked else thumbnail(image, self.params.thumb_wh)
        self._state, decision = self._decide(thumb, t_s, blocked_present)
        return decision

    def _decide(self, thumb: Thumb, t_s: float, blocked_present: bool) -> tuple[GateState, GateDecision]:
        return decide(
            self._state,
            thumb,
            t_s,
            blocked_present=blocked_present,
            params=self.params,
            counts=self._counts,
        )

    def reset(self) -> None:
        """Forget everything: the next frame is a first frame."""
        self._state = None


class OpenGate(MotionGate):
    """A gate that never closes, for those who would rather pay each inference (``vision.motion_gate``)."""

    def peek(self, image: Image, t_s: float, blocked_present: bool) -> GateDecision:
        """Always open."""
        return self.open(image, t_s, blocked_present)

    def open(self, image: Image, t_s: float, blocked_present: bool) -> GateDecision:  # noqa: ARG002
        """Always open."""
        return GateDecision(True, "refresh", 0)
