"""The newest changes for everybody who listens, with one look into the store for all of them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool

from api.change_store import Change
from api.store import Store
from vision.types import Clock

LOOK_S: Final = 0.5  # a change is sent at most this long after it was stored, and the time of one look
PAGE: Final = 200
KEPT: Final = 1000  # changes kept in memory for those who listen


class ChangeFeed:
    """The newest changes, read once for everybody who listens."""

    def __init__(self, store: Store, clock: Clock = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._recent: deque[Change] = deque(maxlen=KEPT)
        self._last: int | None = None
        self._looked_s = -LOOK_S
        self._looking = asyncio.Lock()
        self._saying = asyncio.Lock()
        self._said: OrderedDict[int, bytes] = OrderedDict()

    async def start(self) -> tuple[int, int]:
        """Numbers of the first and the last change that are kept."""
        return await run_in_threadpool(self._store.change_range)

    async def since(self, after: int) -> tuple[Change, ...]:
        """What follows number ``after``, at most `PAGE` of it. Raises: StorageError."""
        async with self._looking:
            if self._clock() - self._looked_s >= LOOK_S:
                await self._look()
        if self._last is not None and after >= self._last:
            return ()
        if self._recent and after >= self._recent[0].id - 1:
            return tuple(change for change in self._recent if change.id > after)[:PAGE]
        return await run_in_threadpool(self._store.changes, after, PAGE)

    async def message(self, change: Change, make: Callable[[Change], bytes]) -> bytes:
        """What listeners are sent of a change: made once for all of them, off the event loop.

        Raises: StorageError; the next who asks tries again.
        """
        async with self._saying:
            body = self._said.get(change.id)
            if body is None:
                body = self._said[change.id] = await run_in_threadpool(make, change)
                while len(self._said) > KEPT:
                    self._said.popitem(last=False)
        return body

    async def _look(self) -> None:
        if self._last is None:
            _, self._last = await self.start()
        found = await run_in_threadpool(self._store.changes, self._last, PAGE)
        self._recent.extend(found)
        if found:
            self._last = found[-1].id
        if len(found) < PAGE:
            self._looked_s = self._clock()
