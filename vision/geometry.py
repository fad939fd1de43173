"""Boxes and the letterbox: pure functions on arrays. Boxes are ``xyxy`` (x1, y1, x2, y2), pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from vision.types import Image

Boxes = NDArray[np.float32]
"""(N, 4) float32 xyxy."""

PAD_VALUE: Final = 114
"""Grey that ultralytics pads with in training and prediction (ultralytics/data/augment.py, `LetterBox`)."""

_HALF_TIE: Final = 0.1
"""Ultralytics' nudge (same place): an odd spare pixel goes to the right and to the bottom."""

_IMAGE_NDIM: Final = 3


def as_boxes(xyxy: ArrayLike) -> Boxes:
    """``xyxy`` as an (N, 4) float32 array; one flat box and an empty list are understood.

    Raises: ValueError if the values do not come in fours.
    """
    boxes = np.asarray(xyxy, dtype=np.float32)
    if boxes.size % 4 or (boxes.ndim and boxes.size and boxes.shape[-1] != 4):
        raise ValueError(f"boxes need shape (N, 4); got {boxes.shape}. Pass one row per box")
    return boxes.reshape(-1, 4)


def area(xyxy: ArrayLike) -> NDArray[np.float32]:
    """(N,) px² of (N, 4) boxes; an inverted box has area 0."""
    boxes = as_boxes(xyxy)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def centre(xyxy: ArrayLike) -> NDArray[np.float32]:
    """(N, 2) x, y of the middle of (N, 4) boxes, pixels."""
    boxes = as_boxes(xyxy)
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2, np.float32)


def box_iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
    """Intersection over union of every box in ``a`` (N, 4) with every box in ``b`` (M, 4).

    Returns: (N, M) in [0, 1]. Boxes without area overlap nothing, themselves included.
    """
    one, two = as_boxes(a).astype(np.float64), as_boxes(b).astype(np.float64)
    top_left = np.maximum(one[:, None, :2], two[None, :, :2])
    bottom_right = np.minimum(one[:, None, 2:], two[None, :, 2:])
    sides = np.maximum(bottom_right - top_left, 0)
    inter = sides[..., 0] * sides[..., 1]
    sides_one, sides_two = np.maximum(one[:, 2:] - one[:, :2], 0), np.maximum(two[:, 2:] - two[:, :2], 0)
    union = (sides_one.prod(1)[:, None] + sides_two.prod(1)[None, :]) - inter
    iou = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return np.asarray(np.clip(iou, 0, 1), np.float32)


def pair_iou(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """`box_iou` of two boxes given as plain numbers, in [0, 1]; forty times faster for a single pair."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h
    return min(w * h / union, 1.0) if union > 0 else 0.0


def clip_xyxy(xyxy: ArrayLike, size_wh: tuple[int, int]) -> Boxes:
    """A copy of (N, 4) boxes cut to a picture of ``size_wh`` pixels."""
    boxes = as_boxes(xyxy).copy()
    boxes[:, 0::2] = np.clip(boxes[:, 0::2], 0, size_wh[0])
    boxes[:, 1::2] = np.clip(boxes[:, 1::2], 0, size_wh[1])
    return boxes


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture was fitted into another one; takes boxes there and back."""

    source_wh: tuple[int, int]  # pixels, before
    size_wh: tuple[int, int]  # pixels, after, padding included
    inner_wh: tuple[int, int]  # pixels of the resized picture inside the padding
    left_px: int
    top_px: int

    def to_source(self, xyxy: ArrayLike) -> Boxes:
        """(N, 4) boxes of the letterboxed picture in source pixels, not clipped (see `unletterbox`).

        Each axis has its own factor, as the resized size was rounded to whole pixels.
        """
        return (as_boxes(xyxy) - self._shift()) / self._factor()

    def to_letterbox(self, xyxy: ArrayLike) -> Boxes:
        """(N, 4) source boxes in pixels of the letterboxed picture."""
        return as_boxes(xyxy) * self._factor() + self._shift()

    def _factor(self) -> NDArray[np.float32]:
        x, y = self.inner_wh[0] / self.source_wh[0], self.inner_wh[1] / self.source_wh[1]
        return np.array((x, y, x, y), np.float32)

    def _shift(self) -> NDArray[np.float32]:
        return np.array((self.left_px, self.top_px, self.left_px, self.top_px), np.float32)


def fit(source_wh: tuple[int, int], size_wh: tuple[int, int]) -> Letterbox:
    """The letterbox of a ``source_wh`` picture in ``size_wh``, without touching a pixel.

    Rounding follows ultralytics' `LetterBox` (centred, scaling up allowed), so boxes match its own.
    Raises: ValueError if a side is not positive.
    """
    if min(*source_wh, *size_wh) <= 0:
        raise ValueError(f"letterbox needs positive sides; got {source_wh} into {size_wh}. Skip empty frames")
    scale = min(size_wh[0] / source_wh[0], size_wh[1] / source_wh[1])
    inner_w, inner_h = (max(1, round(side * scale)) for side in source_wh)
    left = max(0, round((size_wh[0] - inner_w) / 2 - _HALF_TIE))
    top = max(0, round((size_wh[1] - inner_h) / 2 - _HALF_TIE))
    return Letterbox(source_wh, size_wh, (inner_w, inner_h), left, top)


def trimmed(source_wh: tuple[int, int], size_wh: tuple[int, int], stride: int) -> tuple[int, int]:
    """The smallest size of whole strides (pixels) in which a picture is as large as in ``size_wh``.

    What is left out of ``size_wh`` is grey padding only, which costs a detector as much time as a picture: of
    a 16:9 camera in a square input 38 %. Ultralytics predicts so too (`rect`). Raises: ValueError as `fit`.
    """
    inner_w, inner_h = fit(source_wh, size_wh).inner_wh
    w, h = (-(-side // stride) * stride for side in (inner_w, inner_h))
    return min(w, size_wh[0]), min(h, size_wh[1])


def letterbox(image: Image, size_wh: tuple[int, int], out: Image | None = None) -> tuple[Image, Letterbox]:
    """Resize to fit ``size_wh`` (pixels), keep the aspect ratio, pad the rest with `PAD_VALUE`.

    Args: image is (H, W, 3) uint8 BGR; ``out`` a C-contiguous (h, w, 3) uint8 buffer that is filled and
    returned, which saves an allocation per frame. Returns: (h, w, 3) uint8, and the map taking boxes back.
    Raises: ValueError if the image is empty or ``out`` has another shape.
    Source: ultralytics `LetterBox` (bilinear, grey 114).
    """
    if image.ndim != _IMAGE_NDIM or image.shape[2] != _IMAGE_NDIM:
        raise ValueError(f"letterbox needs an (H, W, 3) picture; got {image.shape}. Convert it to BGR first")
    fitted = fit((image.shape[1], image.shape[0]), size_wh)
    shape = (size_wh[1], size_wh[0], 3)
    if out is None:
        out = np.empty(shape, np.uint8)
    elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise ValueError(f"out must be C-contiguous uint8 {shape}; got {out.dtype} {out.shape}")
    (inner_w, inner_h), left, top = fitted.inner_wh, fitted.left_px, fitted.top_px
    out[:top] = PAD_VALUE
    out[top + inner_h :] = PAD_VALUE
    out[top : top + inner_h, :left] = PAD_VALUE
    out[top : top + inner_h, left + inner_w :] = PAD_VALUE
    inner = out[top : top + inner_h, left : left + inner_w]
    if fitted.inner_wh == fitted.source_wh:
        inner[:] = image
    else:
        cv2.resize(image, fitted.inner_wh, dst=inner, interpolation=cv2.INTER_LINEAR)
    return out, fitted


def unletterbox(xyxy: ArrayLike, fitted: Letterbox) -> Boxes:
    """(N, 4) boxes of the letterboxed picture in source pixels, cut to the source picture."""
    return clip_xyxy(fitted.to_source(xyxy), fitted.source_wh)
