"""What the store knows of room: how much evidence there is, what may go, and that it has gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import case, func, or_, select

from api.evidence.file_store import ON_DISK, FileStore, file_of
from api.evidence.files import EvidenceFile
from api.evidence.retention import BATCH, Eviction, Kept
from api.evidence.tables import EvidenceFileRow
from api.tables import EventRow

TROUBLES: Final = ("missing", "damaged", "failed")


@dataclass(frozen=True, slots=True)
class Usage:
    """The evidence of one elevator."""

    elevator_id: str
    files: int
    used_bytes: int
    locked_bytes: int
    oldest_at: datetime | None


class RetentionStore(FileStore):
    """The part of the store that keeps account of room."""

    def usage(self) -> tuple[Usage, ...]:
        """Room that is taken up, per elevator."""
        row = EvidenceFileRow
        locked = func.coalesce(func.sum(case((EventRow.locked.is_(True), row.size_bytes), else_=0)), 0)
        query = (
            select(row.elevator_id, func.count(), func.sum(row.size_bytes), locked, func.min(row.started_at))
            .outerjoin(EventRow, EventRow.id == row.event_id)
            .where(row.on_disk.is_(True))
            .group_by(row.elevator_id)
            .order_by(row.elevator_id)
        )
        with self._reading("add up the evidence") as session:
            return tuple(
                Usage(elevator_id, count, int(used), int(kept), oldest)
                for elevator_id, count, used, kept, oldest in session.execute(query)
            )

    def troubles(self) -> dict[str, int]:
        """How many files are missing, damaged or could not be made."""
        row = EvidenceFileRow
        query = select(row.state, func.count()).where(row.state.in_(TROUBLES)).group_by(row.state)
        with self._reading("count the evidence") as session:
            found = dict(session.execute(query).all())
        return {state: found.get(state, 0) for state in TROUBLES}

    def evictable(self) -> Iterator[Kept]:
        """Files that may go, oldest first. Read in batches, so that a long plan holds no transaction open."""
        row = EvidenceFileRow
        query = (
            select(row)
            .outerjoin(EventRow, EventRow.id == row.event_id)
            .where(row.on_disk.is_(True), or_(EventRow.locked.is_(None), EventRow.locked.is_(False)))
            .order_by(row.started_at, row.id)
        )
        last: Kept | None = None
        while True:
            page = query
            if last is not None:
                same = (row.started_at == last.started_at) & (row.id > last.id)
                page = query.where(or_(row.started_at > last.started_at, same))
            with self._reading("look for old evidence") as session:
                found = [
                    Kept(r.id, r.elevator_id, r.started_at, r.size_bytes, r.path)
                    for r in session.scalars(page.limit(BATCH))
                ]
            yield from found
            if len(found) < BATCH:
                return
            last = found[-1]

    def evict(self, evictions: Iterable[Eviction], at: datetime) -> tuple[Eviction, ...]:
        """Note that files go. Returns: those that may be deleted now; one may have been locked meanwhile."""
        done = []
        with self._writing("note what evidence goes") as session:
            for eviction in evictions:
                row = session.get(EvidenceFileRow, eviction.file.id, with_for_update=True)
                if row is None or row.state not in ON_DISK:
                    continue
                event = session.get(EventRow, row.event_id, with_for_update=True)
                if event is not None and event.locked:
                    continue
                gone = replace(file_of(row), state="evicted", reason=eviction.reason)
                self._put(session, gone, at)
                session.flush()
                done.append(eviction)
        return tuple(done)

    def all_files(self, after: str = "", limit: int = BATCH) -> tuple[EvidenceFile, ...]:
        """Every file in order of id, from behind ``after`` on: to walk through all of them."""
        row = EvidenceFileRow
        query = select(row).where(row.id > after).order_by(row.id).limit(limit)
        with self._reading("read evidence files") as session:
            return tuple(file_of(found) for found in session.scalars(query))

    def file_at(self, path: str) -> EvidenceFile | None:
        """The newest file that the store knows under a path."""
        row = EvidenceFileRow
        query = select(row).where(row.path == path).order_by(row.id.desc()).limit(1)
        with self._reading("read an evidence file") as session:
            found = session.scalars(query).first()
            return None if found is None else file_of(found)
