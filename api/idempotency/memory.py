"""What a person did to a door a moment ago, in memory: the door never waits for a disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from api.idempotency.values import KEPT_DOOR, Answer, Asked, Running
from vision.types import Clock

MOST: Final = 1000


@dataclass(slots=True)
class _Kept:
    at_s: float
    answer: Answer | None = None


class RecentKeys:
    """See `values.Memory`, but another request with the same key is done: on doubt a door is let go.

    Safe from several threads. Args: clock: monotonic.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Asked, _Kept] = OrderedDict()

    def begin(self, asked: Asked, secret: bytes) -> Answer | None:  # noqa: ARG002 - nothing is written down
        """See `values.Memory.begin`."""
        now_s = self._clock()
        with self._lock:
            kept = self._kept.get(asked)
            if kept is None or now_s - kept.at_s >= KEPT_DOOR.total_seconds():
                self._kept[asked] = _Kept(now_s)
                self._kept.move_to_end(asked)
                while len(self._kept) > MOST:
                    self._kept.popitem(last=False)
                return None
            if kept.answer is None:
                raise Running
            return kept.answer

    def finish(self, asked: Asked, answer: Answer, secret: bytes) -> None:  # noqa: ARG002
        """See `values.Memory.finish`."""
        with self._lock:
            if asked in self._kept:
                self._kept[asked].answer = answer

    def forget(self, asked: Asked) -> None:
        """See `values.Memory.forget`."""
        with self._lock:
            self._kept.pop(asked, None)

    def clear(self) -> None:
        """A door is armed again: what was let go before is to be let go again when it is asked for."""
        with self._lock:
            self._kept.clear()
