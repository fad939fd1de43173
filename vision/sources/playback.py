"""Recordings as sources: video files and folders of images, in real time or as fast as they are read."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import av

from vision.errors import SourceError
from vision.sources.connection import Connection, describe
from vision.sources.images import list_images, read_image
from vision.sources.outlet import Picture
from vision.sources.packets import EncodedPacket, OnPacket
from vision.sources.tap import Offer
from vision.sources.threaded import ThreadedSource
from vision.types import Clock

log = logging.getLogger(__name__)

_LATE_S: Final = (
    1.0  # further behind than this (the machine slept) the recording goes on from now, without a rush
)

_AHEAD: Final = 64  # packets; a decoder holds back 16 pictures and one for each of its threads at most
_GAP_S: Final = 10.0  # a longer hole in a recording (pieced together, motion only) is not waited for


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture of a recording and when it is to be shown."""

    picture: Picture
    media_s: float  # seconds since the first picture, strictly rising
    index: int  # place in the recording, from 0; a gap is a picture that could not be read
    packets: tuple[EncodedPacket, ...] = ()  # up to the one that holds this picture, in decoding order


class VideoPass:
    """One pass over a video file, from its start.

    Args:
        fps: pictures per second to pretend; None keeps the times in the file.
        packets: whether each `Shown` brings its encoded packets along.
    Raises: SourceError if the file cannot be read or holds no video.
    """

    def __init__(
        self,
        path: Path,
        fps: float | None = None,
        *,
        packets: bool = False,
    ) -> None:
        self._name = str(path)
        self._fps = fps
        self._held: deque[EncodedPacket] | None = deque() if packets else None
        self.total: int | None = None
        self._ended_by: str | None = None
        self._connection = _open_file(path)
        self.frame_s = 1 / fps if fps else self._connection.frame_s

    @property
    def skipped(self) -> int:
        """Damaged pictures left out so far."""
        return self._connection.damaged

    def __iter__(self) -> Iterator[Shown]:
        index, start_s, last_s = 0, None, -self.frame_s
        try:
            on_packet = None if self._held is None else self._held.append
            for picture in self._connection.pictures(on_packet, time.monotonic):
                if picture is None:
                    continue
                stamp_s = self._connection.media_s(picture)
                if self._fps is not None or stamp_s is None:
                    media_s = last_s + self.frame_s
                else:
                    start_s = stamp_s if start_s is None else start_s
                    media_s = stamp_s - start_s
                if index and media_s <= last_s:  # stamps that repeat or run back
                    media_s = last_s + self.frame_s
                yield Shown(picture, media_s, index, self._packets_of(picture))
                index, last_s = index + 1, media_s
        except av.error.FFmpegError as exc:
            log.warning("%r breaks off after %d pictures: %s", self._name, index, describe(exc))
        finally:
            self._connection.close()
        if self._connection.damaged:
            log.warning("%r: %d damaged pictures were skipped", self._name, self._connection.damaged)

    def _packets_of(self, picture: av.VideoFrame) -> tuple[EncodedPacket, ...]:
        """The held packets up to the one of ``picture``: the decoder runs ahead of what it shows."""
        held = self._held
        if not held:
            return ()
        place = next((n for n, packet in enumerate(held, 1) if packet.pts == picture.pts), 0)
        if not place and len(held) > _AHEAD:
            place = len(held)  # stamps that do not match: better early than never
        return tuple(held.popleft() for _ in range(place))

    def close(self) -> None:
        """Free the file. Idempotent."""
        self._connection.close()


class FolderPass:
    """One pass over images in natural name order, or over a single image.

    Raises: SourceError if there is none.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._paths = [path] if path.is_file() else list_images(path)
        self.frame_s = 1 / fps
        self.total: int | None = len(self._paths)
        self.skipped = 0

    def __iter__(self) -> Iterator[Shown]:
        for index, path in enumerate(self._paths):
            try:
                image = read_image(path)
            except SourceError as exc:
                self.skipped += 1
                log.warning("image skipped: %s", exc)
                continue
            yield Shown(image, index * self.frame_s, index)

    def close(self) -> None:
        """Nothing is held between images."""


def _open_file(path: Path) -> Connection:
    name = str(path)
    try:
        with path.open("rb") as file:  # Python says plainly what is wrong with a path; FFmpeg may not
            empty = not file.read(1)
    except OSError as exc:
        raise SourceError(
            f"cannot read {name!r}: {exc.strerror}; check that it exists and is readable"
        ) from exc
    if empty:
        raise SourceError(f"cannot play {name!r}: it is empty (0 bytes); copy it again")
    try:
        return Connection.to_file(name)
    except (av.error.InvalidDataError, av.error.ArgumentError) as exc:  # rubbish, or a format not allowed
        raise SourceError(
            f"cannot play {name!r}: it is not a video that can be read, or is damaged; try another file"
        ) from exc
    except (SourceError, av.error.FFmpegError) as exc:
        raise SourceError(f"cannot play {name!r}: {describe(exc)}; try another file") from exc


Pass = VideoPass | FolderPass


class PlaybackSource(ThreadedSource):
    """A `FrameSource` over a recording.

    Args:
        open_pass: opens the recording at its start; called again for every repeat.
        loop: start again at the end.
        real_time: show pictures when they are due by ``clock`` and drop what nobody reads. Otherwise each
            picture waits until the one before was read, and none is dropped.
        on_packet: gets the encoded packets that a `Shown` brings, at the moment it is shown.
    Raises: SourceError if the recording cannot be opened.
    """

    def __init__(
        self,
        name: str,
        open_pass: Callable[[], Pass],
        *,
        clock: Clock,
        loop: bool,
        real_time: bool,
        on_packet: OnPacket | None = None,
    ) -> None:
        super().__init__(name, clock, f"Opening {name}.")
        self._open_pass = open_pass
        self._loop = loop
        self._real_time = real_time
        self._offer = Offer(on_packet)
        first = open_pass()
        self._thread = threading.Thread(target=self._play, args=(first,), name=f"play {name}", daemon=True)
        self._thread.start()

    def _threads(self) -> tuple[threading.Thread, ...]:
        return (self._thread,)

    def _play(self, recording: Pass) -> None:
        try:
            shown, skipped = self._play_through(recording)
        except (SourceError, av.error.FFmpegError, OSError) as exc:
            log.warning("%s cannot be played any further: %s", self._name, describe(exc))
            self._outlet.state("ended", f"{self._name} cannot be played any further: {describe(exc)}.")
        except Exception as exc:  # top of the thread: a reader must hear that nothing more comes
            log.exception("playing %s failed", self._name)
            self._outlet.state("ended", f"{self._name} failed: unexpected {exc.__class__.__name__}.")
        else:
            note = f", {skipped} damaged skipped" if skipped else ""
            self._outlet.state("ended", f"{self._name} has ended: {shown} pictures{note}.")

    def _play_through(self, recording: Pass) -> tuple[int, int]:
        """Show pass after pass. Returns: how many pictures were shown and how many skipped."""
        total, skipped, start_s = 0, 0, self._clock()
        while True:
            shown, due_s = 0, start_s
            try:
                for item in recording:
                    due_s = start_s + item.media_s
                    ahead_s = due_s - self._clock()
                    if ahead_s > max(_GAP_S, 2 * recording.frame_s):
                        start_s, due_s = start_s - ahead_s, due_s - ahead_s
                    if not self._wait_for_turn(due_s):
                        return total + shown, skipped
                    t_s = self._clock()
                    if t_s - due_s > _LATE_S:
                        start_s, due_s = t_s - item.media_s, t_s
                    self._show(item, t_s)
                    shown += 1
            finally:
                skipped += recording.skipped
                recording.close()
            total += shown
            if not self._loop or not shown or not self._wait_for_turn(due_s + recording.frame_s):
                return total, skipped
            start_s = due_s + recording.frame_s
            recording = self._open_pass()

    def _show(self, item: Shown, t_s: float) -> None:
        for packet in item.packets:
            self._offer(replace(packet, t_s=t_s))
        width, height = self._outlet.put(item.picture, t_s)
        self._outlet.state("live", f"Playing {self._name}, {width}x{height}.")

    def _wait_for_turn(self, due_s: float) -> bool:
        """Wait until the next picture may be shown. False: closed meanwhile."""
        with self._changed:
            while not self._closed:
                if not self._real_time:
                    if self._outlet.taken():
                        return True
                    self._changed.wait()
                elif (left_s := due_s - self._clock()) > 0:
                    self._changed.wait(
                        min(left_s, 0.05)
                    )  # looks up often, since the clock may not be the wall's
                else:
                    return True
            return False
