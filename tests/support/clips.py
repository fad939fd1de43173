"""Small recordings made on the spot, whose pictures tell their own number."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from vision.types import Image

GREY_STEP = 8  # grey levels from one picture's number to the next: survives any codec


def numbered(number: int, size_wh: tuple[int, int] = (64, 48)) -> Image:
    """(H, W, 3) uint8 picture in a grey that stands for ``number`` (modulo 31)."""
    return np.full((size_wh[1], size_wh[0], 3), number % 31 * GREY_STEP, np.uint8)


def number_of(image: Image) -> int:
    """The number that `numbered` drew."""
    return round(float(image.mean()) / GREY_STEP)


def write_clip(
    path: Path,
    count: int,
    *,
    size_wh: tuple[int, int] = (64, 48),
    fps: int = 25,
    codec: str = "libx264",
    damage: tuple[int, ...] = (),
    draw: Callable[[int, tuple[int, int]], Image] = numbered,
    stamp: Callable[[int], int] = int,
    options: dict[str, str] | None = None,
) -> Path:
    """Write ``count`` pictures as a video; packets whose index is in ``damage`` become noise.

    ``stamp`` gives the time of a picture, in pictures.
    """
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=fps)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.codec_context.gop_size = 10
        stream.codec_context.max_b_frames = 0
        stream.codec_context.options = options or {}
        packets: list[av.Packet[VideoStream]] = []
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(draw(number, size_wh), format="bgr24")
            frame.pts = stamp(number)
            frame.time_base = Fraction(1, fps)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for index, packet in enumerate(packets):
            if index in damage:
                noise = av.Packet(bytes(range(1, 200)))
                noise.pts, noise.dts, noise.time_base = packet.pts, packet.dts, packet.time_base
                noise.stream = stream
                noise.is_keyframe = True
                output.mux(noise)
            else:
                output.mux(packet)
    return path


def write_images(
    folder: Path, count: int, *, size_wh: tuple[int, int] = (64, 48), suffix: str = ".png"
) -> Path:
    """Write ``count`` numbered pictures into ``folder`` as 0.png, 1.png, …"""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        assert cv2.imwrite(str(folder / f"{number}{suffix}"), numbered(number, size_wh))
    return folder
