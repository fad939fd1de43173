"""The index of words keeps what events are searched by, so that those that do not fit are not read.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_KEY = ("word", "started_at", "event_id")
_ADDED = ("elevator_id", "class_name", "outcome", "duration_s", "verdict", "locked")


def upgrade() -> None:
    """Six columns, filled from the events; on PostgreSQL they are part of the index, beside its key."""
    if op.get_bind().dialect.name == "sqlite":
        _made_anew(_added())
        return
    for column in _added():
        op.add_column("event_words", sa.Column(column.name, column.type, nullable=True))
    values = ", ".join(f"{name} = e.{name}" for name in _ADDED)
    op.execute(f"UPDATE event_words SET {values} FROM events e WHERE e.id = event_words.event_id")  # noqa: S608
    for column in _added():
        if not column.nullable:
            op.alter_column("event_words", column.name, nullable=False)
    _new_key(f" INCLUDE ({', '.join(_ADDED)})")


def downgrade() -> None:
    """Without them again."""
    if op.get_bind().dialect.name == "sqlite":
        _made_anew([])
        return
    _new_key("")
    for name in _ADDED:
        op.drop_column("event_words", name)


def _added() -> list[sa.Column[object]]:
    return [
        sa.Column("elevator_id", sa.String(64), nullable=False),
        sa.Column("class_name", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("verdict", sa.String(16), nullable=True),
        sa.Column("locked", sa.Boolean(), nullable=False),
    ]


def _new_key(more: str) -> None:
    op.drop_constraint("pk_event_words", "event_words")
    op.execute(f"ALTER TABLE event_words ADD CONSTRAINT pk_event_words PRIMARY KEY ({', '.join(_KEY)}){more}")


def _made_anew(added: list[sa.Column[object]]) -> None:
    """SQLite keeps the rows in their key itself: another table is made, in order."""
    op.create_table(
        "event_words_new",
        sa.Column("word", sa.String(64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        *added,
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name="fk_event_words_event_id_events", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(*_KEY, name="pk_event_words"),
        sqlite_with_rowid=False,
    )
    names = ", ".join((*_KEY, *(column.name for column in added)))
    values = ", ".join((*(f"w.{name}" for name in _KEY), *(f"e.{column.name}" for column in added)))
    op.execute(
        f"INSERT INTO event_words_new ({names}) SELECT {values} FROM event_words w "  # noqa: S608
        "JOIN events e ON e.id = w.event_id ORDER BY w.word, w.started_at, w.event_id"
    )
    op.drop_table("event_words")
    op.rename_table("event_words_new", "event_words")
    op.create_index("ix_event_words_event_id", "event_words", ["event_id"])
