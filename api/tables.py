"""The tables of the store, one model for SQLite on the box and PostgreSQL on the hub.

Nothing here is special to one database: times are UTC with a zone, ids of events are UUIDv7 in their
canonical text form (which sorts by time), and the indexes serve the reads in `api.store`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Fixed constraint names, so that a later migration can name what it changes (Alembic's naming guide)."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. Refuses a time without a zone; always gives one with zone UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To UTC; SQLite keeps it as text without the zone, which sorts by time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time needs a zone; got {value.isoformat()}, use datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """With zone UTC, also from a database that does not keep zones."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """On SQLite one step instead of three: a list of 200 events has more than a thousand moments."""
        return _of_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _of_text(value: str | None) -> datetime | None:
    """A moment as SQLAlchemy writes it into SQLite: ISO 8601 without a zone, in UTC."""
    return None if value is None else datetime.fromisoformat(value + "+00:00")


RowId = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up by itself only in a column of type INTEGER."""
WordType = String(64).with_variant(String(64, collation="C"), "postgresql")
"""Words in order of code points on both, whatever language the database speaks: prefixes are ranges of it."""


class Base(DeclarativeBase):
    """Root of the tables."""

    metadata = MetaData(naming_convention=NAMING)


class EventRow(Base):
    """One blocking: one vehicle, from the first convincing frame until the door was let go."""

    __tablename__ = "events"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    elevator_id: Mapped[str] = mapped_column(String(64))
    camera_id: Mapped[str] = mapped_column(String(64))
    class_name: Mapped[str] = mapped_column(String(32))
    zone: Mapped[str] = mapped_column(String(16))
    suspected_at: Mapped[datetime] = mapped_column(UtcDateTime())
    started_at: Mapped[datetime] = mapped_column(UtcDateTime())
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime())
    escalated_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    outcome: Mapped[str | None] = mapped_column(String(32))
    hold_s: Mapped[float] = mapped_column(Float(), default=0.0)
    pulses: Mapped[int] = mapped_column(Integer(), default=0)
    score: Mapped[float] = mapped_column(Float())
    simulated: Mapped[bool] = mapped_column(Boolean())
    model_name: Mapped[str] = mapped_column(String(120))
    model_sha256: Mapped[str] = mapped_column(String(64))
    rules_version: Mapped[str] = mapped_column(String(64))
    software_version: Mapped[str] = mapped_column(String(64))
    duration_s: Mapped[float | None] = mapped_column(Float())
    verdict: Mapped[str | None] = mapped_column(String(16))
    verdict_reason: Mapped[str | None] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(Text(), default="", server_default="")
    labels: Mapped[list[str]] = mapped_column(JSON(), default=list, server_default="[]")
    locked: Mapped[bool] = mapped_column(Boolean(), default=False, server_default=false())
    reviewed_by: Mapped[str | None] = mapped_column(String(64))
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    review_version: Mapped[int] = mapped_column(Integer(), default=0, server_default="0")
    floor: Mapped[int | None] = mapped_column(Integer())
    door: Mapped[str | None] = mapped_column(String(16))
    capture_to_relay_ms: Mapped[float | None] = mapped_column(Float())
    sight_to_confirm_ms: Mapped[float | None] = mapped_column(Float())

    __table_args__ = (
        Index("ix_events_started_at_id", "started_at", "id"),
        Index("ix_events_elevator_id_started_at_id", "elevator_id", "started_at", "id"),
        Index("ix_events_class_name_started_at_id", "class_name", "started_at", "id"),
        Index("ix_events_outcome_started_at_id", "outcome", "started_at", "id"),
        Index("ix_events_verdict_started_at_id", "verdict", "started_at", "id"),
        Index("ix_events_verdict_outcome_started_at_id", "verdict", "outcome", "started_at", "id"),
        Index("ix_events_locked_started_at_id", "locked", "started_at", "id"),
        Index("ix_events_ended_at", "ended_at"),
        Index("ix_events_duration_s", "duration_s"),
    )


class RevisionRow(Base):
    """How often the rows of a table have changed: counted by triggers (SQLite only), whoever writes.

    A migration that copies the table (Alembic's batch mode) has to make its triggers anew; a test looks.
    """

    __tablename__ = "revisions"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger())


class EventWordRow(Base):
    """A word of an event's note, or one of its labels (`api.event_words`), to find the event by.

    It carries ``started_at`` so that one index gives the events with a word already in order of time, and
    what events are searched by, so that those that do not fit are passed over without being read. `copied`
    keeps these in step.
    """

    __tablename__ = "event_words"

    word: Mapped[str] = mapped_column(WordType, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime(), primary_key=True)
    event_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("events.id", ondelete="CASCADE"), primary_key=True
    )
    elevator_id: Mapped[str] = mapped_column(String(64))
    class_name: Mapped[str] = mapped_column(String(32))
    outcome: Mapped[str | None] = mapped_column(String(32))
    duration_s: Mapped[float | None] = mapped_column(Float())
    verdict: Mapped[str | None] = mapped_column(String(16))
    locked: Mapped[bool] = mapped_column(Boolean())

    __table_args__ = (Index("ix_event_words_event_id", "event_id"), {"sqlite_with_rowid": False})


class EvidenceRow(Base):
    """What the camera saw of the vehicle in one frame."""

    __tablename__ = "event_evidence"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(String(36), ForeignKey("events.id", ondelete="CASCADE"))
    t_offset_s: Mapped[float] = mapped_column(Float())
    score: Mapped[float] = mapped_column(Float())
    conf: Mapped[float] = mapped_column(Float())
    x1: Mapped[float] = mapped_column(Float())
    y1: Mapped[float] = mapped_column(Float())
    x2: Mapped[float] = mapped_column(Float())
    y2: Mapped[float] = mapped_column(Float())
    phase: Mapped[str] = mapped_column(String(16))
    door: Mapped[str | None] = mapped_column(String(16))
    opening: Mapped[float | None] = mapped_column(Float())

    __table_args__ = (Index("ix_event_evidence_event_id_t_offset_s", "event_id", "t_offset_s"),)


class PhaseChangeRow(Base):
    """One step of the hold machine."""

    __tablename__ = "phase_changes"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    elevator_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime())
    before: Mapped[str] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(600))
    # No foreign key: a phase change is kept even when its event could not be written (full disk).
    event_id: Mapped[str | None] = mapped_column(String(36))

    __table_args__ = (
        Index("ix_phase_changes_event_id_at", "event_id", "at"),
        Index("ix_phase_changes_elevator_id_at", "elevator_id", "at"),
    )


class PreHoldRow(Base):
    """A false pre-hold: the relay closed on suspicion and let go because the vote did not confirm."""

    __tablename__ = "pre_holds"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    elevator_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime())
    held_s: Mapped[float] = mapped_column(Float())

    __table_args__ = (Index("ix_pre_holds_elevator_id_at", "elevator_id", "at"),)


class GuardRunRow(Base):
    """One run of guard, from its start to the last time it said that it is there."""

    __tablename__ = "guard_runs"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime())
    alive_at: Mapped[datetime] = mapped_column(UtcDateTime())
    software_version: Mapped[str] = mapped_column(String(64))

    __table_args__ = (Index("ix_guard_runs_started_at", "started_at"),)


class DoorActionRow(Base):
    """What a person did to a door, and why."""

    __tablename__ = "door_actions"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    elevator_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime())
    action: Mapped[str] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(500))
    # No foreign key: what a person did is kept even when its event could not be written (full disk).
    event_id: Mapped[str | None] = mapped_column(String(36))

    __table_args__ = (
        Index("ix_door_actions_event_id", "event_id"),
        Index("ix_door_actions_elevator_id_at", "elevator_id", "at"),
    )


class ChangeRow(Base):
    """One thing that changed, in the order in which it was stored."""

    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime())
    kind: Mapped[str] = mapped_column(String(24))
    elevator_id: Mapped[str] = mapped_column(String(64))
    event_id: Mapped[str | None] = mapped_column(String(36))
    before: Mapped[str | None] = mapped_column(String(16))  # phases, of a change of phase
    after: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(600))

    __table_args__ = (Index("ix_changes_at", "at"), {"sqlite_autoincrement": True})
