"""Writes encoded packets as fragmented MP4: no re-encoding, append only, whole up to the last fragment.

Every `FRAGMENT_S` a fragment is complete; a file that breaks off plays up to there once it is cut
(`vision.clips.fragments`). An index at the end lets players seek; Chromium does without it, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
from av.video.codeccontext import VideoCodecContext

from vision.clips.files import GrowingFile
from vision.clips.timeline import TICKS_PER_S, Timeline
from vision.errors import StorageError
from vision.sources.packets import EncodedPacket, StreamInfo

FRAGMENT_S: Final = 0.3  # with a look for packets every 0.2 s, less than a second is unwritten from 5 fps on
REMUXABLE: Final = frozenset({"h264", "hevc", "mjpeg"})  # what an MP4 may carry here
_TIME_BASE: Final = Fraction(1, TICKS_PER_S)
_FIRST_GAP: Final = TICKS_PER_S // 10
"""How long the first picture counts until the second tells: a clip of one picture has a length, too."""
_OPTIONS: Final = {
    # delay_moov: the codec's headers are taken from the first key frame, where `PacketTap` put them.
    "movflags": "delay_moov+default_base_moof",
    "frag_duration": str(round(FRAGMENT_S * 1_000_000)),
    "flush_packets": "1",
    "use_editlist": "0",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A finished file."""

    n_bytes: int
    duration_s: float
    packets: int
    sha256: str


class Mp4Writer:
    """One MP4 file from one stream. Used by one thread.

    Args:
        path: must not exist. first: the key frame that the file begins with, not yet written.
    Raises: StorageError where the disk fails, here and from every method.
    """

    def __init__(self, path: Path, first: EncodedPacket) -> None:
        self.stream = first.stream
        self.start_s = first.t_s  # on the source's clock; the file's time 0
        self.packets = 0
        self._timeline = Timeline()
        self._gap = _FIRST_GAP
        try:
            self._file = GrowingFile(path)
        except OSError as exc:
            raise StorageError(f"cannot write {path}: {exc.strerror or exc}") from exc
        try:
            width, height = size_of(first)
            self._container = av.open(self._file, "w", format="mp4", options=_OPTIONS)
            self._out = self._container.add_mux_stream(first.stream.codec, width=width, height=height)
            self._out.time_base = _TIME_BASE
        except Exception:
            self._file.close()
            raise

    def add(self, packet: EncodedPacket) -> None:
        """Append a packet."""
        copy = av.Packet(packet.data)
        before = self._timeline.last
        copy.dts, copy.pts = self._timeline.place(packet)
        if before >= 0:
            self._gap = copy.dts - before
        copy.duration = self._gap
        copy.is_keyframe = packet.keyframe
        copy.time_base = _TIME_BASE
        copy.stream = self._out
        try:
            self._container.mux_one(copy)
        except (OSError, av.error.FFmpegError) as exc:
            raise self._failed(exc) from exc
        self.packets += 1

    @property
    def duration_s(self) -> float:
        """Seconds from the first picture to the end of the last."""
        return (self._timeline.last + self._gap) / TICKS_PER_S if self.packets else 0.0

    def sync(self) -> None:
        """Wait until the whole fragments are on the disk."""
        try:
            self._file.sync()
        except OSError as exc:
            raise self._failed(exc) from exc

    def finish(self) -> Written:
        """Write the last fragment and the index, sync and close."""
        try:
            self._container.close()
            self._file.sync()
        except (OSError, av.error.FFmpegError) as exc:
            raise self._failed(exc) from exc
        finally:
            self._file.close()
        return Written(self._file.n_bytes, self.duration_s, self.packets, self._file.sha256)

    def abandon(self) -> None:
        """Close the file as it is, half a fragment included. Idempotent, raises nothing."""
        self._file.close()  # first: the muxer's last words go nowhere
        try:
            self._container.close()
        except (OSError, ValueError):  # FFmpegError is one of them
            return

    def _failed(self, exc: Exception) -> StorageError:
        reason = getattr(exc, "strerror", None) or str(exc)
        return StorageError(f"cannot write {self._file.path.name}: {reason}")


def same_kind(one: StreamInfo, other: StreamInfo) -> bool:
    """Whether packets of both may follow each other in one file."""
    return one is other or (
        (one.codec, one.extradata, one.size_wh) == (other.codec, other.extradata, other.size_wh)
    )


def size_of(key: EncodedPacket) -> tuple[int, int]:
    """Width and height in pixels as announced, or else as decoding the key frame tells.

    Raises: StorageError if neither does.
    """
    if min(key.stream.size_wh) > 0:
        return key.stream.size_wh
    decoder = av.CodecContext.create(key.stream.codec, "r")
    if not isinstance(decoder, VideoCodecContext):
        raise StorageError(f"{key.stream.codec} is no video")
    try:
        frames = [*decoder.decode(av.Packet(key.data)), *decoder.decode(None)]
    except av.error.FFmpegError as exc:
        raise StorageError(f"the camera's key frame cannot be decoded: {exc.strerror}") from exc
    if not frames:
        raise StorageError("the camera's key frame cannot be decoded: no picture came of it")
    return frames[0].width, frames[0].height
