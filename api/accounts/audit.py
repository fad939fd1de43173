"""The audit trail: every read of evidence and every change, by whom and when."""

from __future__ import annotations

import logging
from typing import Protocol

from api.accounts.who import Actor

log = logging.getLogger(__name__)


class Audit(Protocol):
    """Where reads of evidence and changes are noted, before they happen."""

    def note(self, actor: Actor, action: str, target: str, detail: str = "") -> None:
        """Note that ``actor`` does ``action`` (such as `clip.read`) to ``target`` (such as an event's id).

        Raises: StorageError if it cannot be noted; then it must not be done either.
        """
        ...


class LogAudit:
    """Notes into the log of web: for tests, and for programs without a store."""

    def note(self, actor: Actor, action: str, target: str, detail: str = "") -> None:
        """Write one line."""
        log.info("audit: %s %s %s %s", actor.id, action, target, detail)
