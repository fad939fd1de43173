"""One evidence file of an event, as a value: what guard writes, the store keeps and web serves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args

FileKind: TypeAlias = Literal["clip", "snapshot", "snapshot_boxes", "thumbnail", "tamper"]
"""clip: fragmented MP4, one per segment. snapshot: JPEG of the most convincing frame as the camera saw it;
snapshot_boxes: the same with boxes. thumbnail: small animated WebP. tamper: JPEG of a covered or turned
camera."""

FileState: TypeAlias = Literal["writing", "stored", "repaired", "failed", "evicted", "missing", "damaged"]
"""writing: under its temporary name. stored: whole, synced, hashed. repaired: cut short by a crash, plays up
to there. failed: could not be made; ``reason`` says why. evicted: deleted by retention. missing: not where
the store says. damaged: its hash is not the stored one; never served."""

FILE_KINDS: Final[tuple[str, ...]] = get_args(FileKind)
FILE_STATES: Final[tuple[str, ...]] = get_args(FileState)


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file of an event, or the stated reason why there is none."""

    id: str  # UUIDv7
    event_id: str
    elevator_id: str
    kind: FileKind
    segment: int  # 0 for the first; a long hold goes on in further clips
    path: str  # POSIX, relative to the evidence folder
    media_type: str
    state: FileState
    started_at: datetime  # UTC, of the first frame
    duration_s: float = 0.0  # 0 for pictures
    size_bytes: int = 0
    sha256: str | None = None  # of the file; None while it is being written or if there is none
    reason: str | None = None  # why it failed, was evicted or is not whole
