"""The audit trail in the store: append-only, each entry chained to the one before it.

A trigger of the database refuses every change, and every removal within a month. Whoever can write the file
itself could remove the trigger; then the chain no longer fits (`AuditTrail.broken`). Cutting off the newest
entries leaves no trace in the store alone: keep a backup, or read the trail away regularly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select

from api.accounts.people import Database
from api.accounts.records import AuditEntry
from api.accounts.tables import AuditRow
from api.accounts.who import Actor

ADDRESS: Final[ContextVar[str]] = ContextVar("liftguard_address", default="")
"""Address of whoever this request is from; `api.accounts.gate` sets it."""

FIRST: Final = "0" * 64
"""What the first entry of all is chained to."""
LEAST_DAYS: Final = 31
"""The trigger of the database keeps every entry for 30 days."""
MOST: Final = 200
_LOCK: Final = 0x4C_47_00_03
"""PostgreSQL's advisory lock that makes writers of the chain go one after the other; SQLite does anyway."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; None: all. ``since`` is inclusive, ``until`` is not; ``action`` may end with ``.*``."""

    actor_id: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditTrail:
    """Reads and writes the trail. Safe to use from several threads and processes."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._db = database
        self._now = now

    def note(self, actor: Actor, action: str, target: str, detail: str = "") -> None:
        """Add an entry. Returns when it is on the disk. Raises: StorageError if it cannot be noted."""
        with self._db.writing("note into the audit trail") as t:
            if t.get_bind().dialect.name == "postgresql":
                t.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            last = select(AuditRow.digest).order_by(AuditRow.id.desc()).limit(1)
            entry = AuditEntry(
                id=0,
                at=self._now(),
                actor_id=actor.id[:120],
                actor_name=_line(actor.name, 200),
                action=action[:64],
                target=_line(target, 200),
                detail=_line(detail, 1000),
                address=ADDRESS.get()[:64],
                previous=t.scalar(last) or FIRST,
                digest="",
            )
            values = {name: getattr(entry, name) for name in AuditEntry.__dataclass_fields__ if name != "id"}
            t.add(AuditRow(**(values | {"digest": digest_of(entry)})))

    def entries(
        self, limit: int = 50, before: int | None = None, which: AuditFilter | None = None
    ) -> tuple[tuple[AuditEntry, ...], int | None]:
        """A page, newest first, and where the next begins (None: that was all). ``limit``: 1 to 200."""
        if not 1 <= limit <= MOST:
            raise ValueError(f"limit must be 1 to {MOST}; got {limit}")
        which = which or AuditFilter()
        query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(AuditRow.id < before)
        if which.actor_id is not None:
            query = query.where(AuditRow.actor_id == which.actor_id)
        if which.target is not None:
            query = query.where(AuditRow.target == which.target)
        if which.since is not None:
            query = query.where(AuditRow.at >= which.since)
        if which.until is not None:
            query = query.where(AuditRow.at < which.until)
        if which.action is not None and which.action.endswith(".*"):
            query = query.where(AuditRow.action.startswith(which.action[:-1], autoescape=True))
        elif which.action is not None:
            query = query.where(AuditRow.action == which.action)
        with self._db.reading("read the audit trail") as t:
            found = [_entry(row) for row in t.scalars(query)]
        page = tuple(found[:limit])
        return page, page[-1].id if len(found) > limit else None

    def actions(self) -> tuple[str, ...]:
        """Every action that is in the trail, for a filter."""
        with self._db.reading("read the audit trail") as t:
            return tuple(t.scalars(select(AuditRow.action).distinct().order_by(AuditRow.action).limit(MOST)))

    def broken(self) -> AuditEntry | None:
        """The oldest entry that fits not the one before it or its own digest; None: the chain is whole."""
        before: AuditEntry | None = None
        with self._db.reading("read the audit trail") as t:
            rows = t.scalars(select(AuditRow).order_by(AuditRow.id).execution_options(yield_per=500))
            for entry in map(_entry, rows):
                fits = before is None or entry.previous == before.digest
                if not fits or entry.digest != digest_of(entry):
                    return entry
                before = entry
        return None

    def sweep(self, keep_days: int) -> int:
        """Remove entries that are older. Returns: how many. The chain begins at the oldest that is left."""
        cutoff = self._now() - timedelta(days=max(keep_days, LEAST_DAYS))
        with self._db.writing("remove old audit entries") as t:
            young = t.scalar(select(func.min(AuditRow.id)).where(AuditRow.at >= cutoff))
            newest = t.scalar(select(func.max(AuditRow.id)))
            if newest is None:
                return 0
            end = min(young or newest, newest)  # the newest stays: the next is chained to it
            old = t.scalar(select(func.count(AuditRow.id)).where(AuditRow.id < end)) or 0
            t.execute(delete(AuditRow).where(AuditRow.id < end))
            return old


def digest_of(entry: AuditEntry) -> str:
    """SHA-256 over every value of the entry but its number, in this order, as JSON."""
    values = [
        entry.at.astimezone(UTC).isoformat(),
        entry.actor_id,
        entry.actor_name,
        entry.action,
        entry.target,
        entry.detail,
        entry.address,
        entry.previous,
    ]
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()


def _line(text: str, most: int) -> str:
    """One line of it: nothing that could forge another entry where the trail is printed."""
    return "".join(c if c.isprintable() else " " for c in text)[:most]


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in AuditEntry.__dataclass_fields__})
