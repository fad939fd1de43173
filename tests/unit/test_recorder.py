"""The recorder: nothing waits for the disk, and what is essential is written once the disk is back."""

import threading
from datetime import UTC, datetime

from api.book import EventWrites, Write
from api.recorder import ESSENTIAL_MAX, QUEUE_MAX, Recorder
from api.records import PreHold
from tests.support.fakes import MemoryStore
from tests.support.waiting import eventually
from vision.errors import RefusedWriteError, StorageError

DEADLINE_S = 30.0


def pre_hold(n: int, *, essential: bool = True) -> Write:
    value = PreHold("car-1", datetime(2026, 1, 1, tzinfo=UTC), float(n))
    return Write("pre-hold", lambda store: store.add_pre_hold(value), essential)


def test_writes_are_done_in_order() -> None:
    store = MemoryStore()
    recorder = Recorder(lambda: store)
    recorder.start()
    for n in range(100):
        recorder.put(pre_hold(n))
    assert recorder.drain(DEADLINE_S)
    recorder.stop()
    assert [p.held_s for p in store.pre_holds] == [float(n) for n in range(100)]


def test_a_broken_disk_keeps_the_essential_and_drops_the_rest() -> None:
    store = MemoryStore(broken=True)
    recorder = Recorder(lambda: store, retry_s=0.001)
    recorder.put(pre_hold(1))
    recorder.put(pre_hold(2, essential=False))
    recorder.put(pre_hold(3))
    recorder.start()
    assert not recorder.drain(0.05)
    assert not recorder.ok
    store.broken = False
    assert recorder.drain(DEADLINE_S)
    assert recorder.ok
    recorder.stop()
    held = [p.held_s for p in store.pre_holds]
    assert held[0] == 1.0
    assert held[-1] == 3.0


def test_a_store_that_cannot_be_opened_is_opened_later() -> None:
    store = MemoryStore()
    may_open = threading.Event()

    def open_store() -> MemoryStore:
        if not may_open.is_set():
            raise StorageError("the folder is read-only; told to fail")
        return store

    recorder = Recorder(open_store, retry_s=0.001)
    recorder.start()
    recorder.put(pre_hold(1))
    assert not recorder.drain(0.05)
    may_open.set()
    assert recorder.drain(DEADLINE_S)
    recorder.stop()
    assert len(store.pre_holds) == 1


def test_a_bad_write_does_not_stop_the_next() -> None:
    store = MemoryStore()

    def bad(_: EventWrites) -> None:
        raise ValueError("told to fail")

    recorder = Recorder(lambda: store)
    recorder.put(Write("bad one", bad))
    recorder.put(pre_hold(1))
    recorder.start()
    assert recorder.drain(DEADLINE_S)
    recorder.stop()
    assert recorder.lost == 1
    assert len(store.pre_holds) == 1


def test_the_queue_is_bounded_and_keeps_room_for_the_essential() -> None:
    recorder = Recorder(MemoryStore)
    for n in range(QUEUE_MAX + 10):
        recorder.put(pre_hold(n, essential=False))
    assert recorder.lost == 10
    for n in range(ESSENTIAL_MAX):
        recorder.put(pre_hold(n))
    assert recorder.lost == 10 + QUEUE_MAX


def test_stopping_with_a_broken_disk_ends_in_time() -> None:
    recorder = Recorder(lambda: MemoryStore(broken=True), retry_s=0.001)
    recorder.put(pre_hold(1))
    recorder.start()
    recorder.stop(timeout_s=0.05)
    recorder.stop(timeout_s=0.05)
    assert not recorder.ok


def test_a_write_that_is_refused_for_good_does_not_keep_the_others_waiting() -> None:
    store = MemoryStore()

    def refused(_: EventWrites) -> None:
        raise RefusedWriteError("there is no such event; told to fail")

    recorder = Recorder(lambda: store)
    recorder.put(Write("end of an unknown event", refused))
    recorder.put(pre_hold(1))
    recorder.start()
    assert recorder.drain(DEADLINE_S)
    recorder.stop()
    assert recorder.ok
    assert recorder.lost == 1
    assert len(store.pre_holds) == 1


def test_a_store_that_failed_is_closed_and_opened_again() -> None:
    moved = MemoryStore(broken=True)
    restored = MemoryStore()
    stores = [moved, restored]
    recorder = Recorder(lambda: stores.pop(0), retry_s=0.001)
    recorder.put(pre_hold(1))
    recorder.start()
    assert recorder.drain(DEADLINE_S)
    recorder.stop()
    assert moved.closed == 1
    assert [p.held_s for p in restored.pre_holds] == [1.0]
    assert restored.closed == 1


def test_a_store_that_is_back_is_noticed_without_an_event() -> None:
    stores = [MemoryStore(broken=True), MemoryStore()]
    recorder = Recorder(lambda: stores.pop(0), retry_s=0.001)
    recorder.put(pre_hold(1, essential=False))
    recorder.start()
    eventually(lambda: not stores and recorder.ok, DEADLINE_S)
    recorder.stop()
    assert recorder.lost == 1
