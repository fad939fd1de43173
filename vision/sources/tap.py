"""Copies encoded packets out of a connection, made fit to be cut anywhere."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Final

import av
from av.bitstream import BitStreamFilterContext
from av.stream import Stream
from av.video.stream import VideoStream

from vision.sources.packets import EncodedPacket, OnPacket, StreamInfo
from vision.types import Clock

log = logging.getLogger(__name__)

_TO_ANNEX_B: Final = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
_START_CODES: Final = (b"\0\0\1", b"\0\0\0\1")


class Offer:
    """Gives packets to a taker. One that fails is told so in the log, once, and left alone from then on."""

    def __init__(self, on_packet: OnPacket | None) -> None:
        self._on_packet = on_packet

    def __call__(self, packet: EncodedPacket) -> None:
        """Raises nothing."""
        if self._on_packet is not None:
            try:
                self._on_packet(packet)
            except Exception:  # clips are a side line: the picture goes on
                log.exception("taking packets for clips failed; no more are offered on this connection")
                self._on_packet = None


class PacketTap:
    """Offers each packet of one stream to ``on_packet`` as an `EncodedPacket`.

    MP4 files and session descriptions keep H.264's and H.265's parameter sets out of the packets. Here they
    go in front of every key frame (Annex B), so that a clip cut from the middle plays, whatever it came from.
    """

    def __init__(self, stream: VideoStream, on_packet: OnPacket, clock: Clock) -> None:
        context = stream.codec_context
        codec = context.codec.canonical_name
        self._on_packet: OnPacket | None = on_packet
        self._clock = clock
        self._stream = stream
        self._info = StreamInfo(
            codec=codec,
            extradata=context.extradata,
            size_wh=(context.width, context.height),
            time_base=stream.time_base or Fraction(1, 90_000),  # RTP's clock for video, RFC 3551
        )
        self._filter: BitStreamFilterContext | None = None
        if codec in _TO_ANNEX_B and context.extradata:
            annex_b = context.extradata.startswith(_START_CODES)
            name = "dump_extra=freq=keyframe" if annex_b else _TO_ANNEX_B[codec]
            self._filter = BitStreamFilterContext(name, in_stream=stream)

    def offer(self, packet: av.Packet[VideoStream]) -> None:
        """Hand on a copy. A taker that fails is told so in the log, once, and left alone from then on."""
        if self._on_packet is None or not packet.size:
            return
        try:
            t_s = self._clock()
            for ready in self._filter.filter(_copy(packet, self._stream)) if self._filter else [packet]:
                self._on_packet(
                    EncodedPacket(bytes(ready), t_s, ready.pts, ready.dts, packet.is_keyframe, self._info)
                )
        except Exception:  # clips are a side line: the picture goes on
            log.exception("taking packets for clips failed; no more are offered on this connection")
            self._on_packet = None


def _copy(packet: av.Packet[VideoStream], stream: VideoStream) -> av.Packet[Stream]:
    """A packet for the filter to consume; the decoder still needs the first one."""
    copy = av.Packet(bytes(packet))
    copy.pts, copy.dts, copy.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
    copy.stream = stream
    if packet.time_base is not None:
        copy.time_base = packet.time_base
    return copy
