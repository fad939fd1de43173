"""The table of camera troubles."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from api.tables import Base, UtcDateTime


class CameraTroubleRow(Base):
    """A camera that did not see what it should."""

    __tablename__ = "camera_troubles"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    elevator_id: Mapped[str] = mapped_column(String(64))
    camera_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime())
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime())
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    end: Mapped[str | None] = mapped_column(String(16))
    picture: Mapped[str | None] = mapped_column(String(400))

    __table_args__ = (
        Index("ix_camera_troubles_reported_at_id", "reported_at", "id"),
        Index("ix_camera_troubles_elevator_id_reported_at_id", "elevator_id", "reported_at", "id"),
        Index("ix_camera_troubles_ended_at", "ended_at"),
    )
