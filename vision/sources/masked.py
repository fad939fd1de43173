"""Privacy masks: parts of the picture that nobody ever gets to see, blacked out before anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from vision.types import Frame, FrameSource, Image, SourceStatus

Polygon = Sequence[tuple[float, float]]
"""Corners as shares of the picture's width and height, in [0, 1]."""

_SHIFT: Final = 8  # bits of a pixel's fraction that OpenCV's drawing understands


def black_out(image: Image, masks: Sequence[Polygon]) -> Image:
    """``image`` (H, W, 3) with the insides and edges of ``masks`` black; changed in place where it may be."""
    if not image.flags.writeable:
        image = image.copy()
    height, width = image.shape[:2]
    for mask in masks:
        # a share of 1 is the far edge of the last pixel, whose middle lies at width - 1
        corners = (np.array(mask) * (width, height) - 0.5) * (1 << _SHIFT)
        points = [np.round(corners).astype(np.int32)]
        cv2.fillPoly(image, points, (0, 0, 0), shift=_SHIFT)
        cv2.polylines(image, points, True, (0, 0, 0), 1, shift=_SHIFT)  # pixels that an edge only touches
    return image


class MaskedSource:
    """A `FrameSource` whose pictures are blacked out where ``masks`` say so.

    Its encoded packets are not masked: whoever opens ``source`` must not ask for them.
    """

    def __init__(self, source: FrameSource, masks: Sequence[Polygon]) -> None:
        self._source = source
        self._masks = tuple(masks)

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not read before, waiting at most ``timeout_s``. None: nothing new, or ended."""
        frame = self._source.read(timeout_s)
        return None if frame is None else replace(frame, image=black_out(frame.image, self._masks))

    def status(self) -> SourceStatus:
        """The present condition. Never blocks."""
        return self._source.status()

    def close(self) -> None:
        """Stop and free everything. Idempotent."""
        self._source.close()
