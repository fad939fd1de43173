"""Answers that are made once for everybody who asks the same, for as long as nothing in the store changes.

Fifty open pages and a few programs ask for the same list again and again, and what they get changes a few
times a minute. An answer is kept until the store's `version` moves, which it also does when another process
writes (guard, the command line), and with it the count of changes of events: nobody is told something old.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Protocol

from vision.errors import StorageError

MOST_BYTES: Final = 8 * 1024 * 1024
"""Of all answers kept. A full page of 200 events has about 200 KB."""

MAKERS: Final = 2
"""Answers made at a time: each needs the interpreter, and so does whoever sends live pictures meanwhile."""
MOST: Final = 500
"""Answers kept."""


class Versioned(Protocol):
    """Something that says when it has changed."""

    def version(self) -> int | None:
        """Another number after every change, whoever made it; None: it cannot tell. From memory, at once."""
        ...

    def events_revision(self) -> int:
        """Another number after every change of what answers are made of. May read."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """An answer, and the entity tag that names it (RFC 9110, 8.8.3)."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, body: bytes) -> Made:
        """The tag is a hash of the body: the same answer has the same tag, whoever asks and when."""
        return cls(body, f'"{blake2b(body, digest_size=12).hexdigest()}"')


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)  # who asks meanwhile waits for the first
    made: Made | None = None


_LOOKING: Final = object()  # the key of who looks whether something has changed


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Fresh:
    """Keeps answers, the least used go first. Safe to use from several threads."""

    def __init__(self, source: Versioned, most_bytes: int = MOST_BYTES) -> None:
        self._source = source
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._version: int | None = None
        self._revision: int | None = None
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()
        self._bytes = 0
        self._makers = threading.BoundedSemaphore(MAKERS)
        self._tells = True
        self._turns: dict[Hashable, _Turn] = {}  # of the event loop alone

    def get(self, key: Hashable, make: Callable[[], bytes]) -> Made:
        """The answer to ``key``, which must name everything that it depends on beside the store: rights too.

        Raises: StorageError, and whatever ``make`` raises; that is not kept.
        """
        with self._lock:
            version = self._source.version()  # in the lock: versions are met in the order in which they came
            self._tells = version is not None
            if version is None:
                slot = _Slot()
            else:
                if version != self._version:
                    self._look(version)
                slot = self._slots.setdefault(key, _Slot())
                self._slots.move_to_end(key)
        with slot.lock:
            if slot.made is None:
                with self._makers:
                    slot.made = Made.of(make())  # not older than `version`, which was read before
                self._count(key, slot)
            return slot.made

    def _look(self, version: int) -> None:
        """Something was written: forget the answers, unless it had nothing to do with events."""
        revision = self._source.events_revision()  # not older than `version`
        if revision != self._revision:
            self._slots.clear()
            self._revision, self._bytes = revision, 0
        self._version = version

    async def look_again(self) -> None:
        """On an event loop: if something was written, see whether it counts; once for all who ask.

        Looking means to read, so it is done by a thread. What fails is said by whoever makes the answer.
        """
        with suppress(StorageError):
            if self.keeps and self._source.version() != self._version:
                async with self.turn(_LOOKING):
                    if self._source.version() != self._version:
                        await asyncio.to_thread(self._look_now)

    def _look_now(self) -> None:
        with self._lock:
            version = self._source.version()
            if version is not None and version != self._version:
                self._look(version)

    def kept(self, key: Hashable) -> Made | None:
        """The answer to ``key`` if it is there and still counts.

        Never waits, so that it may be asked on an event loop; not even for the disk: the version comes from
        memory that SQLite shares between processes.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            slot = self._slots.get(key)
            if slot is None or slot.made is None or self._source.version() != self._version:
                return None
        except StorageError:
            return None  # whoever makes the answer will say what is wrong
        else:
            self._slots.move_to_end(key)
            return slot.made
        finally:
            self._lock.release()

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        """On an event loop: one at a time for each key, so that the others find what the first one makes.

        Where nothing can be kept nobody waits.
        """
        if not self.keeps:
            yield
            return
        turn = self._turns.setdefault(key, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                self._turns.pop(key, None)

    @property
    def keeps(self) -> bool:
        """The source can tell when something has changed. Never waits; True until the first answer."""
        return self._tells

    def _count(self, key: Hashable, slot: _Slot) -> None:
        """Make room for a new answer, if it still counts."""
        with self._lock:
            if self._slots.get(key) is not slot or slot.made is None:
                return
            self._bytes += len(slot.made.body)
            while self._slots and (self._bytes > self._most_bytes or len(self._slots) > MOST):
                _, old = self._slots.popitem(last=False)
                self._bytes -= len(old.made.body) if old.made else 0
