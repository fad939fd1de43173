"""The store against `kill -9`, full and read-only disks, locks, damage, and two processes at once."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.records import Evidence, NewEvent, new_event_id
from api.store import Store
from vision.errors import StorageError

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from api.records import EventEnd, Evidence, NewEvent, new_event_id
from api.store import Store

store = Store(Path(sys.argv[1]))
store.migrate()
while True:
    now = datetime.now(UTC)
    event = NewEvent(new_event_id(), "car-1", "car-1", "e_bike", "cabin", now, now, 0.9, "m", "0", "r", "v")
    store.start_event(event)
    print("started", event.id, flush=True)
    store.add_evidence(event.id, [Evidence(i / 10, 0.9, 0.8, (0, 0, 9, 9), "HOLDING") for i in range(20)])
    print("evidence", event.id, flush=True)
    store.end_event(event.id, EventEnd(now, now, "left", 1.0, 1, 0.9))
    print("ended", event.id, flush=True)
"""


def _event() -> NewEvent:
    now = datetime.now(UTC)
    return NewEvent(new_event_id(), "car-1", "car-1", "e_bike", "cabin", now, now, 0.9, "m", "0", "r", "v")


def test_events_survive_kill_9_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "liftguard.db"
    rng = random.Random(20260301)  # the moments differ, the test does not
    acknowledged: dict[str, set[str]] = {"started": set(), "evidence": set(), "ended": set()}
    for _ in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            # The moment is counted in acknowledgements plus a few microseconds, so it falls anywhere
            # between two commits and inside them.
            lines = [writer.stdout.readline() for _ in range(rng.randint(1, 25))]
            for _ in range(rng.randint(0, 20_000)):
                pass
            os.kill(writer.pid, signal.SIGKILL)
            lines += writer.stdout.read().splitlines()
        for line in lines:
            if len(words := line.split()) == 2 and len(words[1]) == 36:
                acknowledged[words[0]].add(words[1])

        store = Store(path)
        assert store.integrity_check() == "ok"
        for event_id in acknowledged["started"]:
            event = store.event(event_id)
            assert event is not None, f"lost {event_id}"
            if event_id in acknowledged["ended"]:
                assert event.outcome == "left"
            # Evidence is written in one transaction: all of it or nothing, and all once acknowledged.
            rows = len(store.evidence(event_id))
            assert rows == 20 if event_id in acknowledged["evidence"] else rows in {0, 20}
        store.close()

    assert len(acknowledged["started"]) >= 12
    store = Store(path)
    store.migrate()
    still_open = len(store.events(200, outcome="open").events)
    assert store.close_interrupted() == still_open
    assert store.events(outcome="open").events == ()
    store.close()


def test_many_processes_prepare_a_new_file_at_once(tmp_path: Path) -> None:
    script = "import sys, pathlib, api.store as s; s.Store(pathlib.Path(sys.argv[1])).migrate()"
    path = tmp_path / "liftguard.db"
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(path)], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    store = Store(path)
    store.start_event(_event())
    assert len(store.events().events) == 1
    store.close()


def test_two_stores_write_and_read_the_same_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "liftguard.db"
    guard, web = Store(path), Store(path)
    guard.migrate()

    def work(store: Store) -> None:
        for _ in range(15):
            event = _event()
            store.start_event(event)
            store.add_evidence(event.id, [Evidence(0.0, 1, 1, (0, 0, 1, 1), "HOLDING")])
            assert store.event(event.id) is not None

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, store) for store in (guard, web, guard, web)]:
            done.result()
    assert len(web.events(200).events) == 60
    guard.close()
    web.close()


def test_a_locked_file_is_reported_after_the_timeout_and_works_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "liftguard.db", busy_timeout_s=0.05)
    store.migrate()
    other = sqlite3.connect(tmp_path / "liftguard.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match=r"liftguard\.db.*locked.*another program"):
        store.start_event(_event())
    store.check()  # readers go on beside a writer
    other.execute("ROLLBACK")
    other.close()
    store.start_event(_event())
    store.close()


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "liftguard.db"
    path.write_bytes(b"this is no database " * 500)
    store = Store(path)
    with pytest.raises(StorageError, match=r"liftguard\.db.*not a database.*restore"):
        store.migrate()
    with pytest.raises(StorageError, match="restore"):
        store.events()
    store.close()


def test_a_missing_table_is_reported(tmp_path: Path) -> None:
    store = Store(tmp_path / "liftguard.db")
    with pytest.raises(StorageError, match="start guard once"):
        store.events()
    store.close()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "liftguard.db")
    with pytest.raises(StorageError, match="folder"):
        store.migrate()


def test_an_unreadable_address_is_reported() -> None:
    with pytest.raises(StorageError, match=r"store\.url"):
        Store("no-such-database://x")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from api.records import Evidence
from api.store import Store
from tests.fault.test_store_faults import _event
from vision.errors import StorageError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(Path(sys.argv[1]))
store.migrate()
first = _event()
store.start_event(first)
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limit[1]))
try:
    while True:
        store.add_evidence(first.id, [Evidence(0.0, 1, 1, (0, 0, 1, 1), "HOLDING")] * 500)
except StorageError as exc:
    print(exc)
assert store.event(first.id) is not None  # reading goes on
resource.setrlimit(resource.RLIMIT_FSIZE, limit)
store.start_event(_event())  # and so does writing, once there is room
assert store.integrity_check() == "ok"
print("recovered")
"""


def test_a_full_disk_loses_no_stored_event_and_recovers(tmp_path: Path) -> None:
    # A limit on the size of files stands in for a full disk: the write fails in the middle.
    path = tmp_path / "liftguard.db"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "could not store evidence in" in done.stdout
    assert "disk" in done.stdout
    assert done.stdout.endswith("recovered\n")
    store = Store(path)
    assert len(store.events().events) == 2
    store.close()


def test_a_read_only_file_can_still_be_read(tmp_path: Path) -> None:
    path = tmp_path / "liftguard.db"
    store = Store(path)
    store.migrate()
    store.start_event(_event())
    store.close()
    store = Store(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert len(store.events().events) == 1
    with pytest.raises(StorageError, match=r"read-only|readonly"):
        store.start_event(_event())
    store.close()
