"""Events and evidence files for tests, with every field given."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.evidence.files import EvidenceFile
from api.records import NewEvent, new_event_id

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def make_event(at: datetime = T0, elevator_id: str = "car-1", **changes: Any) -> NewEvent:
    values: dict[str, Any] = {
        "id": new_event_id(),
        "elevator_id": elevator_id,
        "camera_id": f"{elevator_id}/cabin",
        "class_name": "e_bike",
        "zone": "cabin",
        "suspected_at": at - timedelta(seconds=0.3),
        "started_at": at,
        "score": 0.97,
        "model_name": "test",
        "model_sha256": "0" * 64,
        "rules_version": "r1",
        "software_version": "0.1.0",
        "simulated": True,
    }
    return NewEvent(**(values | changes))


MEDIA_TYPES = {"clip": "video/mp4", "thumbnail": "image/webp"}
SUFFIXES = {"video/mp4": ".mp4", "image/webp": ".webp", "image/jpeg": ".jpg"}


def make_file(event: NewEvent, kind: str = "clip", segment: int = 0, **changes: Any) -> EvidenceFile:
    """A stored file; its bytes are `content_of` it."""
    media_type = MEDIA_TYPES.get(kind, "image/jpeg")
    content = content_of(event, kind, segment)
    day = event.started_at.strftime("%Y/%m/%d")
    values: dict[str, Any] = {
        "id": new_event_id(),
        "event_id": event.id,
        "elevator_id": event.elevator_id,
        "kind": kind,
        "segment": segment,
        "path": f"{event.elevator_id}/{day}/{event.id}-{kind}-{segment}{SUFFIXES[media_type]}",
        "media_type": media_type,
        "state": "stored",
        "started_at": event.started_at,
        "duration_s": 15.0 if kind == "clip" else 0.0,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return EvidenceFile(**(values | changes))


def content_of(event: NewEvent, kind: str = "clip", segment: int = 0) -> bytes:
    """Bytes that stand for a file; no two files have the same."""
    return f"{event.id} {kind} {segment} ".encode() * 40


def write_file(root: Path, file: EvidenceFile, content: bytes) -> Path:
    """Put the bytes of a file where it lies in the evidence folder ``root``."""
    path = root / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
