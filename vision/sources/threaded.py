"""What every source with threads of its own has in common: how it is read, asked and closed."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final

from vision.sources.outlet import Outlet
from vision.types import Clock, Frame, SourceStatus

_CLOSE_S: Final = 1.5  # how long `close` waits for the threads before it leaves them to end by themselves


class ThreadedSource(ABC):
    """A `FrameSource` whose threads put pictures into an `Outlet` and end when ``_closed`` is set."""

    def __init__(self, name: str, clock: Clock, detail: str) -> None:
        self._name = name
        self._clock = clock
        self._outlet = Outlet(clock, detail)
        self._changed = self._outlet.changed
        self._closed = False

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not read before, waiting at most ``timeout_s``. None: nothing new, or ended."""
        return self._outlet.take(timeout_s)

    def status(self) -> SourceStatus:
        """The present condition. Never blocks."""
        return self._outlet.status()

    def close(self) -> None:
        """Stop and free everything. Idempotent, returns within two seconds whatever the camera does."""
        self._outlet.state("closed", f"{self._name} was closed.")
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            threads = tuple(self._threads())
        deadline_s = time.monotonic() + _CLOSE_S
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline_s - time.monotonic()))

    @abstractmethod
    def _threads(self) -> Iterable[threading.Thread]:
        """The threads at work now."""
