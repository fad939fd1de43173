"""Pictures as files: JPEG of one frame, a small moving WebP of many, and frames as packets of a ring."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import cv2
import numpy as np
from PIL import Image as Pil

from vision.errors import StorageError
from vision.sources.packets import EncodedPacket, StreamInfo
from vision.types import Frame, Image

SNAPSHOT_QUALITY: Final = 90  # of 100; a plate stays readable
RING_QUALITY: Final = 85  # encoded once more when it becomes a clip
THUMBNAIL_WIDTH: Final = 240  # pixels
THUMBNAIL_QUALITY: Final = 50
THUMBNAIL_FRAME_MS: Final = 250  # shown for so long, whatever time lay between
_TIME_BASE: Final = Fraction(1, 90_000)


def jpeg(image: Image, quality: int = SNAPSHOT_QUALITY) -> bytes:
    """``image`` (H, W, 3) uint8 BGR as JPEG, quality 0 to 100. Raises: StorageError if it cannot."""
    try:
        ok, data = cv2.imencode(".jpg", np.ascontiguousarray(image), (cv2.IMWRITE_JPEG_QUALITY, quality))
    except cv2.error:  # empty, or more than JPEG's 65535 pixels on a side
        ok, data = False, np.empty(0, np.uint8)
    if not ok:
        raise StorageError(f"a picture of {image.shape[1]}x{image.shape[0]} px cannot be encoded as JPEG")
    return data.tobytes()


def shrunk(image: Image) -> Image:
    """A copy of ``image`` for a thumbnail, `THUMBNAIL_WIDTH` wide or as it is if smaller."""
    height, width = image.shape[:2]
    if width <= THUMBNAIL_WIDTH:
        return image.copy()
    size = (THUMBNAIL_WIDTH, max(1, round(height * THUMBNAIL_WIDTH / width)))
    step = max(1, width // (2 * THUMBNAIL_WIDTH))  # a large picture is thinned first: half the time
    return np.asarray(cv2.resize(image[::step, ::step], size, interpolation=cv2.INTER_AREA), np.uint8)


def moving_webp(images: Sequence[Image]) -> bytes:
    """``images`` (BGR, at least one) as a WebP that repeats for ever. Raises: StorageError."""
    frames = [Pil.fromarray(image[:, :, ::-1]) for image in images]
    file = io.BytesIO()
    try:
        frames[0].save(
            file,
            "WEBP",
            save_all=True,
            append_images=frames[1:],
            duration=THUMBNAIL_FRAME_MS,
            loop=0,
            quality=THUMBNAIL_QUALITY,
            method=2,  # of 0 to 6: half the time of the default for some per cent more bytes
        )
    except (OSError, ValueError) as exc:
        raise StorageError(f"the thumbnail cannot be encoded: {exc}") from exc
    return file.getvalue()


class FramePackets:
    """Makes packets of frames, for cameras whose own packets cannot be kept. Used by one thread."""

    def __init__(self) -> None:
        self._stream: StreamInfo | None = None

    def __call__(self, frame: Frame) -> EncodedPacket:
        """One frame as a key frame of its own. Raises: StorageError."""
        height, width = frame.image.shape[:2]
        if self._stream is None or self._stream.size_wh != (width, height):
            self._stream = StreamInfo("mjpeg", None, (width, height), _TIME_BASE)
        stamp = round(frame.t_s / _TIME_BASE)
        return EncodedPacket(
            jpeg(frame.image, RING_QUALITY), frame.t_s, stamp, stamp, keyframe=True, stream=self._stream
        )
