"""Writes that had a key, in the store: they outlive a restart of web."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session as Transaction

from api.accounts.people import Database
from api.idempotency.seal import open_sealed, seal
from api.idempotency.tables import IdempotencyRow
from api.idempotency.values import KEPT, Answer, Asked, Lost, Mismatch, Running

MOST: Final = 1000
"""Kept for one session or token; more, and the oldest go. One write a minute and a half for a whole day."""


class StoredKeys:
    """See `values.Memory`. Safe from several threads and processes. Args: now: UTC."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._db = database
        self._now = now
        self._run = str(uuid.uuid4())

    def begin(self, asked: Asked, secret: bytes) -> Answer | None:
        """See `values.Memory.begin`. Raises: StorageError too."""
        now = self._now()
        with self._db.writing("note a write") as t:
            row = _find(t, asked)
            if row is not None and now - row.created_at >= KEPT:
                t.delete(row)
                t.flush()
                row = None
            if row is None:
                self._make_room(t, asked.principal)
                t.add(
                    IdempotencyRow(
                        principal=asked.principal,
                        key=asked.key,
                        fingerprint=asked.fingerprint,
                        run=self._run,
                        created_at=now,
                    )
                )
                return None
            if row.fingerprint != asked.fingerprint:
                raise Mismatch
            if row.answer is None:
                raise Running if row.run == self._run else Lost
            answer = open_sealed(row.answer, secret)
            if answer is None:  # of the same session or token, so this does not happen; never do it twice
                raise Lost
            return answer

    def finish(self, asked: Asked, answer: Answer, secret: bytes) -> None:
        """See `values.Memory.finish`."""
        with self._db.writing("keep an answer") as t:
            row = _find(t, asked)
            if row is not None:
                row.answer = seal(answer, secret)

    def forget(self, asked: Asked) -> None:
        """See `values.Memory.forget`."""
        with self._db.writing("forget a write") as t:
            row = _find(t, asked)
            if row is not None:
                t.delete(row)

    def sweep(self) -> None:
        """Remove what is too old to count."""
        with self._db.writing("remove old keys") as t:
            t.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at <= self._now() - KEPT))

    def _make_room(self, t: Transaction, principal: str) -> None:
        mine = select(IdempotencyRow.id).where(IdempotencyRow.principal == principal)
        if (t.scalar(select(func.count()).select_from(mine.subquery())) or 0) >= MOST:
            oldest = mine.order_by(IdempotencyRow.id).limit(MOST // 10)
            t.execute(delete(IdempotencyRow).where(IdempotencyRow.id.in_(oldest.scalar_subquery())))


def _find(t: Transaction, asked: Asked) -> IdempotencyRow | None:
    mine = select(IdempotencyRow).where(
        IdempotencyRow.principal == asked.principal, IdempotencyRow.key == asked.key
    )
    return t.scalar(mine)
