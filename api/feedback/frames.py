"""Pictures out of stored evidence: the frames of a clip at given times, or a snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

import av
import av.error
import cv2
import numpy as np

from vision.errors import EvidenceError
from vision.types import Image

NEAR_S: Final = 0.1
"""A frame further from the moment asked for shows something else: the box would be beside the vehicle. Ours;
a camera gives ten pictures a second or more."""
MAX_FRAMES: Final = 40_000
"""Over an hour at 10 frames per second; segments are a minute long."""


class UndecodableError(EvidenceError):
    """The file is what was stored, and no picture comes of it."""


def frames_at(clip: BinaryIO, times_s: Sequence[float]) -> Iterator[tuple[int, Image]]:
    """The frame nearest to each time (seconds after the clip's first frame), if within `NEAR_S`.

    Gives (index of the time, (H, W, 3) uint8 BGR) in order of time. Frames are decoded one after the other:
    a clip made of fragments has no index. Raises: UndecodableError; what was given until then is sound.
    """
    wanted = sorted(range(len(times_s)), key=lambda i: times_s[i])
    try:
        with av.open(clip, "r") as container:
            first_s: float | None = None
            before: tuple[float, av.VideoFrame] | None = None
            for number, frame in enumerate(container.decode(video=0)):
                if not wanted or number >= MAX_FRAMES:
                    return
                if frame.time is None:
                    continue
                first_s = frame.time if first_s is None else first_s
                at_s = frame.time - first_s
                while wanted and times_s[wanted[0]] <= at_s:
                    yield from _nearest(wanted.pop(0), times_s, before, (at_s, frame))
                before = (at_s, frame)
            for index in wanted:
                yield from _nearest(index, times_s, before, None)
    except (av.error.FFmpegError, IndexError, OSError) as exc:  # IndexError: there is no video in it
        raise UndecodableError(f"the clip cannot be decoded: {exc}") from exc


def _nearest(
    index: int,
    times_s: Sequence[float],
    before: tuple[float, av.VideoFrame] | None,
    after: tuple[float, av.VideoFrame] | None,
) -> Iterator[tuple[int, Image]]:
    beside = [one for one in (before, after) if one is not None]
    if not beside:
        return
    at_s, frame = min(beside, key=lambda one: abs(one[0] - times_s[index]))
    if abs(at_s - times_s[index]) <= NEAR_S:
        yield index, frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def snapshot_of(file: BinaryIO) -> Image:
    """A stored picture, (H, W, 3) uint8 BGR. Raises: UndecodableError."""
    try:
        data = np.frombuffer(file.read(), np.uint8)
    except OSError as exc:
        raise UndecodableError(f"the picture cannot be read: {exc}; check the disk") from exc
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise UndecodableError("the picture cannot be decoded")
    return image.astype(np.uint8, copy=False)
