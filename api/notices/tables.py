"""The tables of webhooks: who is told, and what is still to be delivered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.tables import Base, UtcDateTime


class WebhookRow(Base):
    """One address that is told."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(200))
    # As it is: a signature needs the secret itself. It is shown once and never again.
    secret: Mapped[str] = mapped_column(String(100))
    types: Mapped[str] = mapped_column(String(300))  # comma-separated
    elevators: Mapped[str | None] = mapped_column(Text())  # comma-separated; NULL: all
    enabled: Mapped[bool] = mapped_column(Boolean())
    disabled_reason: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())


class WebhookMessageRow(Base):
    """One message to one address: delivered, waiting for its next try, or dead."""

    __tablename__ = "webhook_messages"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(String(36), ForeignKey("webhooks.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(40))
    event_id: Mapped[str] = mapped_column(String(36))  # a message of its own id for a test message
    version: Mapped[int] = mapped_column(Integer())  # of the review; 0 for what happens once
    body: Mapped[str] = mapped_column(Text())
    state: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
    next_at: Mapped[datetime] = mapped_column(UtcDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    last_result: Mapped[str] = mapped_column(String(300))

    __table_args__ = (
        # One message of a kind per event and address, however often the outbox is filled.
        UniqueConstraint("webhook_id", "event_id", "type", "version", name="uq_webhook_messages_webhook_id"),
        Index("ix_webhook_messages_state_next_at", "state", "next_at"),
    )
