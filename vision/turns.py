"""Whose picture is looked at next, where several cameras share the processor cores.

Eight inferences at once on two cores take eight times as long each, and every camera gets old news. One after
another each is quick, and a camera whose turn it is takes the newest picture that it has then. A car in
which a vehicle may be comes before one in which somebody moves, and that before a still one that is looked
at to be on the safe side; waiting makes up for it, so none starves. A picture that the motion gate will not
let through takes no turn at all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from vision.errors import ConfigError
from vision.perceive import Perceiver
from vision.types import Clock, Frame, FrameSource, Observation

PATIENCE_S: Final = 0.5
"""Longest wait for a turn. Who has waited for so long goes beside the others: one that hangs in its turn must
not keep them from looking."""

AGE_S: Final = 0.15
"""Waiting that counts for one step of urgency: a still car waits 0.3 s at most behind a vehicle."""


@dataclass(slots=True, eq=False)
class _Waiting:
    urgency: int
    since_s: float
    granted: bool = False


class Turns:
    """At most ``places`` at a time, the most urgent first, of equals the first come. Thread-safe.

    Raises: ConfigError if there is no place.
    """

    def __init__(
        self,
        places: int,
        patience_s: float = PATIENCE_S,
        *,
        age_s: float = AGE_S,
        clock: Clock = time.monotonic,
    ) -> None:
        if places < 1:
            raise ConfigError(f"a turn needs a place; got {places}, choose 1 or more")
        self._free = places
        self._patience_s = patience_s
        self._age_s = age_s
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []  # by arrival

    @contextmanager
    def taken(self, urgency: int = 0) -> Iterator[bool]:
        """A turn of one's own, after the others' if need be. Yields: whether that meant waiting.

        Args: urgency: 0 before 1 before 2, see `Perceiver.urgency`.
        """
        with self._changed:
            waits = self._free == 0 or bool(self._waiting)
            mine = _Waiting(urgency, self._clock())
            self._waiting.append(mine)
            self._grant()
            if not self._changed.wait_for(lambda: mine.granted, self._patience_s):
                self._waiting.remove(mine)
        try:
            yield waits
        finally:
            with self._changed:
                self._free += mine.granted
                self._grant()

    def _grant(self) -> None:
        """Give free places to those whose turn it is. One decides for all: what the clock says moves on."""
        now_s = self._clock()

        def rank(one: _Waiting) -> tuple[int, float]:
            return max(0, one.urgency - int((now_s - one.since_s) / self._age_s)), one.since_s

        while self._free and self._waiting:
            chosen = min(self._waiting, key=rank)  # the first of equals
            self._waiting.remove(chosen)
            chosen.granted = True
            self._free -= 1
            self._changed.notify_all()


def look_in_turn(source: FrameSource, perceiver: Perceiver, turns: Turns, frame: Frame) -> Observation:
    """What ``frame`` of ``source`` shows, or what came while others had their turn."""
    urgency = perceiver.urgency(frame)
    if urgency is None:
        return perceiver.look(frame)
    with turns.taken(urgency) as waited:
        return perceiver.look((source.read(0) or frame) if waited else frame)


def places_for(cores: int, threads: int) -> int:
    """How many inferences of so many threads fit on the cores, at least one."""
    return max(1, cores // threads)


def threads_for(cores: int, cameras: int, wanted: int) -> int:
    """Threads of one inference where so many cameras share the cores: at most ``wanted``, at least one.

    Two pictures side by side, a thread each, take 12 ms a picture on two cores; one after the other with two
    threads each, 22 ms (the default model on an AMD EPYC, `benchmarks/reports/inference.json`).
    """
    return max(1, min(wanted, cores // cameras))
