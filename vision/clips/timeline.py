"""Times of packets inside one clip: from what a camera stamps to a line that starts at 0 and rises."""

from __future__ import annotations

from typing import Final

from vision.sources.packets import EncodedPacket, StreamInfo

TICKS_PER_S: Final = 90_000  # the clock of RTP video (RFC 3551); frame times of every usual rate fit it
JUMP_S: Final = (
    1.0  # stamps this far off the time of arrival are not believed: a clock was set, a film began anew
)
REORDER_S: Final = 2.0  # pictures are shown at most this long after they are decoded


class Timeline:
    """Places the packets of one clip, in decoding order.

    Within a connection the camera's own stamps decide, since arrival jitters; across a new connection, a hole
    or a stamp that jumps, the time of arrival does.
    """

    def __init__(self) -> None:
        self._start_s: float | None = None
        self._stream: StreamInfo | None = None
        self._anchor = (0, 0)  # (stamp in the stream's units, tick) that belong together
        self._last = -1

    @property
    def last(self) -> int:
        """Tick of the packet placed last; -1 before the first."""
        return self._last

    def place(self, packet: EncodedPacket) -> tuple[int, int]:
        """(dts, pts) in `TICKS_PER_S`; dts starts at 0 and strictly rises, pts is never before it."""
        if self._start_s is None:
            self._start_s = packet.t_s
        arrived = round((packet.t_s - self._start_s) * TICKS_PER_S)
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is None:
            dts = arrived
            self._stream = None
        else:
            dts = self._by_stamp(stamp, packet.stream)
            if self._stream is not packet.stream or abs(dts - arrived) > JUMP_S * TICKS_PER_S:
                self._stream = packet.stream
                self._anchor = (stamp, max(arrived, self._last + 1))
                dts = self._anchor[1]
        dts = max(dts, self._last + 1)
        self._last = dts
        delay = 0
        if packet.pts is not None and packet.dts is not None:
            delay = round((packet.pts - packet.dts) * packet.stream.time_base * TICKS_PER_S)
        return dts, dts + min(max(delay, 0), round(REORDER_S * TICKS_PER_S))

    def _by_stamp(self, stamp: int, stream: StreamInfo) -> int:
        anchor_stamp, anchor_tick = self._anchor
        return anchor_tick + round((stamp - anchor_stamp) * stream.time_base * TICKS_PER_S)
