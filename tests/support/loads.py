"""Loads from outside, on loopback and on this machine alone; each ends with its ``with`` block."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator

FLOOD_THREADS = 24
BUSY_PER_CORE = 3


@contextlib.contextmanager
def flood(address: str) -> Iterator[list[int]]:
    """Ask for ``address`` from many threads at once until the end. Gives the number of answers of each."""
    stop, answers = threading.Event(), [0] * FLOOD_THREADS

    def ask(number: int) -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
                answer.read()
                answers[number] += 1

    threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(FLOOD_THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """Every core has more to do than it can, at ordinary priority."""
    count = BUSY_PER_CORE * len(os.sched_getaffinity(0))
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
