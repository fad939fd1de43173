"""Makes of a clip that browsers cannot play one that they can: H.264, encoded once, in a process of its own.

    python -m vision.clips.encode IN OUT

Runs with the lowest priority and on one thread: whatever guard does comes first. Prints one JSON line about
OUT and ends with 0; with 1 and a reason on standard error if it cannot.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from vision.clips.mp4 import Mp4Writer, Written
from vision.clips.timeline import TICKS_PER_S
from vision.errors import StorageError
from vision.sources.images import MAX_PIXELS
from vision.sources.packets import EncodedPacket, StreamInfo

NICE: Final = 19
ENCODERS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    # x264: quality 26 of 51 (lower is better) keeps faces and number plates; "veryfast" for small boxes
    ("libx264", {"preset": "veryfast", "crf": "26"}),
    ("libopenh264", {"rc_mode": "quality"}),  # BSD licence, for an FFmpeg that was built without GPL parts
)
"""H.264 encoders, best first, with their options. PyAV's wheels bring x264."""
KEY_EVERY: Final = 50  # pictures between key frames: seeking lands within 2 to 5 s
_TIME_BASE: Final = Fraction(1, TICKS_PER_S)


def make_encoder(size_wh: tuple[int, int]) -> VideoCodecContext:
    """An H.264 encoder with headers in front of every key frame. Raises: StorageError if there is none."""
    for name, options in ENCODERS:
        try:
            context = av.CodecContext.create(name, "w")
        except (ValueError, av.error.FFmpegError):  # this FFmpeg was built without it
            continue
        assert isinstance(context, VideoCodecContext)  # noqa: S101 - for the type checker
        context.width, context.height = size_wh
        context.pix_fmt = "yuv420p"
        context.time_base = _TIME_BASE
        context.gop_size = KEY_EVERY
        context.max_b_frames = 0
        context.thread_count = 1
        context.options = options
        return context
    raise StorageError("this FFmpeg has no H.264 encoder: install PyAV from its wheel")


def convert(source: Path, target: Path) -> Written:
    """Encode every picture of ``source`` at its own time. Raises: StorageError or OSError."""
    writer: Mp4Writer | None = None
    with av.open(str(source), format="mp4") as container:
        for packet in _encoded(container):
            writer = writer or Mp4Writer(target, packet)
            writer.add(packet)
    if writer is None:
        raise StorageError(f"there is no picture in {source.name}")
    return writer.finish()


def _encoded(container: InputContainer) -> Iterator[EncodedPacket]:
    encoder: VideoCodecContext | None = None
    info = StreamInfo("h264", None, (0, 0), _TIME_BASE)
    last = -1
    for frame in _pictures(container):
        if encoder is None:
            info = replace(info, size_wh=(frame.width // 2 * 2, frame.height // 2 * 2))  # 4:2:0: even sizes
            encoder = make_encoder(info.size_wh)
        last = max(round((frame.time or 0.0) * TICKS_PER_S), last + 1)
        # JPEG pictures use all of 0 to 255, video 16 to 235: untold, a player would show them too harsh
        full = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
        picture = frame.reformat(
            *info.size_wh,
            format="yuv420p",
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
        )
        picture.pts, picture.time_base = last, _TIME_BASE
        picture.pict_type = PictureType.NONE  # the encoder chooses its own key frames
        yield from (_packet(packet, info) for packet in encoder.encode(picture))
    if encoder is not None:
        yield from (_packet(packet, info) for packet in encoder.encode(None))


def _pictures(container: InputContainer) -> Iterator[av.VideoFrame]:
    """What can be decoded; damaged packets are left out."""
    stream = container.streams.video[0]
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _packet(packet: av.Packet[VideoStream], info: StreamInfo) -> EncodedPacket:
    at = packet.pts or 0
    return EncodedPacket(bytes(packet), at / TICKS_PER_S, at, packet.dts, packet.is_keyframe, info)


def main() -> int:
    """Convert the file named on the command line."""
    source, target = (Path(argument) for argument in sys.argv[1:3])
    os.umask(0o077)
    with suppress(OSError):  # not allowed to: it is a courtesy
        os.nice(NICE)
    try:
        written = convert(source, target)
    except (OSError, ValueError) as exc:  # StorageError and FFmpegError among them
        target.unlink(missing_ok=True)
        sys.stderr.write(f"{exc}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(written)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
