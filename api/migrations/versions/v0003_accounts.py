"""Accounts, sessions, tokens and the audit trail.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = ("audit_entries", "api_tokens", "sessions", "user_grants", "users")


def _when(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["users.id"], name=f"fk_{table}_user_id_users", ondelete="CASCADE"
    )


def upgrade() -> None:
    """Create the five tables, and make the audit trail append-only."""
    op.create_table(
        "users",
        _text("id", 36),
        _text("login", 64),
        _text("name", 120),
        _text("password_hash", 300, nullable=True),
        _when("password_at", nullable=True),
        _when("password_until", nullable=True),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        _text("issuer", 300, nullable=True),
        _text("subject", 255, nullable=True),
        _when("created_at"),
        _when("signed_in_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("login", name="uq_users_login"),
        sa.UniqueConstraint("issuer", "subject", name="uq_users_issuer"),
    )
    op.create_table(
        "user_grants",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        _text("user_id", 36),
        _text("role", 16),
        _text("estate", 80, nullable=True),
        _text("elevator_id", 64, nullable=True),
        _user("user_grants"),
        sa.PrimaryKeyConstraint("id", name="pk_user_grants"),
    )
    op.create_index("ix_user_grants_user_id", "user_grants", ["user_id"])
    op.create_table(
        "sessions",
        _text("digest", 64),
        _text("user_id", 36),
        _text("method", 16),
        _when("created_at"),
        _when("seen_at"),
        _when("expires_at"),
        _text("address", 64),
        _text("agent", 200),
        _user("sessions"),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "api_tokens",
        _text("id", 36),
        _text("user_id", 36),
        _text("name", 120),
        _text("digest", 64),
        _text("scopes", 400),
        _when("created_at"),
        _when("expires_at"),
        _when("used_at", nullable=True),
        _when("revoked_at", nullable=True),
        _user("api_tokens"),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("digest", name="uq_api_tokens_digest"),
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"])
    _audit()


def _audit() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        _when("at"),
        _text("actor_id", 120),
        _text("actor_name", 200),
        _text("action", 64),
        _text("target", 200),
        _text("detail", 1000),
        _text("address", 64),
        _text("previous", 64),
        _text("digest", 64),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
    )
    for columns in (["at"], ["actor_id", "id"], ["action", "id"], ["target", "id"]):
        op.create_index(f"ix_audit_entries_{'_'.join(columns)}", "audit_entries", columns)
    # Entries are never changed, and not removed before they are a month old, whatever a program tries.
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )
        op.execute(
            "CREATE TRIGGER audit_entries_no_early_delete BEFORE DELETE ON audit_entries "
            "WHEN OLD.at > datetime('now', '-30 days') "
            "BEGIN SELECT RAISE(ABORT, 'an audit entry is kept for at least 30 days'); END"
        )
    elif op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_entries_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF TG_OP = 'DELETE' AND OLD.at <= now() - interval '30 days' THEN RETURN OLD; END IF; "
            "RAISE EXCEPTION 'the audit trail is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_entries_keep BEFORE UPDATE OR DELETE ON audit_entries "
            "FOR EACH ROW EXECUTE FUNCTION audit_entries_keep()"
        )


def downgrade() -> None:
    """Drop them again."""
    for table in _TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_entries_keep()")
