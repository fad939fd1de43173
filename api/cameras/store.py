"""The part of the store that keeps camera troubles."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import Final

from sqlalchemy import and_, or_, select

from api.cameras.records import CameraTrouble, TroubleEnd, TroublePage
from api.cameras.tables import CameraTroubleRow
from api.records import Cursor
from api.store_base import StoreBase

MAX_TROUBLES: Final = 200
_FIELDS: Final = tuple(f.name for f in fields(CameraTrouble))


class TroubleStore(StoreBase):
    """Camera troubles. Saying the same thing twice is harmless, so a caller may try again after an error."""

    def put_trouble(self, trouble: CameraTrouble) -> None:
        """Store a trouble that has begun."""
        with self._writing("store a camera trouble") as session:
            if session.get(CameraTroubleRow, trouble.id) is None:
                session.add(CameraTroubleRow(**asdict(trouble)))

    def see_trouble(self, trouble_id: str, at: datetime) -> None:
        """Note that it goes on, so that a crash loses little of it."""
        with self._writing("update a camera trouble") as session:
            row = session.get(CameraTroubleRow, trouble_id)
            if row is not None:
                row.last_seen_at = at

    def end_trouble(self, trouble_id: str, at: datetime, end: TroubleEnd) -> None:
        """Note that it has ended. What has ended stays as it ended."""
        with self._writing("end a camera trouble") as session:
            row = session.get(CameraTroubleRow, trouble_id)
            if row is not None and row.ended_at is None:
                row.last_seen_at = row.ended_at = at
                row.end = end

    def close_interrupted_troubles(self) -> int:
        """End every open trouble as "interrupted" when it was last seen. Returns: how many."""
        with self._writing("close interrupted camera troubles") as session:
            rows = session.scalars(select(CameraTroubleRow).where(CameraTroubleRow.ended_at.is_(None))).all()
            for row in rows:
                row.ended_at, row.end = row.last_seen_at, "interrupted"
            return len(rows)

    def camera_trouble(self, trouble_id: str) -> CameraTrouble | None:
        """One trouble, or None."""
        with self._reading("read a camera trouble") as session:
            row = session.get(CameraTroubleRow, trouble_id)
            return None if row is None else _trouble(row)

    def camera_troubles(
        self,
        limit: int = 50,
        before: Cursor | None = None,
        *,
        elevator_id: str | None = None,
        within: frozenset[str] | None = None,
    ) -> TroublePage:
        """A page of troubles, the latest reported first.

        Args: limit: 1 to 200. before: the ``next`` of the page before. within: only these elevators; None:
        all of them.
        """
        if not 1 <= limit <= MAX_TROUBLES:
            raise ValueError(f"limit must be 1 to {MAX_TROUBLES}; got {limit}")
        row = CameraTroubleRow
        query = select(row).order_by(row.reported_at.desc(), row.id.desc()).limit(limit + 1)
        if before is not None:
            same = and_(row.reported_at == before.started_at, row.id < before.id)
            query = query.where(or_(row.reported_at < before.started_at, same))
        if elevator_id is not None:
            query = query.where(row.elevator_id == elevator_id)
        if within is not None:
            query = query.where(row.elevator_id.in_(sorted(within)))
        with self._reading("list camera troubles") as session:
            found = [_trouble(r) for r in session.scalars(query)]
        page = tuple(found[:limit])
        more = len(found) > limit
        return TroublePage(page, Cursor(page[-1].reported_at, page[-1].id) if more else None)


def _trouble(row: CameraTroubleRow) -> CameraTrouble:
    return CameraTrouble(**{name: getattr(row, name) for name in _FIELDS})
