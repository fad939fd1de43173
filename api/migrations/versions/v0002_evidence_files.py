"""Evidence files with their chain, verdicts, and what events are searched by.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WORD = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
_SEARCHED = ("class_name", "outcome", "verdict", "locked")
_REVIEW = ("verdict", "verdict_reason", "note", "labels", "locked", "reviewed_by", "reviewed_at")


def upgrade() -> None:
    """Review columns on events, words to search, evidence files and their chain."""
    _events()
    op.create_table(
        "event_words",
        sa.Column("word", _WORD, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name="fk_event_words_event_id_events", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("word", "started_at", "event_id", name="pk_event_words"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_event_words_event_id", "event_words", ["event_id"])

    op.create_table(
        "evidence_files",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("elevator_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(400), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("reason", sa.String(600), nullable=True),
        sa.Column("on_disk", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evidence_files"),
    )
    op.create_index(
        "ix_evidence_files_event_id_kind_segment", "evidence_files", ["event_id", "kind", "segment"]
    )
    op.create_index(
        "ix_evidence_files_on_disk_started_at_id", "evidence_files", ["on_disk", "started_at", "id"]
    )
    op.create_index("ix_evidence_files_state", "evidence_files", ["state"])
    op.create_index("ix_evidence_files_path", "evidence_files", ["path"])

    op.create_table(
        "evidence_chain",
        sa.Column("seq", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("file_id", sa.String(36), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_evidence_chain"),
    )
    op.create_index("ix_evidence_chain_file_id_seq", "evidence_chain", ["file_id", "seq"])


def _events() -> None:
    for column in (
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("verdict", sa.String(16), nullable=True),
        sa.Column("verdict_reason", sa.String(16), nullable=True),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("labels", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("locked", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("reviewed_by", sa.String(64), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_version", sa.Integer(), nullable=False, server_default="0"),
    ):
        op.add_column("events", column)
    for name in _SEARCHED:
        op.create_index(f"ix_events_{name}_started_at_id", "events", [name, "started_at", "id"])
    op.create_index("ix_events_duration_s", "events", ["duration_s"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    seconds = (
        "(julianday(ended_at) - julianday(started_at)) * 86400.0"
        if sqlite
        else "extract(epoch from ended_at - started_at)"
    )
    op.execute(f"UPDATE events SET duration_s = {seconds} WHERE ended_at IS NOT NULL")  # noqa: S608


def downgrade() -> None:
    """Drop them again."""
    for table in ("evidence_chain", "evidence_files", "event_words"):
        op.drop_table(table)
    for name in _SEARCHED:
        op.drop_index(f"ix_events_{name}_started_at_id", "events")
    op.drop_index("ix_events_duration_s", "events")
    for name in ("duration_s", *_REVIEW, "review_version"):
        op.drop_column("events", name)
