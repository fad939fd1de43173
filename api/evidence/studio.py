"""All that makes evidence files of one elevator's events, behind one door."""

from __future__ import annotations

from typing import Final

from api.evidence.desk import Desk
from api.evidence.maker import ClipMaker
from api.evidence.photographer import Photographer
from vision.clips.mp4 import REMUXABLE
from vision.clips.ring import PacketRing
from vision.clips.rules import ClipRules
from vision.sources.packets import EncodedPacket
from vision.types import Clock, Observation

SLACK_S: Final = 10.0  # beyond the pre-roll: how far the disk may fall behind before pictures are lost
OFF: Final = "clips are switched off (evidence.enabled = false)"


class Studio:
    """Ring, clips and pictures of one elevator. Safe to call from several threads; nothing here waits."""

    def __init__(self, desk: Desk, rules: ClipRules, clock: Clock, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self.ring = PacketRing(rules.pre_s + SLACK_S, rules.ring_bytes)
        self._desk = desk
        self._clips = ClipMaker(desk, self.ring, rules, clock)
        self._packets = False  # the camera gives packets that can be kept
        self._pictures = Photographer(desk, self.ring, self._clips.keep, clock, lambda: not self._packets)

    def on_packet(self, packet: EncodedPacket) -> None:
        """Take one encoded picture, on the thread that reads the camera."""
        if self.enabled:
            self._packets = packet.stream.codec in REMUXABLE
            if self._packets:
                self.ring.put(packet)

    def observe(self, seen: Observation) -> None:
        """Take a frame and what was seen in it, on the vision thread."""
        if self.enabled:
            self._pictures.offer(seen)

    def begin(self, event_id: str, started_s: float) -> None:
        """An event has started; its first file is told at once."""
        if self.enabled:
            self._clips.begin(event_id, started_s)
            self._pictures.begin(event_id, started_s)
        else:
            self._desk.tell(self._desk.piece(event_id, "clip", 0, started_s).file("failed", reason=OFF))

    def end(self, event_id: str, last_seen_s: float, ended_s: float) -> None:
        """An event has ended."""
        if self.enabled:
            self._clips.end(event_id, last_seen_s, ended_s)

    def start(self) -> None:
        """Repair what a crash left behind, then wait for events."""
        self._clips.start()
        self._pictures.start()

    def stop(self) -> None:
        """Finish what is open. Waits for a disk that hangs for some seconds at most."""
        self._pictures.stop()
        self._clips.stop()
