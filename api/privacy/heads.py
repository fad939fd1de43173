"""Where heads may be, and how they are made unrecognisable. Pure.

A camera at the ceiling sees heads from above and behind, where face detectors find little; what is found
reliably is a person. So the upper part of everything that is or carries a person is covered, in pictures
before and after too, because what one frame misses its neighbours show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from vision.types import CLASS_NAMES, Detections, Image

Region = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels, inside the picture, not empty."""

FOUND_CONF: Final = 0.015
"""Far below what counts as seen: a cover too many hides a chair, one too few shows a face. From 0.10 down to
0.012 the share of missed heads on ceiling-camera pictures falls from 20 to 6 % (`benchmarks/blur.py`)."""
UPPER: Final = {"person": 0.55, "wheelchair": 0.60, "stroller": 0.60}
"""Share of a box's height, from its top, that may hold a head. A person bent over a stroller, or seen from
above, has the head as low as the middle of the box; in a wheelchair or stroller someone sits. Ours, by eye on
ceiling-camera frames; `benchmarks/blur.py` measures what it misses."""
MARGIN: Final = 0.15
"""Of the box's width on both sides, and of its height above: boxes end at the hair."""
BLOCKS: Final = 6
"""Squares across a covered region's shorter side. The region is wider than the shoulders, so a face is two or
three squares of one colour each. Ours."""
SPREAD: Final = 5
"""Frames before and after for which a region stays covered: half a second at 10 per second."""


def regions(found: Detections, size_wh: tuple[int, int]) -> list[Region]:
    """What to cover in one picture of ``size_wh`` pixels."""
    width, height = size_wh
    out = []
    for box, conf, class_id in zip(found.xyxy, found.conf, found.class_id, strict=True):
        share = UPPER.get(CLASS_NAMES[class_id])
        if share is None or conf < FOUND_CONF:
            continue
        x1, y1, x2, y2 = (float(v) for v in box)
        aside, above = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
        region = (
            max(0, int(x1 - aside)),
            max(0, int(y1 - above)),
            min(width, int(np.ceil(x2 + aside))),
            min(height, int(np.ceil(y1 + share * (y2 - y1)))),
        )
        if region[0] < region[2] and region[1] < region[3]:
            out.append(region)
    return out


def lasting(per_frame: Sequence[Sequence[Region]], spread: int = SPREAD) -> list[list[Region]]:
    """For each frame the regions of its own and of ``spread`` frames on both sides."""
    return [
        [region for near in per_frame[max(0, i - spread) : i + spread + 1] for region in near]
        for i in range(len(per_frame))
    ]


def cover(image: Image, where: Sequence[Region]) -> Image:
    """A copy of ``image`` (H, W, 3) with every region pixelated beyond recognition."""
    out = image.copy()
    for x1, y1, x2, y2 in where:
        part = image[y1:y2, x1:x2]  # of the original: covering twice makes nothing sharper
        h, w = part.shape[:2]
        side = max(1, min(w, h) // BLOCKS)
        small = cv2.resize(part, (max(1, w // side), max(1, h // side)), interpolation=cv2.INTER_AREA)
        out[y1:y2, x1:x2] = cv2.resize(small, (w, h), interpolation=cv2.INTER_NEAREST)
    return out
