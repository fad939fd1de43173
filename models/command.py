"""How a command of this room ends: an error of ours is told on stderr, and the status is 2."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps

from vision.errors import LiftguardError

Main = Callable[[Sequence[str] | None], int]


def tells_errors(main: Main) -> Callable[..., int]:
    """Wrap a ``main(argv)``: 2 and the message for a LiftguardError, else what it returns."""

    @wraps(main)
    def told(argv: Sequence[str] | None = None) -> int:
        try:
            return main(argv)
        except LiftguardError as exc:
            print(f"error: {exc}", file=sys.stderr)
            return 2

    return told
