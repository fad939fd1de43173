"""Logging that never blocks: records go through a queue, and one thread writes them.

A terminal or a pipe that does not take its text must not stop the hold loop, which logs too.
"""

from __future__ import annotations

import atexit
import logging
import logging.handlers
import queue
import sys
from typing import Final

QUEUE_MAX: Final = 10_000  # records waiting for a stuck terminal; past that they are dropped


class _Dropping(logging.handlers.QueueHandler):
    def enqueue(self, record: logging.LogRecord) -> None:
        """Drop the record if nobody takes them: a log line is never worth a held door."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return


def set_up_logging(level: str, name: str) -> None:
    """Log to stderr, one line each: time, process name, what happened."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(logging.Formatter(f"%(asctime)s {name:<5} %(message)s", "%H:%M:%S"))
    records: queue.Queue[logging.LogRecord] = queue.Queue(QUEUE_MAX)
    listener = logging.handlers.QueueListener(records, stream)
    root = logging.getLogger()
    root.handlers[:] = [_Dropping(records)]
    root.setLevel(level.upper())
    for noisy in ("alembic", "uvicorn", "libav"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    listener.start()
    atexit.register(listener.stop)
