"""Failed attempts in the store, so that a restart of web does not give a guesser all free tries anew.

Only what may be written down: addresses, and names of accounts that there are. Under a name that nobody has
people type passwords; such counters stay in memory (`api.accounts.limits`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from api.accounts.limits import FORGET_S, LIMITS, Count, Key, Limiter
from api.accounts.people import Database
from api.accounts.tables import FailureRow
from vision.errors import StorageError

log = logging.getLogger(__name__)


class KeptFailures:
    """A limiter's counters in the store. If that fails, those in memory go on.

    Args: now: wall clock; the store outlives the limiter's own.
    """

    def __init__(self, database: Database, limiter: Limiter, now: Callable[[], datetime]) -> None:
        self._db, self._limiter, self._now = database, limiter, now
        self._restored = False

    def restore(self) -> None:
        """Before the first attempt of this process: go on where the last one ended."""
        if self._restored:
            return
        now = self._now()
        try:
            with self._db.reading("read failed attempts") as t:
                rows = t.scalars(select(FailureRow).where(FailureRow.last_at > _forgotten(now))).all()
        except StorageError as exc:
            log.warning("failed attempts from before the start are not known: %s", exc)
            return
        self._restored = True
        for row in rows:
            if row.kind in LIMITS:
                # A clock that was set meanwhile makes nobody wait longer than the limit's longest pause.
                wait_s = min((row.until_at - now).total_seconds(), LIMITS[row.kind].most_s)
                ago_s = max(0.0, (now - row.last_at).total_seconds())
                self._limiter.restore((row.kind, row.who), Count(row.failures, ago_s, wait_s))

    def keep(self, keys: Iterable[Key]) -> None:
        """Write down what the limiter counts for these keys now, and forget what is over."""
        now = self._now()
        try:
            with self._db.writing("keep failed attempts") as t:
                t.execute(delete(FailureRow).where(FailureRow.last_at <= _forgotten(now)))
                for kind, who in keys:
                    row, count = t.get(FailureRow, (kind, who)), self._limiter.count((kind, who))
                    if count is None:
                        if row is not None:
                            t.delete(row)
                        continue
                    if row is None:
                        row = FailureRow(kind=kind, who=who)
                        t.add(row)
                    row.failures = count.failures
                    row.last_at = now - timedelta(seconds=count.ago_s)
                    row.until_at = now + timedelta(seconds=count.wait_s)
        except StorageError as exc:
            log.warning("failed attempts are counted in memory only: %s", exc)


def _forgotten(now: datetime) -> datetime:
    return now - timedelta(seconds=FORGET_S)
