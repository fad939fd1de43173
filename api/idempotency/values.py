"""What is remembered of a write that has a key, and where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

KEPT: Final = timedelta(hours=24)
"""So long a key stands for the write that it was first sent with."""
KEPT_DOOR: Final = timedelta(seconds=30)
"""Of letting a door go and arming it again: as long as a release lasts. No old key may keep a door held."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A write with a key."""

    principal: str  # digest of the session or token
    key: str  # digest of the key, which itself is never kept
    fingerprint: str  # digest of method, address, conditions and body


@dataclass(frozen=True, slots=True)
class Answer:
    """What the write was answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Mismatch(Exception):  # noqa: N818 - not an error of ours: another request has this key
    """The key stands for another request."""


class Running(Exception):  # noqa: N818
    """The write with this key has not been answered yet."""


class Lost(Exception):  # noqa: N818
    """Web ended in the middle of it: nobody knows whether it was done."""


class Memory(Protocol):
    """Where it is remembered. Every method may block, and may raise StorageError."""

    def begin(self, asked: Asked, secret: bytes) -> Answer | None:
        """Note that it is being done. Returns: what it was answered before; None: do it now.

        Args: secret: what the answer is kept under; without it nobody can read it.
        Raises: Mismatch, Running, Lost.
        """
        ...

    def finish(self, asked: Asked, answer: Answer, secret: bytes) -> None:
        """It was done."""
        ...

    def forget(self, asked: Asked) -> None:
        """It was not done: the next one does it."""
        ...
