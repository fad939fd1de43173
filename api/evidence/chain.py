"""The chain of evidence: a hash over every fact about a file and the hash before it, so that changes show.

Each link says what became of one file (stored, evicted, …). Whoever changes, removes or reorders a link later
breaks every hash after it. What a chain alone cannot show is that its newest links were cut off, or that all
of it was made anew: for that, the head (the latest hash) is written into every export and shown by
`liftguard evidence verify`, and a head that was once noted must be found in the chain (``--head``). Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from api.evidence.files import EvidenceFile

GENESIS: Final = hashlib.sha256(b"liftguard evidence 1").hexdigest()
"""What the first link stands on; the 1 is the version of `facts_of`."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link as stored."""

    seq: int  # 1, 2, 3, …
    file_id: str
    facts: str
    chain: str  # sha256, hex


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain does not hold, and why."""

    seq: int
    what: str


def facts_of(file: EvidenceFile, at: datetime) -> str:
    """What a link says, as canonical JSON: sorted keys, no spaces, ASCII. ``at``: when it was noted."""
    facts = {
        "at": _utc(at),
        "duration_ms": round(file.duration_s * 1000),
        "elevator_id": file.elevator_id,
        "event_id": file.event_id,
        "id": file.id,
        "kind": file.kind,
        "media_type": file.media_type,
        "path": file.path,
        "reason": file.reason,
        "segment": file.segment,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
        "started_at": _utc(file.started_at),
        "state": file.state,
    }
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def next_hash(previous: str, seq: int, facts: str) -> str:
    """The hash of a link: sha256 over the hash before it, its number and what it says."""
    return hashlib.sha256(f"{previous}\n{seq}\n{facts}".encode()).hexdigest()


def breaks(links: Iterable[Link]) -> Iterator[Break]:
    """Where the chain does not hold. After a break it goes on from what is stored, so each shows once."""
    previous, expected = GENESIS, 1
    for link in links:
        if link.seq != expected:
            missing = f"{expected}" if link.seq == expected + 1 else f"{expected} to {link.seq - 1}"
            yield Break(link.seq, f"link {missing} is missing before this one")
        elif next_hash(previous, link.seq, link.facts) != link.chain:
            yield Break(link.seq, "it was changed, or the one before it was changed or replaced")
        if _id_of(link.facts) != link.file_id:
            yield Break(link.seq, f"it is filed under {link.file_id} and speaks of another file")
        previous, expected = link.chain, link.seq + 1


def _id_of(facts: str) -> str | None:
    try:
        told = json.loads(facts)
    except ValueError:
        return None
    found = told.get("id") if isinstance(told, dict) else None
    return found if isinstance(found, str) else None


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
