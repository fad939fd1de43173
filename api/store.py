"""The store of events: SQLite on the box, PostgreSQL on the hub.

Guard writes from a thread of its own, never from the hold loop; web reads. A call that returned has been
committed and synced to the disk. Every failure is a `StorageError` that says where and what to try.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from api.cameras.store import TroubleStore
from api.change_store import ChangeStore, note_change
from api.event_search import MAX_PAGE, EventFilter
from api.event_word_rows import keep_words
from api.evidence.retention_store import RetentionStore
from api.records import (
    DoorAction,
    EventEnd,
    EventProgress,
    Evidence,
    GuardRun,
    NewEvent,
    Outcome,
    PhaseChange,
    PreHold,
    new_event_id,
)
from api.review_store import ReviewStore
from api.tables import DoorActionRow, EventRow, EvidenceRow, GuardRunRow, PhaseChangeRow, PreHoldRow

__all__ = ["MAX_PAGE", "EventFilter", "Store", "new_event_id"]

MAX_EVIDENCE: Final = 5000  # rows given back for one event: over 8 minutes at 10 frames per second


class Store(ReviewStore, RetentionStore, TroubleStore, ChangeStore):
    """Events and what belongs to them. Safe to use from several threads and several processes.

    Args: see `StoreBase`. Reading events is in `api.event_search`, reviews in `api.review_store`, evidence
    files in `api.evidence.file_store` and `api.evidence.retention_store`.
    """

    # --- writing ----------------------------------------------------------------------------------------

    def start_event(self, new: NewEvent) -> None:
        """Store a new event. Saying it twice is harmless, so a caller may try again after an error."""
        with self._writing("store an event") as session:
            if session.get(EventRow, new.id) is None:
                session.add(EventRow(**asdict(new), last_seen_at=new.started_at, hold_s=0.0, pulses=0))
                note_change(session, "event.started", new.started_at, new.elevator_id, new.id)

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
                        door=r.door,
                        opening=r.opening,
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
            note_change(session, "event.escalated", at, row.elevator_id, event_id)

    def end_event(self, event_id: str, end: EventEnd) -> None:
        """Close an event."""
        with self._writing("end an event") as session:
            row = self._row(session, event_id)
            row.ended_at, row.last_seen_at, row.outcome = end.ended_at, end.last_seen_at, end.outcome
            row.hold_s, row.pulses, row.score = end.hold_s, end.pulses, end.score
            row.duration_s = (end.ended_at - row.started_at).total_seconds()
            keep_words(session, row)
            note_change(session, "event.ended", end.ended_at, row.elevator_id, event_id)

    def close_interrupted(self) -> int:
        """End every open event with outcome "interrupted" at the time it was last seen. Returns: how many.

        Call it before the first event of a run. It does not ask when an event started: a box without a clock
        battery may come back in the past.
        """
        outcome: Outcome = "interrupted"
        with self._writing("close interrupted events") as session:
            rows = session.scalars(select(EventRow).where(EventRow.ended_at.is_(None))).all()
            for row in rows:
                # A vehicle may have been seen last in a frame that was captured just before it was confirmed.
                row.ended_at, row.outcome = max(row.last_seen_at, row.started_at), outcome
                row.duration_s = (row.ended_at - row.started_at).total_seconds()
                keep_words(session, row)
                note_change(session, "event.ended", row.ended_at, row.elevator_id, row.id)
            return len(rows)

    def add_phase_change(self, change: PhaseChange) -> None:
        """Store one step of the hold machine. A reason longer than the column is cut."""
        with self._writing("store a phase change") as session:
            reason = change.reason[:600]
            session.add(PhaseChangeRow(**(asdict(change) | {"reason": reason})))
            note_change(
                session,
                "phase",
                change.at,
                change.elevator_id,
                change.event_id,
                before=change.before,
                after=change.after,
                reason=reason,
            )

    def add_pre_hold(self, pre_hold: PreHold) -> None:
        """Store a false pre-hold."""
        with self._writing("store a false pre-hold") as session:
            session.add(PreHoldRow(**asdict(pre_hold)))

    def note_run(self, run: GuardRun) -> None:
        """Store that guard runs, or still runs."""
        with self._writing("note that guard runs") as session:
            session.merge(GuardRunRow(**asdict(run)))
        self.forget_changes(run.alive_at)

    def add_door_action(self, action: DoorAction) -> None:
        """Store what a person did to a door."""
        with self._writing("store what a person did") as session:
            session.add(DoorActionRow(**asdict(action)))

    # --- reading ----------------------------------------------------------------------------------------

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
                Evidence(r.t_offset_s, r.score, r.conf, (r.x1, r.y1, r.x2, r.y2), r.phase, r.door, r.opening)
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

    def door_actions(self, event_id: str) -> tuple[DoorAction, ...]:
        """What people did to the door during an event, in time order, at most 200."""
        query = (
            select(DoorActionRow)
            .where(DoorActionRow.event_id == event_id)
            .order_by(DoorActionRow.at, DoorActionRow.id)
            .limit(MAX_PAGE)
        )
        with self._reading("read what people did") as session:
            return tuple(
                DoorAction(
                    r.elevator_id,
                    r.at,
                    "rearm" if r.action == "rearm" else "release",
                    r.by,
                    r.reason,
                    r.event_id,
                )
                for r in session.scalars(query)
            )

    def count_pre_holds(self, elevator_id: str, since: datetime) -> int:
        """How many false pre-holds an elevator had since then."""
        query = select(func.count(PreHoldRow.id)).where(
            PreHoldRow.elevator_id == elevator_id, PreHoldRow.at >= since
        )
        with self._reading("count false pre-holds") as session:
            return session.scalar(query) or 0
