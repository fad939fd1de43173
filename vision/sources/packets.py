"""Encoded packets as values, for whoever cuts clips without re-encoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a muxer must know about the stream that packets belong to. One object per connection."""

    codec: str  # FFmpeg's name: "h264", "hevc", "mjpeg"
    extradata: bytes | None  # codec headers out of band; H.264 and H.265 packets carry them too
    size_wh: tuple[int, int]  # pixels as announced at connection; (0, 0): not announced
    time_base: Fraction  # seconds per unit of pts and dts


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One encoded picture. Holds its own copy of the bytes, so it outlives its connection.

    H.264 and H.265 come as Annex B with parameter sets in front of every key frame: what starts at a key
    frame plays by itself.
    """

    data: bytes
    t_s: float  # when it arrived, on the source's clock
    pts: int | None  # units of stream.time_base
    dts: int | None
    keyframe: bool
    stream: StreamInfo


OnPacket = Callable[[EncodedPacket], None]
"""Called on the source's reading thread for every packet, before it is decoded. Must return quickly."""
