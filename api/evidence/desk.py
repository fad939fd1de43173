"""What everything that makes evidence of one elevator shares: where it goes, who hears of it, whose clock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from uuid_utils.compat import uuid7

from api.book import EventWrites, Sink, Write
from api.evidence.files import EvidenceFile, FileKind
from api.evidence.naming import Piece, parts_folder
from vision.clips.files import publish


@dataclass(frozen=True, slots=True)
class Desk:
    """One elevator's desk. Nothing here waits for the store."""

    elevator_id: str
    evidence: Path  # the evidence folder of the box
    sink: Sink
    utc: Callable[[float], datetime]
    convert: Callable[[Desk, Piece], None]  # makes a clip of a ``todo`` file; must not wait

    @property
    def parts(self) -> Path:
        """The folder of unfinished files."""
        return parts_folder(self.evidence, self.elevator_id)

    def piece(
        self, event_id: str, kind: FileKind, segment: int, started_s: float, *, convert: bool = False
    ) -> Piece:
        """A new file of an event, its first frame at ``started_s``."""
        at = self.utc(started_s)
        return Piece(event_id, self.elevator_id, kind, segment, str(uuid7()), at, convert)

    def tell(self, file: EvidenceFile, *done: Path) -> None:
        """Tell the store, in order, after the event itself.

        Args: done: names under which the file was made. They go when the store has the row, so that a crash
        before that leaves something to find.
        """

        def write(store: EventWrites) -> None:
            store.put_file(file)
            for path in done:
                with suppress(OSError):
                    path.unlink(missing_ok=True)

        self.sink(Write(f"{file.kind} file", write))

    def publish(self, piece: Piece, part: Path) -> None:
        """Give a whole, synced file its final name. Raises: OSError."""
        publish(part, self.final(piece))

    def final(self, piece: Piece) -> Path:
        """Where a file lies when it is finished."""
        return self.evidence / piece.file("stored").path
