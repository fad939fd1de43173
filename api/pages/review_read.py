"""Reads from the store what the list of the Review page needs, in few queries."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select

from api.evidence.tables import EvidenceFileRow
from api.pages.event_view import SHOWN_STATES
from api.store import Store
from api.tables import EventRow


def count_unreviewed(store: Store, elevators: Collection[str] | None) -> int:
    """Events that nobody has judged. elevators: only these; None: all. Raises: StorageError."""
    query = select(func.count(EventRow.id)).where(EventRow.verdict.is_(None))
    if elevators is not None:
        query = query.where(EventRow.elevator_id.in_(elevators))
    with store.reading("count events to review") as session:
        return session.scalar(query) or 0


def with_thumbnail(store: Store, event_ids: Sequence[str]) -> frozenset[str]:
    """Those of the events that have a thumbnail to show. Raises: StorageError."""
    row = EvidenceFileRow
    query = select(row.event_id).where(
        row.event_id.in_(event_ids), row.kind == "thumbnail", row.state.in_(SHOWN_STATES)
    )
    with store.reading("look for thumbnails") as session:
        return frozenset(session.scalars(query))
