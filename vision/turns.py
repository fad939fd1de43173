"""Whose picture is looked at next, where several cameras share the processor cores.

Eight inferences at once on two cores take eight times as long each, and every camera gets old news. One after
another each is quick, and a camera whose turn it is takes the newest picture that it has then. Turns go by
arrival, so none starves.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from vision.errors import ConfigError

PATIENCE_S: Final = 0.5
"""Longest wait for a turn. Who has waited for so long goes beside the others: one that hangs in its turn must
not keep them from looking."""


class Turns:
    """At most ``places`` at a time, first come first served. Thread-safe.

    Raises: ConfigError if there is no place.
    """

    def __init__(self, places: int, patience_s: float = PATIENCE_S) -> None:
        if places < 1:
            raise ConfigError(f"a turn needs a place; got {places}, choose 1 or more")
        self._free = places
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """A turn of one's own, after the others' if need be. Yields: whether that meant waiting."""
        mine = object()
        with self._changed:
            waits = self._free == 0 or bool(self._waiting)
            self._waiting.append(mine)
            got = self._changed.wait_for(self._may_begin(mine), self._patience_s)
            self._waiting.remove(mine)
            self._free -= got
            self._changed.notify_all()  # the next in line may find a place, too
        try:
            yield waits
        finally:
            with self._changed:
                self._free += got
                self._changed.notify_all()

    def _may_begin(self, mine: object) -> Callable[[], bool]:
        return lambda: self._free > 0 and self._waiting[0] is mine


def places_for(cores: int, threads: int) -> int:
    """How many inferences of so many threads fit on the cores, at least one."""
    return max(1, cores // threads)


def threads_for(cores: int, cameras: int, wanted: int) -> int:
    """Threads of one inference where so many cameras share the cores: at most ``wanted``, at least one.

    Two pictures side by side, a thread each, take 12 ms a picture on two cores; one after the other with two
    threads each, 22 ms (the default model on an AMD EPYC, `benchmarks/reports/inference.json`).
    """
    return max(1, min(wanted, cores // cameras))
