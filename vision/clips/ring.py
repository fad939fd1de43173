"""The last seconds of a camera as encoded packets: the pre-roll of clips, and the queue in front of the disk.

The thread that reads the camera puts packets in and never waits. Whoever writes clips takes them out by
number, at its own pace. If it falls so far behind that packets are gone, it hears how many, and goes on at a
key frame. So a slow disk costs a gap in a clip, and memory stays within its bound.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from vision.sources.packets import EncodedPacket

GROUP_MAX_S: Final = 30.0  # the longest distance of key frames that is waited for, as `live.KEYFRAME_WAIT_S`
OVERHEAD_BYTES: Final = 400  # of one packet beside its data: sys.getsizeof of its objects on CPython 3.11


@dataclass(slots=True, eq=False)
class _Group:
    """A key frame and what follows it up to the next one: kept or dropped as a whole."""

    first: int
    start_s: float
    packets: list[EncodedPacket] = field(default_factory=list)
    n_bytes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """Packets in order, and where to go on."""

    packets: tuple[EncodedPacket, ...]
    next: int
    missed: int  # packets that were dropped before they could be taken; the first one here is a key frame


class PacketRing:
    """Holds the newest packets, whole groups of pictures at a time. Safe to use from several threads.

    Args:
        keep_s: at least this much is kept, back to the key frame before, as far as the bytes allow.
        max_bytes: upper bound of all packets together with `OVERHEAD_BYTES` for each.
    At most ``keep_s + GROUP_MAX_S`` is kept, however far apart key frames are.
    """

    def __init__(self, keep_s: float, max_bytes: int) -> None:
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._groups: deque[_Group] = deque()
        self._lock = threading.Lock()
        self._next = 0  # number of the next packet
        self._broken = True  # packets cannot be decoded until the next key frame
        self._stream: object = None
        self.n_bytes = 0
        self.dropped = 0  # packets that could not be kept: too many bytes, or no key frame before them

    def put(self, packet: EncodedPacket) -> None:
        """Add the newest packet and drop what is too old or too much. Never waits for more than a moment."""
        with self._lock:
            number = self._next
            self._next += 1
            if packet.stream is not self._stream:
                self._stream, self._broken = packet.stream, True
            if packet.keyframe:
                self._groups.append(_Group(number, packet.t_s))
                self._broken = False
            if self._broken:
                self.dropped += 1
                return
            group = self._groups[-1]
            size = len(packet.data) + OVERHEAD_BYTES
            group.packets.append(packet)
            group.n_bytes += size
            self.n_bytes += size
            self._trim(packet.t_s)

    def taken_from(self, number: int, limit: int = 256) -> Taken:
        """At most ``limit`` packets from ``number`` on, the oldest first."""
        with self._lock:
            found: list[EncodedPacket] = []
            at = number
            missed = 0
            for group in self._groups:
                if group.first + len(group.packets) <= at or len(found) >= limit:
                    continue
                if group.first > at:
                    if found:
                        break  # a hole: told with the next call
                    missed, at = group.first - at, group.first
                part = group.packets[at - group.first :][: limit - len(found)]
                found += part
                at += len(part)
            if not found and at < self._next and (not self._groups or self._end <= at):
                missed, at = self._next - at, self._next  # everything since was dropped
            return Taken(tuple(found), at, missed)

    def start_for(self, t_s: float) -> int:
        """The number of the last key frame at or before ``t_s``; of the oldest, if all are younger.

        If nothing is held: the number of the next packet.
        """
        with self._lock:
            before = [group.first for group in self._groups if group.start_s <= t_s]
            if before:
                return before[-1]
            return self._groups[0].first if self._groups else self._next

    @property
    def span_s(self) -> float:
        """Seconds from the oldest to the newest packet."""
        with self._lock:
            return self._groups[-1].packets[-1].t_s - self._groups[0].start_s if self._groups else 0.0

    @property
    def _end(self) -> int:
        group = self._groups[-1]
        return group.first + len(group.packets)

    def _trim(self, now_s: float) -> None:
        groups = self._groups
        while len(groups) > 1 and groups[1].start_s <= now_s - self._keep_s:
            self._drop_oldest()
        while groups and (
            self.n_bytes > self._max_bytes or groups[0].start_s < now_s - self._keep_s - GROUP_MAX_S
        ):
            self.dropped += len(groups[0].packets)
            self._broken = len(groups) == 1
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self.n_bytes -= self._groups.popleft().n_bytes
