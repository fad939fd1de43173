"""The part of the store that keeps what evidence files there are, and the chain over them."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from api.evidence.chain import GENESIS, Link, facts_of, next_hash
from api.evidence.files import EvidenceFile
from api.evidence.naming import Piece
from api.evidence.paths import check_path
from api.evidence.tables import ChainRow, EvidenceFileRow
from api.store_base import StoreBase
from api.tables import EventRow
from api.times import utc_now

CHAIN_LOCK: Final = 0x4C_47_00_02
"""Links are added one at a time; see `StoreBase._alone`."""
LOOKED_AT: Final = 100  # latest events that are asked for a clip after a crash
ON_DISK: Final = frozenset({"stored", "repaired", "damaged"})
"""States of a file that takes up room."""
MAX_FILES: Final = 1000  # of one event: over eight hours in segments of half a minute
_FIELDS: Final = tuple(f.name for f in fields(EvidenceFile))


class FileStore(StoreBase):
    """Evidence files. The files themselves lie in the evidence folder; this is what is known of them."""

    def put_file(self, file: EvidenceFile, at: datetime | None = None) -> None:
        """Store what is known of a file now; what was known of it before is replaced.

        Saying the same twice is harmless. Everything but "writing" becomes a link of the chain. A file that
        was evicted stays evicted. ``at``: when it became so; None: now. Raises: ValueError if the path leads
        out of the evidence folder.
        """
        check_path(file.path)
        with self._writing("store an evidence file") as session:
            self._put(session, file, at or utc_now())

    def fail_unfinished(self, reason: str) -> int:
        """Say of every file that a crash left unfinished that there is none.

        Call it before the first event of a run. What can be saved is told afterwards, by whoever finds it.
        Returns: how many.
        """
        rows, now = EvidenceFileRow, utc_now()
        with self._writing("report unfinished clips") as session:
            found = [file_of(row) for row in session.scalars(select(rows).where(rows.state == "writing"))]
            for file in found:
                self._put(session, replace(file, state="failed", reason=reason), now)
        return len(found)

    def fail_unfilmed(self, elevator_id: str, reason: str) -> int:
        """Say of every interrupted event without a clip that there is none: a crash came before it was begun.

        Call it when all that could be saved has been told. It asks the latest events only. Returns: how many.
        """
        rows, events, now = EvidenceFileRow, EventRow, utc_now()
        newest = (
            select(events)
            .where(events.elevator_id == elevator_id)
            .order_by(events.started_at.desc(), events.id.desc())
            .limit(LOOKED_AT)
        )
        count = 0
        with self._writing("report missing clips") as session:
            for event in session.scalars(newest).all():
                filmed = select(rows.id).where(rows.event_id == event.id, rows.kind == "clip").limit(1)
                if event.outcome == "interrupted" and session.scalars(filmed).first() is None:
                    piece = Piece(event.id, elevator_id, "clip", 0, str(uuid7()), event.started_at)
                    self._put(session, piece.file("failed", reason=reason), now)
                    count += 1
        return count

    def files(self, event_id: str) -> tuple[EvidenceFile, ...]:
        """The files of an event by kind and segment, at most 1000; also those that failed or were evicted."""
        row = EvidenceFileRow
        query = select(row).where(row.event_id == event_id).order_by(row.kind, row.segment, row.id)
        with self._reading("read evidence files") as session:
            return tuple(file_of(found) for found in session.scalars(query.limit(MAX_FILES)))

    def file(self, file_id: str) -> EvidenceFile | None:
        """One file, or None."""
        with self._reading("read an evidence file") as session:
            found = session.get(EvidenceFileRow, file_id)
            return None if found is None else file_of(found)

    def chain(self, after: int = 0, limit: int = 10_000) -> tuple[Link, ...]:
        """The links of the chain that follow number ``after``, in order."""
        query = select(ChainRow).where(ChainRow.seq > after).order_by(ChainRow.seq).limit(limit)
        with self._reading("read the chain of evidence") as session:
            return tuple(Link(r.seq, r.file_id, r.facts, r.chain) for r in session.scalars(query))

    def chain_head(self) -> tuple[int, str]:
        """Number and hash of the latest link; 0 and the hash that the first stands on if there is none."""
        with self._reading("read the chain of evidence") as session:
            return _head(session)

    def _put(self, session: Session, file: EvidenceFile, at: datetime) -> None:
        row = session.get(EvidenceFileRow, file.id)
        values: dict[str, Any] = asdict(file) | {"reason": file.reason[:600] if file.reason else file.reason}
        on_disk = file.state in ON_DISK
        if row is None:
            session.add(EvidenceFileRow(**values, on_disk=on_disk))
        elif row.state == "evicted" or file_of(row) == EvidenceFile(**values):
            return
        else:
            for name, value in values.items():
                setattr(row, name, value)
            row.on_disk = on_disk
        if file.state != "writing":
            self._alone(session, CHAIN_LOCK)
            seq, head = _head(session)
            facts = facts_of(EvidenceFile(**values), at)
            session.add(
                ChainRow(seq=seq + 1, file_id=file.id, facts=facts, chain=next_hash(head, seq + 1, facts))
            )


def _head(session: Session) -> tuple[int, str]:
    last = session.execute(
        select(ChainRow.seq, ChainRow.chain).order_by(ChainRow.seq.desc()).limit(1)
    ).first()
    return (last[0], last[1]) if last else (0, GENESIS)


def file_of(row: EvidenceFileRow) -> EvidenceFile:
    """A row as a value."""
    return EvidenceFile(**{name: getattr(row, name) for name in _FIELDS})
