"""Encoded packets for tests: real H.264 with numbered pictures, and bare ones for rings."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

from tests.support.clips import number_of, write_clip
from vision.sources.packets import EncodedPacket, StreamInfo
from vision.sources.playback import VideoPass
from vision.types import Image

BARE = StreamInfo("h264", None, (64, 48), Fraction(1, 90_000))

PLAIN = {"libx264": {"sc_threshold": "0"}}  # no key frames but those asked for


def bare(t_s: float, key: bool, size: int = 10, stream: StreamInfo = BARE) -> EncodedPacket:
    """A packet whose bytes mean nothing."""
    stamp = round(t_s * 90_000)
    return EncodedPacket(bytes(size), t_s, stamp, stamp, key, stream)


@cache
def _recorded(count: int, fps: int, codec: str, size_wh: tuple[int, int]) -> tuple[EncodedPacket, ...]:
    found: list[EncodedPacket] = []
    with tempfile.TemporaryDirectory() as folder:
        suffix = ".mkv" if codec == "mjpeg" else ".mp4"
        path = write_clip(
            Path(folder) / f"clip{suffix}",
            count,
            fps=fps,
            codec=codec,
            size_wh=size_wh,
            options=PLAIN.get(codec),
        )
        for shown in VideoPass(path, packets=True):
            found += shown.packets
    return tuple(found)


def film(
    count: int,
    *,
    fps: int = 10,
    start_s: float = 0.0,
    codec: str = "libx264",
    size_wh: tuple[int, int] = (64, 48),
    stream: Callable[[StreamInfo], StreamInfo] = lambda info: info,
) -> list[EncodedPacket]:
    """``count`` packets with numbered pictures, a key frame every ten, that arrive in time."""
    packets = _recorded(count, fps, codec, size_wh)
    info = stream(packets[0].stream)
    return [replace(p, t_s=start_s + index / fps, stream=info) for index, p in enumerate(packets)]


def image_of(frame: av.VideoFrame) -> Image:
    """(H, W, 3) uint8 BGR."""
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def numbers_in(path: Path) -> list[int]:
    """The numbers of the pictures that a clip shows."""
    with av.open(str(path)) as container:
        return [number_of(image_of(frame)) for frame in container.decode(video=0)]


def pictures_in(path: Path) -> list[Image]:
    """The pictures that a clip shows, BGR."""
    with av.open(str(path)) as container:
        return [image_of(frame) for frame in container.decode(video=0)]
