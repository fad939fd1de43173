"""What many listeners are sent at the same moment is put into words once, for all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

R = TypeVar("R")
MOST: Final = 256
"""Different keys kept: sets of elevators that people may see, or elevators of a box."""


class Once(Generic[R]):
    """The latest words per key, made anew when what they are made of is another object. For one thread."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[object, R]] = {}

    def get(self, key: Hashable, of: object, make: Callable[[], R]) -> R:
        """The words for ``key``, made of the object ``of``; an object that changes inside is not noticed."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] is of:
            return kept[1]
        if len(self._kept) >= MOST:
            self._kept.clear()
        made = make()
        self._kept[key] = (of, made)
        return made
