"""A desk whose store is a list, and an event's clip fed by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from api.book import Write
from api.evidence.desk import Desk
from api.evidence.event_clip import EventClip
from api.evidence.files import EvidenceFile
from api.evidence.naming import Piece
from api.records import new_event_id
from tests.support.fakes import MemoryStore
from vision.clips.ring import PacketRing
from vision.clips.rules import ClipRules
from vision.sources.packets import EncodedPacket

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def utc(t_s: float) -> datetime:
    """`START` is second 0."""
    return START + timedelta(seconds=t_s)


@dataclass
class Filmed:
    """One elevator's ring and desk; what the store was told is in ``store``."""

    folder: Path
    rules: ClipRules = field(default_factory=ClipRules)
    store: MemoryStore = field(default_factory=MemoryStore)
    to_convert: list[Piece] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ring = PacketRing(self.rules.pre_s + 10, self.rules.ring_bytes)
        self.desk = Desk("car-1", self.folder, self.sink, utc, lambda _, piece: self.to_convert.append(piece))

    def sink(self, write: Write) -> None:
        write.do(self.store)

    def clip(self, started_s: float, event_id: str | None = None) -> EventClip:
        """The clip of an event that starts at ``started_s``."""
        piece = self.desk.piece(event_id or new_event_id(), "clip", 0, started_s)
        self.desk.tell(piece.file("writing"))
        return EventClip(self.desk, self.ring, self.rules, piece, started_s)

    def feed(self, packets: Iterable[EncodedPacket], *clips: EventClip) -> None:
        """Packets as they come, the clips advanced after each."""
        for packet in packets:
            self.ring.put(packet)
            for clip in clips:
                clip.advance(packet.t_s)

    @property
    def files(self) -> list[EvidenceFile]:
        """What the store knows, in the order in which it first heard of each."""
        return list(self.store.files.values())

    def path(self, file: EvidenceFile) -> Path:
        """Where a finished file lies."""
        return self.folder / file.path

    @property
    def left_over(self) -> list[str]:
        """Unfinished files."""
        return sorted(p.name for p in self.desk.parts.iterdir()) if self.desk.parts.is_dir() else []
