"""A recording as a plain iteration of frames: no thread, no clock, the same every time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from vision.errors import SourceError
from vision.sources.address import parse_address, redact
from vision.sources.images import IMAGE_SUFFIXES
from vision.sources.outlet import BgrConverter
from vision.sources.playback import FolderPass, Pass, VideoPass
from vision.types import Frame

DEFAULT_FOLDER_FPS: Final = 10.0
_MAX_FPS: Final = 1000.0  # more is a typing error


class ReplayFrames(Iterator[Frame]):
    """Frames of a recording, every one of them, as fast as they are asked for.

    ``t_s`` starts at 0 and rises strictly; ``seq`` is the place in the recording, so a gap marks an
    unreadable image. Each frame is decoded when it is asked for.
    """

    def __init__(self, recording: Pass) -> None:
        self._recording = recording
        self._items = iter(recording)
        self._convert = BgrConverter()

    @property
    def total(self) -> int | None:
        """How many pictures the recording has, unreadable ones included; None: unknown until the end."""
        return self._recording.total

    @property
    def skipped(self) -> int:
        """Unreadable images or damaged pictures left out so far."""
        return self._recording.skipped

    def __next__(self) -> Frame:
        item = next(self._items)
        return Frame(self._convert(item.picture), item.media_s, item.index)

    def __iter__(self) -> Self:
        return self

    def close(self) -> None:
        """Free the file before the end. Idempotent."""
        self._recording.close()


def iter_frames(path: str | Path, fps: float | None = None) -> ReplayFrames:
    """Every frame of a video file, an image, or a folder of images (natural name order), for replays.

    Args:
        path: a file or folder, or ``sample`` for the bundled clip.
        fps: frames per second to pretend; None keeps a video's own times, and means 10 for a folder.
    Raises: SourceError if it cannot be opened (at once, not at the first frame), ValueError for a wild fps.
    """
    address = parse_address(str(path))
    if address.kind not in {"file", "folder"}:
        raise SourceError(
            f"only files and folders can be replayed, not {redact(str(path))}; for cameras use `run`"
        )
    return ReplayFrames(open_recording(Path(address.target), fps, DEFAULT_FOLDER_FPS))


def open_recording(
    path: Path,
    fps: float | None,
    folder_fps: float,
    *,
    packets: bool = False,
) -> Pass:
    """Open a file or folder at its start. Raises as `iter_frames` does."""
    for rate in (folder_fps, *([] if fps is None else [fps])):
        if not (math.isfinite(rate) and 0 < rate <= _MAX_FPS):
            raise ValueError(f"frames per second must be above 0 and at most 1000; got {rate}")
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return FolderPass(path, fps or folder_fps)
    return VideoPass(path, fps, packets=packets)
