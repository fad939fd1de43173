"""Boxes and the letterbox: pure functions on arrays. Boxes are ``xyxy`` (x1, y1, x2, y2), pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Boxes = NDArray[np.float32]
"""(N, 4) float32 xyxy."""

_ZERO: Final = np.float32(0)

_TINY_PX: Final = 1e-3
"""What a side exceeds whole strides by is arithmetic below this."""

_HALF_TIE: Final = 0.1
"""Ultralytics' nudge (same place): an odd spare pixel goes to the right and to the bottom."""


def as_boxes(xyxy: ArrayLike) -> Boxes:
    """``xyxy`` as an (N, 4) float32 array; one flat box and an empty list are understood.

    Raises: ValueError if the values do not come in fours.
    """
    boxes = np.asarray(xyxy, dtype=np.float32)
    if boxes.size % 4 or (boxes.ndim and boxes.size and boxes.shape[-1] != 4):
        raise ValueError(f"boxes need shape (N, 4); got {boxes.shape}. Pass one row per box")
    return boxes.reshape(-1, 4)


def box_iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
    """Intersection over union of every box in ``a`` (N, 4) with every box in ``b`` (M, 4).

    Returns: (N, M) in [0, 1]. Boxes without area overlap nothing, themselves included.
    """
    return exact_iou(as_boxes(a).astype(np.float64), as_boxes(b).astype(np.float64)).astype(np.float32)


def exact_iou(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """`box_iou` of float64 boxes, (N, 4) and (M, 4): what `pair_iou` gives, slivers included."""
    sides = np.minimum(one[:, None, 2:], two[:, 2:]) - np.maximum(one[:, None, :2], two[:, :2])
    np.maximum(sides, 0, out=sides)
    inter = sides[..., 0] * sides[..., 1]
    union = (area(one)[:, None] + area(two)) - inter
    iou = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return np.asarray(np.minimum(iou, 1), np.float64)


def area(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N,) px² of (N, 4) boxes, in their precision; an inverted box has area 0."""
    sides: NDArray[np.floating] = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def pair_iou(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """`box_iou` of two boxes given as plain numbers, in [0, 1]; forty times faster for a single pair."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h
    return min(w * h / union, 1.0) if union > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture was fitted into another one; takes boxes there and back."""

    source_wh: tuple[int, int]  # pixels, before
    size_wh: tuple[int, int]  # pixels, after, padding included
    inner_wh: tuple[int, int]  # pixels of the resized picture inside the padding
    left_px: int
    top_px: int
    _factor: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    _shift: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    _limit: NDArray[np.float32] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        x, y = self.inner_wh[0] / self.source_wh[0], self.inner_wh[1] / self.source_wh[1]
        object.__setattr__(self, "_factor", np.array((x, y, x, y), np.float32))
        shift = (self.left_px, self.top_px, self.left_px, self.top_px)
        object.__setattr__(self, "_shift", np.array(shift, np.float32))
        object.__setattr__(self, "_limit", np.array(self.source_wh * 2, np.float32))

    def to_source(self, xyxy: ArrayLike) -> Boxes:
        """(N, 4) boxes of the letterboxed picture in source pixels, not cut (see `to_picture`).

        Each axis has its own factor, as the resized size was rounded to whole pixels.
        """
        return (as_boxes(xyxy) - self._shift) / self._factor

    def to_letterbox(self, xyxy: ArrayLike) -> Boxes:
        """(N, 4) source boxes in pixels of the letterboxed picture."""
        return as_boxes(xyxy) * self._factor + self._shift

    def to_picture(self, xyxy: ArrayLike) -> Boxes:
        """`to_source`, cut to the source picture."""
        return np.asarray(np.minimum(np.maximum(self.to_source(xyxy), _ZERO), self._limit), np.float32)


def fit(source_wh: tuple[int, int], size_wh: tuple[int, int]) -> Letterbox:
    """The letterbox of a ``source_wh`` picture in ``size_wh``, without touching a pixel.

    Rounding follows ultralytics' `LetterBox` (centred, scaling up allowed), so boxes match its own.
    Raises: ValueError if a side is not positive.
    """
    scale = _scale(source_wh, size_wh)
    inner_w, inner_h = (max(1, round(side * scale)) for side in source_wh)
    left = max(0, round((size_wh[0] - inner_w) / 2 - _HALF_TIE))
    top = max(0, round((size_wh[1] - inner_h) / 2 - _HALF_TIE))
    return Letterbox(source_wh, size_wh, (inner_w, inner_h), left, top)


def trimmed(
    source_wh: tuple[int, int], size_wh: tuple[int, int], stride: int, slack: float = 0.0
) -> tuple[int, int]:
    """The smallest size of whole strides (pixels) in which a picture is as large as in ``size_wh``.

    What is left out of ``size_wh`` is grey padding only, which costs a detector as much time as a picture: of
    a 16:9 camera in a square input 38 %. Ultralytics predicts so too (`rect`).
    Args: slack: the picture may become smaller by this share where that saves a stride: in 352 px a 16:9
        camera is 352 x 198 px, and 224 high with its padding; at 341 x 192 px it costs a seventh less.
    Raises: ValueError as `fit`.
    """
    scale = _scale(source_wh, size_wh) * (1 - slack)
    # Of sides that are not rounded yet: were 96.4 px to fit into 96, a tall picture would get 3 px shorter.
    w, h = (math.ceil((side * scale - _TINY_PX) / stride) * stride for side in source_wh)
    return min(max(w, stride), size_wh[0]), min(max(h, stride), size_wh[1])


def _scale(source_wh: tuple[int, int], size_wh: tuple[int, int]) -> float:
    if min(*source_wh, *size_wh) <= 0:
        raise ValueError(f"letterbox needs positive sides; got {source_wh} into {size_wh}. Skip empty frames")
    return min(size_wh[0] / source_wh[0], size_wh[1] / source_wh[1])
