"""Clips for benchmarks and a real RTSP server that plays them, on loopback.

Every picture carries its number as a row of small black and white squares in its upper left corner, so that
what comes out of the decoder is known to be the picture that went in, whatever was dropped on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import av
import cv2
import numpy as np

from tests.support.rtsp_server import RtspServer, why_not
from vision.errors import ConfigError
from vision.types import Image

BITS: Final = 12
SQUARE: Final = 8  # px: survives H.264 at any sensible rate
__all__ = ["RtspServer", "encode", "need_server", "number_of", "numbered"]


def need_server() -> None:
    """Raises: ConfigError if this machine has no GStreamer RTSP server."""
    missing = why_not()
    if missing:
        raise ConfigError(f"this benchmark needs a real RTSP server: {missing}")


def numbered(image: Image, number: int) -> Image:
    """A copy of ``image`` with ``number`` written into it. Raises: ValueError above 4095."""
    if not 0 <= number < 1 << BITS:
        raise ValueError(f"a picture's number is 0 to {(1 << BITS) - 1}; got {number}")
    marked = image.copy()
    for bit in range(BITS):
        marked[:SQUARE, bit * SQUARE : (bit + 1) * SQUARE] = 255 if number >> bit & 1 else 0
    return marked


def number_of(image: Image) -> int:
    """The number that `numbered` wrote."""
    row = image[2 : SQUARE - 2, : BITS * SQUARE].mean(axis=(0, 2))
    bits = row.reshape(BITS, SQUARE)[:, 2 : SQUARE - 2].mean(axis=1) > 127
    return int(sum(1 << i for i, bit in enumerate(bits) if bit))


def encode(
    path: Path,
    images: Iterable[Image],
    fps: int,
    size_wh: tuple[int, int] | None = None,
    b_frames: int = 0,
) -> int:
    """Write numbered pictures as H.264, a key frame a second. Returns: how many.

    Args: size_wh: to scale to, before the number is written; None: as they are. b_frames: between two
        others, none of which anything refers to.
    """
    count = 0
    with av.open(str(path), "w") as container:
        stream = cast("Any", container.add_stream("libx264", rate=fps))
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.options = {"preset": "veryfast", "crf": "23", "g": str(fps), "bf": str(b_frames)}
        stream.options |= {"x264-params": "b-adapt=0:b-pyramid=none"} if b_frames else {}
        for image in images:
            scaled = image if size_wh is None else np.asarray(cv2.resize(image, size_wh), np.uint8)
            if count == 0:
                stream.height, stream.width = scaled.shape[:2]
            frame = av.VideoFrame.from_ndarray(numbered(scaled, count), format="bgr24")
            frame.pts = count
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
    return count
