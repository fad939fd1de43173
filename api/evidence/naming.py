"""Where evidence lies: every name can be made from an event's id, and tells what a crash must not lose.

    <evidence>/<elevator>/<yyyy>/<mm>/<dd>/<event>-<kind>-<segment>.<ext>
    <evidence>/.parts/<elevator>/<event>-<kind>-<segment>.<file>.<begin>.<r|c>.<part|todo|new>

The day is the event's first, in UTC. ``<file>`` is the file's id, ``<begin>`` its first frame in
microseconds since 1970; ``c``: to be converted to H.264 before it is shown. ``part``: being written;
``todo``: whole, waiting for its conversion; ``new``: being made from a ``todo``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, cast
from uuid import UUID

from api.evidence.files import FILE_KINDS, EvidenceFile, FileKind, FileState

PARTS: Final = ".parts"
Stage = Literal["part", "todo", "new"]
SUFFIXES: Final[dict[FileKind, str]] = {
    "clip": ".mp4",
    "snapshot": ".jpg",
    "snapshot_boxes": ".jpg",
    "thumbnail": ".webp",
    "tamper": ".jpg",
}
MEDIA_TYPES: Final = {".mp4": "video/mp4", ".jpg": "image/jpeg", ".webp": "image/webp"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PART: Final = re.compile(
    rf"(?P<event>{_UUID})-(?P<kind>{'|'.join(FILE_KINDS)})-(?P<segment>\d{{1,6}})"
    rf"\.(?P<id>{_UUID})\.(?P<begin>\d{{1,17}})\.(?P<way>[rc])\.(?:part|todo|new)"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A file that is being made."""

    event_id: str
    elevator_id: str
    kind: FileKind
    segment: int
    id: str
    started_at: datetime
    convert: bool = False  # no browser plays it as the camera sent it

    def part(self, evidence: Path, stage: Stage = "part") -> Path:
        """Where it lies while it is not finished."""
        begin = (self.started_at - _EPOCH) // timedelta(microseconds=1)
        way = "c" if self.convert else "r"
        name = f"{self.event_id}-{self.kind}-{self.segment}.{self.id}.{begin}.{way}.{stage}"
        return parts_folder(evidence, self.elevator_id) / name

    def file(
        self,
        state: FileState,
        *,
        reason: str | None = None,
        duration_s: float = 0.0,
        size_bytes: int = 0,
        sha256: str | None = None,
    ) -> EvidenceFile:
        """What the store hears of it."""
        path = final_path(self.event_id, self.elevator_id, self.kind, self.segment)
        return EvidenceFile(
            id=self.id,
            event_id=self.event_id,
            elevator_id=self.elevator_id,
            kind=self.kind,
            segment=self.segment,
            path=path,
            media_type=MEDIA_TYPES[SUFFIXES[self.kind]],
            state=state,
            started_at=self.started_at,
            duration_s=duration_s,
            size_bytes=size_bytes,
            sha256=sha256,
            reason=reason,
        )


def parts_folder(evidence: Path, elevator_id: str) -> Path:
    """Where unfinished files of an elevator lie, on the same file system as the finished ones."""
    return evidence / PARTS / elevator_id


def final_path(event_id: str, elevator_id: str, kind: FileKind, segment: int) -> str:
    """POSIX path in the evidence folder. Raises: ValueError for an id that is no UUIDv7."""
    day = began(event_id)
    name = f"{event_id}-{kind}-{segment}{SUFFIXES[kind]}"
    return f"{elevator_id}/{day:%Y/%m/%d}/{name}"


def began(event_id: str) -> datetime:
    """When an event's id was made: its first 48 bits are milliseconds since 1970 (RFC 9562, 5.7)."""
    made = UUID(event_id)
    if made.version != 7:
        raise ValueError(f"event ids are UUIDv7; got version {made.version} in {event_id!r}")
    return _EPOCH + timedelta(milliseconds=made.int >> 80)


def parse_part(name: str, elevator_id: str) -> Piece | None:
    """What an unfinished file is. None: nothing that was made here."""
    found = _PART.fullmatch(name)
    if found is None:
        return None
    try:
        began(found["event"])
        started_at = _EPOCH + timedelta(microseconds=int(found["begin"]))
    except (ValueError, OverflowError):
        return None
    return Piece(
        event_id=found["event"],
        elevator_id=elevator_id,
        kind=cast("FileKind", found["kind"]),
        segment=int(found["segment"]),
        id=found["id"],
        started_at=started_at,
        convert=found["way"] == "c",
    )
