"""Labelled boxes as the builders pass them around, and the YOLO text format on disk.

A `Box` is in pixels of its picture. YOLO text is one line per object: ``class cx cy w h``, relative to the
picture (https://docs.ultralytics.com/datasets/detect/).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision.types import CLASS_NAMES, Image

MIN_SIDE_PX = 4.0
"""Boxes thinner than this after a cut are slivers: a 320 px detector cannot learn them. Ours, by eye."""


@dataclass(frozen=True, slots=True)
class Box:
    """One object: class id (index into `CLASS_NAMES`) and corners in pixels."""

    class_id: int
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def area(self) -> float:
        """Pixels squared; 0 for an inverted box."""
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One labelled picture on its way into a set."""

    image: Image  # (H, W, 3) uint8 BGR
    boxes: tuple[Box, ...]
    name: str  # unique within a set, no suffix
    source: str  # which original picture it came from; splits go by this


def overlap_share(inner: Box, outer: Box) -> float:
    """Share of ``inner`` that lies within ``outer``, in [0, 1]."""
    w = min(inner.x2, outer.x2) - max(inner.x1, outer.x1)
    h = min(inner.y2, outer.y2) - max(inner.y1, outer.y1)
    return max(0.0, w) * max(0.0, h) / inner.area if inner.area > 0 else 0.0


def cut_boxes(boxes: Iterable[Box], frame: Sequence[float], min_share: float = 0.25) -> tuple[Box, ...]:
    """Boxes as they look inside ``frame`` (x1, y1, x2, y2), moved to its origin.

    Args: min_share: an object of which less than this share is left is dropped with its label.
    """
    fx1, fy1, fx2, fy2 = frame
    kept: list[Box] = []
    for box in boxes:
        cut = Box(
            box.class_id,
            max(box.x1, fx1) - fx1,
            max(box.y1, fy1) - fy1,
            min(box.x2, fx2) - fx1,
            min(box.y2, fy2) - fy1,
        )
        big_enough = cut.x2 - cut.x1 >= MIN_SIDE_PX and cut.y2 - cut.y1 >= MIN_SIDE_PX
        if big_enough and box.area > 0 and cut.area / box.area >= min_share:
            kept.append(cut)
    return tuple(kept)


def warp_boxes(
    boxes: Iterable[Box], matrix: NDArray[np.float64], size_wh: tuple[int, int]
) -> tuple[Box, ...]:
    """Boxes after a 3 x 3 projective map, upright again and cut to the picture.

    The hull of four moved corners is too big when an object is turned, so the hull of a superellipse is used:
    between the inscribed ellipse and the rectangle, as most objects fill their box.
    """
    w, h = size_wh
    out: list[Box] = []
    angle = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)
    for box in boxes:
        cx, cy = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
        px = cx + (box.x2 - box.x1) / 2 * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.6
        py = cy + (box.y2 - box.y1) / 2 * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.6
        moved = matrix @ np.stack([px, py, np.ones_like(px)])
        mx, my = moved[0] / moved[2], moved[1] / moved[2]
        whole = Box(box.class_id, float(mx.min()), float(my.min()), float(mx.max()), float(my.max()))
        out.extend(cut_boxes([whole], (0, 0, w, h)))
    return tuple(out)


def read_yolo(path: Path, size_wh: tuple[int, int]) -> tuple[Box, ...]:
    """Boxes of a YOLO text file, in pixels. A missing file is a picture without objects.

    Raises: ValueError for a malformed line or an unknown class.
    """
    if not path.exists():
        return ()
    w, h = size_wh
    boxes: list[Box] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        fields = line.split()
        if len(fields) != 5:
            raise ValueError(f"{path}:{number}: expected 'class cx cy w h', found {line!r}")
        class_id = int(float(fields[0]))
        if not 0 <= class_id < len(CLASS_NAMES):
            raise ValueError(f"{path}:{number}: class {class_id} is not in 0..{len(CLASS_NAMES) - 1}")
        cx, cy, bw, bh = (float(v) for v in fields[1:])
        boxes.append(
            Box(class_id, (cx - bw / 2) * w, (cy - bh / 2) * h, (cx + bw / 2) * w, (cy + bh / 2) * h)
        )
    return tuple(boxes)


def yolo_text(boxes: Iterable[Box], size_wh: tuple[int, int]) -> str:
    """The YOLO text of ``boxes``, one line each; empty for none."""
    w, h = size_wh
    return "".join(
        f"{b.class_id} {(b.x1 + b.x2) / 2 / w:.5f} {(b.y1 + b.y2) / 2 / h:.5f} "
        f"{(b.x2 - b.x1) / w:.5f} {(b.y2 - b.y1) / h:.5f}\n"
        for b in boxes
    )
