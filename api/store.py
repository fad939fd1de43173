"""The store of events: SQLite on the box, PostgreSQL on the hub.

Guard writes from a thread of its own, never from the hold loop; web reads. A call that returned has been
committed and synced to the disk. Every failure is a `StorageError` that says where and what to try.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, and_, func, or_, select, text
from sqlalchemy.orm import Session

from api.records import (
    Cursor,
    Event,
    EventEnd,
    EventPage,
    EventProgress,
    Evidence,
    NewEvent,
    Outcome,
    PhaseChange,
    PreHold,
    new_event_id,
)
from api.storage_engine import WRITE, describe, open_engine, storage_errors
from api.tables import EventRow, EvidenceRow, PhaseChangeRow, PreHoldRow
from vision.errors import RefusedWriteError, StorageError

__all__ = ["Store", "new_event_id"]

MIGRATIONS: Final = Path(__file__).parent / "migrations"
MAX_PAGE: Final = 200
MAX_EVIDENCE: Final = 5000  # rows given back for one event: over 8 minutes at 10 frames per second
_EVENT_FIELDS: Final = tuple(f.name for f in fields(Event))


class Store:
    """Events and what belongs to them. Safe to use from several threads and several processes.

    Args: url is an SQLAlchemy URL, or the path of an SQLite file. busy_timeout_s: how long a write waits for
    another process that is writing. Raises: StorageError if the address cannot be used.
    """

    def __init__(self, url: str | Path, *, busy_timeout_s: float = 5.0) -> None:
        self._engine: Engine = open_engine(url, busy_timeout_s)
        self._writer: Engine = self._engine.execution_options(**{WRITE: True})
        self._where = describe(self._engine)

    @property
    def where(self) -> str:
        """The file, or the address without its password."""
        return self._where

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._engine.dispose()

    # --- schema -----------------------------------------------------------------------------------------

    def migrate(self) -> None:
        """Bring the schema up to this program's. Several processes may call it at once.

        Raises: StorageError if the database is newer than this program, or cannot be written.
        """
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        if self._engine.url.get_backend_name() == "sqlite" and self._engine.url.database:
            with storage_errors(self._where, "make the folder of the store"):
                Path(self._engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        with storage_errors(self._where, "prepare the tables"), self._writer.begin() as connection:
            heads = set(MigrationContext.configure(connection).get_current_heads())
            if heads - known:
                raise StorageError(
                    f"the store {self._where} was written by a newer Liftguard (schema "
                    f"{', '.join(sorted(heads - known))}); install that version again, or restore a backup"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def check(self) -> None:
        """Raises: StorageError unless the store can be read now."""
        with self._reading("read the events") as session:
            session.execute(select(EventRow.id).limit(1)).first()

    def integrity_check(self) -> str:
        """What SQLite's own check says; ``"ok"`` when all is well, and always on other databases."""
        if self._engine.url.get_backend_name() != "sqlite":
            return "ok"
        with self._reading("check the file") as session:
            return "; ".join(str(row[0]) for row in session.execute(text("PRAGMA integrity_check")))

    # --- writing ----------------------------------------------------------------------------------------

    def start_event(self, new: NewEvent) -> None:
        """Store a new event. Saying it twice is harmless, so a caller may try again after an error."""
        with self._writing("store an event") as session:
            if session.get(EventRow, new.id) is None:
                session.add(EventRow(**asdict(new), last_seen_at=new.started_at, hold_s=0.0, pulses=0))

    def add_evidence(self, event_id: str, rows: Iterable[Evidence]) -> None:
        """Add what frames said of an event, in one transaction."""
        with self._writing("store evidence") as session:
            for r in rows:
                x1, y1, x2, y2 = r.xyxy
                session.add(
                    EvidenceRow(
                        event_id=event_id,
                        t_offset_s=r.t_offset_s,
                        score=r.score,
                        conf=r.conf,
                        x1=x1,
                        y1=y1,
                        x2=x2,
                        y2=y2,
                        phase=r.phase,
                    )
                )

    def update_event(self, event_id: str, progress: EventProgress) -> None:
        """Note how far an open event has come, so that a crash loses little of it."""
        with self._writing("update an event") as session:
            row = self._row(session, event_id)
            row.last_seen_at, row.hold_s = progress.last_seen_at, progress.hold_s
            row.pulses, row.score = progress.pulses, progress.score

    def escalate_event(self, event_id: str, at: datetime) -> None:
        """Note that the hold reached its cap and the door was let go with the vehicle still there."""
        with self._writing("escalate an event") as session:
            row = self._row(session, event_id)
            row.escalated_at = row.escalated_at or at

    def end_event(self, event_id: str, end: EventEnd) -> None:
        """Close an event."""
        with self._writing("end an event") as session:
            row = self._row(session, event_id)
            row.ended_at, row.last_seen_at, row.outcome = end.ended_at, end.last_seen_at, end.outcome
            row.hold_s, row.pulses, row.score = end.hold_s, end.pulses, end.score

    def close_interrupted(self) -> int:
        """End every open event with outcome "interrupted" at the time it was last seen. Returns: how many.

        Call it before the first event of a run. It does not ask when an event started: a box without a clock
        battery may come back in the past.
        """
        outcome: Outcome = "interrupted"
        with self._writing("close interrupted events") as session:
            rows = session.scalars(select(EventRow).where(EventRow.ended_at.is_(None))).all()
            for row in rows:
                row.ended_at, row.outcome = row.last_seen_at, outcome
            return len(rows)

    def add_phase_change(self, change: PhaseChange) -> None:
        """Store one step of the hold machine. A reason longer than the column is cut."""
        with self._writing("store a phase change") as session:
            session.add(PhaseChangeRow(**(asdict(change) | {"reason": change.reason[:600]})))

    def add_pre_hold(self, pre_hold: PreHold) -> None:
        """Store a false pre-hold."""
        with self._writing("store a false pre-hold") as session:
            session.add(PreHoldRow(**asdict(pre_hold)))

    # --- reading ----------------------------------------------------------------------------------------

    def events(
        self,
        limit: int = 50,
        before: Cursor | None = None,
        *,
        elevator_id: str | None = None,
        outcome: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> EventPage:
        """A page of events, newest first.

        Args: limit: 1 to 200. before: the ``next`` of the page before this one. outcome: one of `OUTCOMES`,
        or "open". since (inclusive) and until (exclusive) bound ``started_at``.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise ValueError(f"limit must be 1 to {MAX_PAGE}; got {limit}")
        query = select(EventRow).order_by(EventRow.started_at.desc(), EventRow.id.desc()).limit(limit + 1)
        if before is not None:
            same = and_(EventRow.started_at == before.started_at, EventRow.id < before.id)
            query = query.where(or_(EventRow.started_at < before.started_at, same))
        if elevator_id is not None:
            query = query.where(EventRow.elevator_id == elevator_id)
        if outcome is not None:
            query = query.where(
                EventRow.ended_at.is_(None) if outcome == "open" else EventRow.outcome == outcome
            )
        if since is not None:
            query = query.where(EventRow.started_at >= since)
        if until is not None:
            query = query.where(EventRow.started_at < until)
        with self._reading("list events") as session:
            found = [_event(row) for row in session.scalars(query)]
        page = tuple(found[:limit])
        more = len(found) > limit
        return EventPage(page, Cursor(page[-1].started_at, page[-1].id) if more else None)

    def event(self, event_id: str) -> Event | None:
        """One event, or None if there is no such event."""
        with self._reading("read an event") as session:
            row = session.get(EventRow, event_id)
            return None if row is None else _event(row)

    def evidence(self, event_id: str) -> tuple[Evidence, ...]:
        """What frames said of an event, in time order, at most 5000 rows."""
        query = (
            select(EvidenceRow)
            .where(EvidenceRow.event_id == event_id)
            .order_by(EvidenceRow.t_offset_s, EvidenceRow.id)
            .limit(MAX_EVIDENCE)
        )
        with self._reading("read evidence") as session:
            return tuple(
                Evidence(r.t_offset_s, r.score, r.conf, (r.x1, r.y1, r.x2, r.y2), r.phase)
                for r in session.scalars(query)
            )

    def phase_changes(self, event_id: str) -> tuple[PhaseChange, ...]:
        """The steps of the hold machine during an event, in time order."""
        query = (
            select(PhaseChangeRow)
            .where(PhaseChangeRow.event_id == event_id)
            .order_by(PhaseChangeRow.at, PhaseChangeRow.id)
            .limit(MAX_EVIDENCE)
        )
        with self._reading("read phase changes") as session:
            return tuple(
                PhaseChange(r.elevator_id, r.at, r.before, r.after, r.reason, r.event_id)
                for r in session.scalars(query)
            )

    def count_pre_holds(self, elevator_id: str, since: datetime) -> int:
        """How many false pre-holds an elevator had since then."""
        query = select(func.count(PreHoldRow.id)).where(
            PreHoldRow.elevator_id == elevator_id, PreHoldRow.at >= since
        )
        with self._reading("count false pre-holds") as session:
            return session.scalar(query) or 0

    # --- inside -----------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self, doing: str) -> Iterator[Session]:
        with storage_errors(self._where, doing), Session(self._engine) as session:
            yield session

    @contextmanager
    def _writing(self, doing: str) -> Iterator[Session]:
        with storage_errors(self._where, doing), Session(self._writer) as session, session.begin():
            yield session

    def reading(self, doing: str) -> AbstractContextManager[Session]:
        """For the other areas of the store: a session to read with. ``doing`` completes 'could not …'."""
        return self._reading(doing)

    def writing(self, doing: str) -> AbstractContextManager[Session]:
        """For the other areas of the store: a session in one transaction, committed at the end."""
        return self._writing(doing)

    def _row(self, session: Session, event_id: str) -> EventRow:
        row = session.get(EventRow, event_id)
        if row is None:
            raise RefusedWriteError(
                f"there is no event {event_id} in {self._where}; was its start not stored?"
            )
        return row


def _event(row: EventRow) -> Event:
    return Event(**{name: getattr(row, name) for name in _EVENT_FIELDS})
