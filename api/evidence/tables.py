"""The tables of evidence files: what there is, and the chain that shows later changes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Float, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.tables import Base, RowId, UtcDateTime


class EvidenceFileRow(Base):
    """One file of an event, or the stated reason why there is none."""

    __tablename__ = "evidence_files"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    # No foreign key: a picture of a covered camera belongs to no event, and a clip is kept and found even
    # when its event could not be written.
    event_id: Mapped[str] = mapped_column(String(36))
    elevator_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    segment: Mapped[int] = mapped_column(Integer())
    path: Mapped[str] = mapped_column(String(400))
    media_type: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime())
    duration_s: Mapped[float] = mapped_column(Float())
    size_bytes: Mapped[int] = mapped_column(BigInteger())
    sha256: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(600))
    on_disk: Mapped[bool] = mapped_column(Boolean())  # what `state` says of it: there is a file to count

    __table_args__ = (
        Index("ix_evidence_files_event_id_kind_segment", "event_id", "kind", "segment"),
        Index("ix_evidence_files_on_disk_started_at_id", "on_disk", "started_at", "id"),
        Index("ix_evidence_files_state", "state"),
        Index("ix_evidence_files_path", "path"),
    )


class ChainRow(Base):
    """One link: what became of a file, and a hash over it and the link before. Only ever added to."""

    __tablename__ = "evidence_chain"

    seq: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)  # 1, 2, 3, … without a gap
    file_id: Mapped[str] = mapped_column(String(36))
    facts: Mapped[str] = mapped_column(Text())  # canonical JSON, see `api.evidence.chain`
    chain: Mapped[str] = mapped_column(String(64))

    __table_args__ = (Index("ix_evidence_chain_file_id_seq", "file_id", "seq"),)
