"""The recorder: a thread that writes to the store, so that a slow or full disk never delays the door.

The store is opened on that thread too, so guard starts and holds even where it cannot be opened. After a
failure it is opened again, and the write that failed is tried again, in order, until the store is back; while
it is away only what is essential (events and their ends) is kept, and the queue is bounded. A write that the
store refuses for good is given up: it must not keep the others waiting.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from api.book import EventWrites, Write
from vision.errors import RefusedWriteError, StorageError

log = logging.getLogger(__name__)

ESSENTIAL_MAX: Final = 10_000  # essential writes kept while the store is away: thousands of events
QUEUE_MAX: Final = 2_000  # all writes waiting; past that only essential ones are taken
RETRY_S: Final = 1.0


class OpenStore(EventWrites, Protocol):
    """A store that can be written to and closed."""

    def close(self) -> None: ...  # noqa: D102


_OPENING: Final = Write("opening", lambda _: None, essential=False)


class Recorder:
    """Writes in the order in which writes were put.

    Args: open_store is called on this recorder's thread, again after each failure, and raises `StorageError`.
    retry_s: pause after a failed write, and between looks for a store that is away.
    """

    def __init__(self, open_store: Callable[[], OpenStore], *, retry_s: float = RETRY_S) -> None:
        self._open_store = open_store
        self._store: OpenStore | None = None
        self._retry_s = retry_s
        self._queue: deque[Write] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="recorder", daemon=True)
        self.ok = True  # the last write went well
        self.lost = 0  # writes given up

    def start(self) -> None:
        """Begin writing; the store is opened now, not at the first event."""
        self.put(_OPENING)
        self._thread.start()

    def put(self, write: Write) -> None:
        """Queue a write. Never blocks, never raises."""
        with self._wake:
            limit = ESSENTIAL_MAX if write.essential else QUEUE_MAX
            if len(self._queue) >= limit:
                self.lost += 1
                return
            self._queue.append(write)
            self._wake.notify()

    def drain(self, timeout_s: float) -> bool:
        """Wait until all is written. False if it took longer than ``timeout_s``."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._queue, timeout_s)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Write what is queued, for at most ``timeout_s``, then end. Idempotent."""
        self.drain(timeout_s)
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._close()
        if self._queue:
            log.error("%d writes were still waiting for the store when guard stopped", len(self._queue))

    def _loop(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._queue or self._stopping, None if self.ok else self._retry_s)
                if self._stopping and (not self._queue or not self.ok):
                    return
                if not self._queue:
                    self._queue.append(_OPENING)  # nothing to write: look whether the store is back
                write = self._queue[0]
            if not self._try(write):
                with self._wake:
                    self._wake.wait_for(lambda: self._stopping, self._retry_s)
                continue
            with self._wake:
                self._queue.popleft()
                self._wake.notify_all()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _try(self, write: Write) -> bool:
        """True if the write is done with, for good or bad."""
        try:
            if self._store is None:
                self._store = self._open_store()
            write.do(self._store)
        except RefusedWriteError as exc:
            log.error("the %s is refused by the store and given up: %s", write.what, exc)
            self.lost += 1
            return True
        except StorageError as exc:
            self._close()
            if self.ok:
                log.error("events cannot be stored: %s; the door is not affected, trying again", exc)
            self.ok = False
            if not write.essential:
                self.lost += write is not _OPENING
                return True
            return False
        except Exception:  # top of a loop that must go on: one bad write must not stop the others
            log.exception("the %s could not be written and is given up", write.what)
            self.lost += 1
            return True
        if not self.ok:
            log.info("events are being stored again")
        self.ok = True
        return True
