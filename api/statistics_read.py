"""Reads from the store what `api.statistics` makes figures of."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from api.statistics import Change, Fact
from api.store import Store
from api.tables import EventRow, GuardRunRow, PhaseChangeRow, PreHoldRow


def read_facts(
    store: Store, since: datetime, until: datetime, elevators: Collection[str] | None = None
) -> list[Fact]:
    """The events that began then. elevators: only these; None: all. Raises: StorageError."""
    e = EventRow
    query = select(
        e.id,
        e.elevator_id,
        e.suspected_at,
        e.started_at,
        e.last_seen_at,
        e.hold_s,
        e.outcome,
        e.escalated_at,
        e.verdict,
        e.capture_to_relay_ms,
        e.sight_to_confirm_ms,
    ).where(e.started_at >= since, e.started_at < until)
    if elevators is not None:
        query = query.where(e.elevator_id.in_(elevators))
    with store.reading("read events for figures") as session:
        return [Fact(*row[:7], row[7] is not None, *row[8:]) for row in session.execute(query)]


def read_changes(
    store: Store, since: datetime, until: datetime, elevators: Collection[str] | None = None
) -> list[Change]:
    """The steps of the hold machine then, and the last one before for each elevator. Raises: StorageError."""
    p = PhaseChangeRow
    before = (
        select(p.elevator_id, func.max(p.at).label("at"))
        .where(p.at < since)
        .group_by(p.elevator_id)
        .subquery()
    )
    query = (
        select(p.elevator_id, p.at, p.before, p.after, p.reason, p.event_id)
        .outerjoin(before, before.c.elevator_id == p.elevator_id)
        .where(or_(and_(p.at >= since, p.at < until), p.at == before.c.at))
        .order_by(p.at, p.id)
    )
    if elevators is not None:
        query = query.where(p.elevator_id.in_(elevators))
    with store.reading("read phase changes for figures") as session:
        return [Change(*row) for row in session.execute(query)]


def read_runs(store: Store, until: datetime) -> list[tuple[datetime, datetime]]:
    """Begin and last sign of life of every run of guard that began before. Raises: StorageError."""
    r = GuardRunRow
    query = select(r.started_at, r.alive_at).where(r.started_at < until).order_by(r.started_at)
    with store.reading("read the runs of guard") as session:
        return [(begin, end) for begin, end in session.execute(query)]


def count_pre_holds(
    store: Store, since: datetime, until: datetime, elevators: Collection[str] | None = None
) -> int:
    """How many pre-holds were let go unconfirmed then. Raises: StorageError."""
    query = select(func.count(PreHoldRow.id)).where(PreHoldRow.at >= since, PreHoldRow.at < until)
    if elevators is not None:
        query = query.where(PreHoldRow.elevator_id.in_(elevators))
    with store.reading("count false pre-holds") as session:
        return session.scalar(query) or 0
