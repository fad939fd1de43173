"""The power goes between a write and its sync: what was only in memory is gone, nothing acknowledged is."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from api.store import Store
from tests.fault.test_store_faults import WRITER
from tests.support.failing_disk import FailingDisk
from tests.support.stage import stopped
from tests.support.waiting import eventually

CUTS = 12
LAZY = """
from sqlalchemy import Engine, event

@event.listens_for(Engine, "engine_connect")
def _(connection):
    connection.connection.driver_connection.execute("PRAGMA synchronous = OFF")
"""
"""A store that does not wait for the disk."""


def cut_the_power(disk: FailingDisk, folder: Path, script: str, times: int) -> int:
    """Again and again, at moments drawn at random. Returns: events that had been acknowledged in the end.

    Raises: AssertionError if one that had been acknowledged is lost, or not whole.
    """
    rng = random.Random(20260301)
    said = b""
    command = [sys.executable, "-c", script, str(disk.at / "liftguard.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        os.set_blocking(writer.stdout.fileno(), False)

        def heard(lines: int) -> bool:
            nonlocal said
            assert writer.stdout is not None
            said += writer.stdout.read() or b""
            return said.count(b"\n") >= lines

        try:
            for number in range(times):
                eventually(partial(heard, said.count(b"\n") + rng.randint(1, 10)), 60.0, "something written")
                time.sleep(rng.uniform(0.0, 0.01))  # anywhere in what one event takes to be written
                writer.send_signal(signal.SIGSTOP)
                eventually(partial(stopped, writer.pid), what="the writer to stop")
                heard(0)
                with disk.after_power_cut(folder / f"cut{number}") as at:
                    check(at / "liftguard.db", said.decode())
                writer.send_signal(signal.SIGCONT)
        finally:
            writer.kill()
    return said.count(b"started")


def check(path: Path, said: str) -> None:
    """Every acknowledged write is there, and every event is whole."""
    lines = [line.split() for line in said.splitlines() if len(line.split()) == 2]
    told = {what: {id for word, id in lines if word == what} for what in ("started", "evidence", "ended")}
    store = Store(path)
    try:
        assert store.made(), "lost: the tables"
        assert store.integrity_check() == "ok"
        for event_id in told["started"]:
            event = store.event(event_id)
            assert event is not None, f"lost: {event_id}"
            assert event.outcome == "left" or event_id not in told["ended"], f"lost: the end of {event_id}"
            rows = len(store.evidence(event_id))
            assert rows == 20 or (rows == 0 and event_id not in told["evidence"]), f"lost: {rows} of 20 rows"
    finally:
        store.close()


def test_a_power_cut_between_write_and_sync_loses_nothing_that_was_acknowledged(
    tmp_path: Path, failing_disk: FailingDisk
) -> None:
    assert cut_the_power(failing_disk, tmp_path, WRITER, CUTS) >= CUTS // 3


def test_a_store_that_does_not_wait_for_the_disk_is_found_out(
    tmp_path: Path, failing_disk: FailingDisk
) -> None:
    with pytest.raises(AssertionError, match="lost:"):
        cut_the_power(failing_disk, tmp_path, LAZY + WRITER, CUTS)
