"""One connection through PyAV: how it is opened, what can be read from it, and its errors in plain words."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from types import TracebackType
from typing import Final, Literal, Self

import av
import av.container
import av.error
import av.video.stream

from vision.errors import SourceError
from vision.sources.images import MAX_PIXELS
from vision.sources.packets import OnPacket
from vision.sources.tap import PacketTap
from vision.types import Clock

RtspTransport = Literal["tcp", "udp"]

_US_PER_S: Final = 1_000_000
_NEARLY: Final = 0.9  # FFmpeg looks at its time-outs every 0.1 s and rounds
_LIMITS: Final = {"max_pixels": str(MAX_PIXELS)}
# Containers with moving pictures. Without this list FFmpeg would take a text file for a film of a terminal,
# and a play list for leave to open whatever it names.
_FILE_FORMATS: Final = "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,h264,hevc,mjpeg,ivf,m4v,mpegvideo"
_FILE_OPTIONS: Final = {**_LIMITS, "protocol_whitelist": "file", "format_whitelist": _FILE_FORMATS}

_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (  # first match wins
    (av.error.HTTPUnauthorizedError, "it refuses the user name or password (401)"),
    (av.error.HTTPForbiddenError, "it forbids access (403)"),
    (av.error.HTTPNotFoundError, "it has no stream under this path (404)"),
    (av.error.HTTPServerError, "it reports an internal error (5xx)"),
    (av.error.ExitError, "it does not answer"),
    (TimeoutError, "it does not answer"),
    (ConnectionRefusedError, "it refuses the connection"),
    (ConnectionError, "the connection broke"),
    (EOFError, "it ended the stream"),
    (av.error.InvalidDataError, "what it sends is not video that can be understood"),
    (FileNotFoundError, "there is no such device or file"),
    (PermissionError, "access is denied; for a USB camera add this user to the group 'video'"),
)


def describe(exc: BaseException) -> str:
    """An error in plain words.

    Never built from ``str(exc)``: PyAV puts the address there, password and all.
    """
    if isinstance(exc, SourceError):
        return str(exc)
    for kind, words in _WORDS:
        if isinstance(exc, kind):
            return words
    reason = exc.strerror if isinstance(exc, (av.error.FFmpegError, OSError)) else None
    return f"it failed: {reason or exc.__class__.__name__}"


def stream_options(url: str, transport: RtspTransport, stall_timeout_s: float) -> dict[str, str]:
    """FFmpeg options for a network stream. Source: ffmpeg-protocols(1) and ffmpeg-formats(1), FFmpeg 8."""
    socket_timeout_us = str(round(stall_timeout_s * _US_PER_S))
    # The stream's headers come in the session description or with the first key frame; guessing the frame
    # rate from 20 frames, as FFmpeg likes to, only delays the first picture.
    options = {**_LIMITS, "fpsprobesize": "0", "analyzeduration": str(2 * _US_PER_S)}
    if url.lower().startswith("rtsp"):
        return options | {
            "rtsp_transport": transport,
            "allowed_media_types": "video",  # sound from inside an elevator is nobody's business
            "timeout": socket_timeout_us,
        }
    return options | {"rw_timeout": socket_timeout_us, "protocol_whitelist": "http,https,tcp,tls,crypto"}


class Connection:
    """An open stream, device or file with its decoder. Used and closed by one thread.

    Args:
        format_name: FFmpeg demuxer to force, None to detect it.
        timeout_s: (open, read). Opening has two steps and each may take the first; None waits for ever.
    Raises: av.error.FFmpegError (a builtin OSError or ValueError too, by its kind) or SourceError.
    """

    def __init__(
        self,
        target: str,
        options: Mapping[str, str],
        *,
        format_name: str | None = None,
        timeout_s: tuple[float, float] | None = None,
        frame_threads: bool = False,
    ) -> None:
        asked_s = time.monotonic()
        try:
            self._container = av.open(target, format=format_name, options=dict(options), timeout=timeout_s)
        except av.error.FFmpegError as exc:
            waited_s = time.monotonic() - asked_s
            if timeout_s is not None and waited_s >= _NEARLY * min(timeout_s):
                # FFmpeg calls an RTSP answer that never came "invalid data"
                raise SourceError(f"it does not answer as a camera would (waited {waited_s:.1f} s)") from exc
            raise
        self.damaged = 0  # packets and pictures skipped because they could not be decoded
        self.hurry = False  # leave out pictures that no other is built on, see `vision.sources.haste`
        self._hurries = False
        if not self._container.streams.video:
            self._container.close()
            raise SourceError("there is no video in it")
        self._stream = self._container.streams.video[0]
        context = self._stream.codec_context
        context.options = dict(_LIMITS)
        # Live pictures use one thread: frame threads hold back a picture each, and with slice threads FFmpeg
        # does not conceal what was lost on the way (h264dec, enable_er): half a picture would stay rubbish.
        context.thread_type = "AUTO" if frame_threads else "NONE"

    @classmethod
    def to_file(cls, path: str) -> Connection:
        """Open a video file for playback."""
        return cls(path, _FILE_OPTIONS, frame_threads=True)

    @property
    def frame_s(self) -> float:
        """Seconds from one frame to the next as far as the file tells, else 1/25."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(1 / rate) if rate else 1 / 25

    def media_s(self, frame: av.VideoFrame) -> float | None:
        """When ``frame`` is to be shown, in seconds of the recording; None: it does not say."""
        if frame.pts is None or frame.time_base is None:
            return None
        return float(frame.pts * frame.time_base)

    def pictures(
        self, on_packet: OnPacket | None = None, clock: Clock | None = None
    ) -> Iterator[av.VideoFrame | None]:
        """Decoded pictures in order of showing. None: a packet came that gave no picture (yet).

        Damaged packets and pictures are counted in `damaged` and skipped. Ends where the stream ends.
        """
        tap = (
            PacketTap(self._stream, on_packet, clock) if on_packet is not None and clock is not None else None
        )
        with closing(self._container.demux(self._stream)) as packets:  # type: ignore[type-var]  # a generator
            for packet in packets:
                if tap is not None:
                    tap.offer(packet)
                yield from self._decode(packet)

    def _decode(self, packet: av.Packet[av.video.stream.VideoStream]) -> Iterator[av.VideoFrame | None]:
        if self.hurry is not self._hurries:
            self._hurries = self.hurry
            self._stream.codec_context.skip_frame = "NONREF" if self.hurry else "DEFAULT"
        try:
            frames = packet.decode()
        except EOFError:
            return
        except av.error.FFmpegError:
            self.damaged += 1
            frames = []
        given = 0
        for frame in frames:
            if frame.is_corrupt:
                self.damaged += 1
            else:
                given += 1
                yield frame
        if not given:
            yield None

    def close(self) -> None:
        """Free everything. Idempotent."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
