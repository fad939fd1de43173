"""A picture as the network's input: fitted, padded with grey, RGB planes in [0, 1], in reused buffers."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.geometry import Letterbox, fit
from vision.types import Image

Blob = NDArray[np.float32]
"""(1, 3, h, w) RGB in [0, 1]."""

PAD_VALUE: Final = 114
"""Grey that ultralytics pads with in training and prediction (ultralytics/data/augment.py, `LetterBox`)."""

_UNIT: Final = np.float32(1 / 255)
"""YOLOv8 takes RGB in [0, 1] (ultralytics/engine/predictor.py, `preprocess`)."""

_BGR: Final = 3


class BlobMaker:
    """Makes blobs of ``size_wh`` (pixels) out of pictures of one size, each into the same memory.

    Raises: ValueError if a side is not positive.
    """

    def __init__(self, source_wh: tuple[int, int], size_wh: tuple[int, int]) -> None:
        self.fitted: Letterbox = fit(source_wh, size_wh)
        inner_w, inner_h = self.fitted.inner_wh
        self._shape = (source_wh[1], source_wh[0], _BGR)
        self._inner = np.empty((inner_h, inner_w, _BGR), np.uint8)
        self._turned = np.empty_like(self._inner)
        self._planes = tuple(np.empty((inner_h, inner_w), np.uint8) for _ in range(_BGR))
        self._blob = np.full((1, _BGR, size_wh[1], size_wh[0]), PAD_VALUE * _UNIT, np.float32)
        top, left = self.fitted.top_px, self.fitted.left_px
        inside = self._blob[0, :, top : top + inner_h, left : left + inner_w]
        self._bgr = (inside[2], inside[1], inside[0])  # views of the blob, in the order of the planes

    def blob(self, image: Image, *, mirrored: bool = False) -> Blob:
        """The blob of ``image`` (H, W, 3) uint8 BGR, or of its mirror image (left for right); valid until the
        next call. Bilinear, as ultralytics'.

        Plane by plane from `cv2.split`: one strided numpy multiply takes half as long again, and
        `cv2.dnn.blobFromImage` of OpenCV 5.0 twenty times as long.
        Raises: ValueError for a picture of another shape.
        """
        if image.shape != self._shape:
            raise ValueError(f"this maker takes pictures of shape {self._shape}; got {image.shape}")
        inner_wh = self.fitted.inner_wh
        same = inner_wh == self.fitted.source_wh
        inner = image if same else cv2.resize(image, inner_wh, self._inner, interpolation=cv2.INTER_LINEAR)
        if mirrored:
            inner = cv2.flip(inner, 1, self._turned)
        for plane, out in zip(cv2.split(inner, self._planes), self._bgr, strict=True):
            np.copyto(out, plane)  # and then in place: a multiplication that casts is a fifth slower
            np.multiply(out, _UNIT, out=out)
        return self._blob


def blob_of(image: Image, size_wh: tuple[int, int]) -> Blob:
    """One picture's blob in memory of its own, see `BlobMaker`."""
    return BlobMaker((image.shape[1], image.shape[0]), size_wh).blob(image)
