"""The table of writes that had a key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.tables import Base, RowId, UtcDateTime


class IdempotencyRow(Base):
    """One write: who sent it, what it was, and its answer once there is one. No secret can be read in it."""

    __tablename__ = "idempotency_keys"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    principal: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64))
    run: Mapped[str] = mapped_column(String(36))  # of web, so that one that was cut off is known
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
    answer: Mapped[bytes | None] = mapped_column(LargeBinary())

    __table_args__ = (
        UniqueConstraint("principal", "key", name="uq_idempotency_keys_principal"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )
