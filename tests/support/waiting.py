"""Waiting for a real condition with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

GENEROUS_S = 20.0  # what must come at all comes by then, even on a busy machine


def eventually(condition: Callable[[], bool], within_s: float = GENEROUS_S, what: object = "") -> None:
    """Return as soon as ``condition`` holds. Raises: AssertionError naming ``what`` if too late."""
    deadline_s = time.monotonic() + within_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline_s:
            shown = what() if callable(what) else what
            raise AssertionError(f"not within {within_s} s: {shown or condition}")
        pause.wait(0.005)
