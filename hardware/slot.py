"""A place for the latest presence between the vision thread and the hold thread."""

from __future__ import annotations

import threading

from vision.types import Presence


class PresenceSlot:
    """Holds the newest presence. Thread-safe; neither side ever waits for the other's work.

    `get` does not take the presence away: `hardware.hold.step` knows one that it has seen before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._presence: Presence | None = None

    def put(self, presence: Presence) -> None:
        """Replace what was there, whatever its time: the hold step judges freshness and order."""
        with self._lock:
            self._presence = presence

    def get(self) -> Presence | None:
        """The latest presence, or None before the first."""
        with self._lock:
            return self._presence
