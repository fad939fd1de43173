"""What changed, numbered in the order in which it was stored: a listener that knows its last number has
missed nothing when it comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from api.store_base import StoreBase
from api.tables import ChangeRow

KINDS: Final = ("event.started", "event.escalated", "event.ended", "event.reviewed", "phase")
KEPT: Final = timedelta(days=7)
"""Whoever was away for longer reads the list of events instead."""
CHANGE_LOCK: Final = 0x4C_47_00_07
"""On PostgreSQL numbers are given before the commit; one at a time, they become visible in their order."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed. ``before``, ``after`` and ``reason``: of a phase."""

    id: int
    at: datetime
    kind: str  # one of `KINDS`
    elevator_id: str
    event_id: str | None
    before: str | None = None
    after: str | None = None
    reason: str | None = None


_FIELDS: Final = tuple(f.name for f in fields(Change))


def note_change(
    session: Session,
    kind: str,
    at: datetime,
    elevator_id: str,
    event_id: str | None,
    *,
    before: str | None = None,
    after: str | None = None,
    reason: str | None = None,
) -> None:
    """Add a change in the transaction of what changes, so that there is never one without the other."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(CHANGE_LOCK)))
    session.add(
        ChangeRow(
            at=at,
            kind=kind,
            elevator_id=elevator_id,
            event_id=event_id,
            before=before,
            after=after,
            reason=reason,
        )
    )


class ChangeStore(StoreBase):
    """The part of the store that knows what changed."""

    def changes(self, after: int, limit: int = 200) -> tuple[Change, ...]:
        """What changed after number ``after``, in order."""
        query = select(ChangeRow).where(ChangeRow.id > after).order_by(ChangeRow.id).limit(limit)
        with self._reading("read what changed") as session:
            return tuple(
                Change(**{name: getattr(row, name) for name in _FIELDS}) for row in session.scalars(query)
            )

    def change_range(self) -> tuple[int, int]:
        """Numbers of the first and the last change that are kept; (1, 0) if there is none."""
        with self._reading("read what changed") as session:
            first, last = session.execute(select(func.min(ChangeRow.id), func.max(ChangeRow.id))).one()
            return (first, last) if last is not None else (1, 0)

    def forget_changes(self, now: datetime) -> None:
        """Delete what is older than `KEPT`, but for the last one: its number must not be forgotten."""
        with self._writing("forget old changes") as session:
            last = session.scalar(select(func.max(ChangeRow.id)))
            session.execute(delete(ChangeRow).where(ChangeRow.at < now - KEPT, ChangeRow.id != last))
