"""Answers made once for all who ask the same: never older than the last change, whoever made it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.fresh import Fresh, Made
from api.once import MOST, Once
from api.records import GuardRun
from api.store import Store
from tests.support.events import T0, make_event
from vision.errors import StorageError


@dataclass
class Source:
    """Something whose version a test sets."""

    now: int | None = 1
    fails: bool = False
    events: int | None = None  # None: every change is one of events

    def version(self) -> int | None:
        if self.fails:
            raise StorageError("the disk is gone")
        return self.now

    def events_revision(self) -> int:
        return (self.now or 0) if self.events is None else self.events


@dataclass
class Maker:
    """Makes answers and counts them."""

    text: str = "one"
    made: list[str] = field(default_factory=list)

    def __call__(self) -> bytes:
        self.made.append(self.text)
        return self.text.encode()


def test_made_once_until_something_changes() -> None:
    source, make = Source(), Maker()
    fresh = Fresh(source)
    assert fresh.kept("a") is None
    first = fresh.get("a", make)
    assert fresh.get("a", make) is first
    assert fresh.kept("a") is first
    assert fresh.get("b", make).body == b"one"
    source.now = 2
    assert fresh.kept("a") is None
    make.text = "two"
    assert fresh.get("a", make).body == b"two"
    assert make.made == ["one", "one", "two"]


def test_what_is_written_beside_the_events_costs_nothing() -> None:
    source, make = Source(events=7), Maker()
    fresh = Fresh(source)
    first = fresh.get("a", make)
    source.now = 2
    assert fresh.kept("a") is None  # it would have to read
    assert fresh.get("a", make) is first
    assert fresh.kept("a") is first
    source.now, source.events = 3, 8
    assert fresh.get("a", make) is not first


def test_a_source_that_cannot_tell_is_asked_each_time() -> None:
    make = Maker()
    fresh = Fresh(Source(now=None))
    for text in ("one", "two"):
        make.text = text
        assert fresh.get("a", make).body == text.encode()
    assert fresh.kept("a") is None


def test_a_failure_is_not_kept() -> None:
    source, make = Source(), Maker()
    fresh = Fresh(source)

    def fail() -> bytes:
        raise StorageError("no")

    with pytest.raises(StorageError):
        fresh.get("a", fail)
    assert fresh.get("a", make).body == b"one"
    source.fails = True
    assert fresh.kept("a") is None
    with pytest.raises(StorageError):
        fresh.get("a", make)


def test_the_least_used_go_when_there_is_no_room() -> None:
    fresh, make = Fresh(Source(), most_bytes=3 * 3), Maker()
    for key in ("a", "b", "c"):
        fresh.get(key, make)
    assert fresh.kept("a") is not None  # used last
    fresh.get("d", make)
    assert [key for key in "abcd" if fresh.kept(key)] == ["a", "c", "d"]


def test_who_asks_while_it_is_made_waits_for_it() -> None:
    fresh, begun, go_on = Fresh(Source()), threading.Event(), threading.Event()
    made = []

    def slow() -> bytes:
        made.append(1)
        begun.set()
        assert go_on.wait(60)
        return b"slow"

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(fresh.get, "a", slow)
        assert begun.wait(60)
        others = [pool.submit(fresh.get, "a", slow) for _ in range(3)]
        assert fresh.kept("a") is None  # never waits
        go_on.set()
        assert {f.result(60).body for f in (first, *others)} == {b"slow"}
    assert len(made) == 1


@given(st.lists(st.sampled_from(["ask", "peek", "change", "other"]), max_size=40))
def test_nobody_is_ever_told_something_old(steps: list[str]) -> None:
    """Whatever order of asking and changing: the answer is the one of now."""
    source = Source()
    fresh = Fresh(source, most_bytes=12)
    for step in steps:
        now = source.now
        if step == "change":
            source.now = (now or 0) + 1
        elif step == "peek":
            kept = fresh.kept("a")
            assert kept is None or kept.body == str(now).encode()
        else:
            key = "a" if step == "ask" else "b"
            assert fresh.get(key, lambda now=now: str(now).encode()).body == str(now).encode()  # type: ignore[misc]


def test_a_tag_names_the_content() -> None:
    assert Made.of(b"x").etag == Made.of(b"x").etag != Made.of(b"y").etag
    assert Made.of(b"x").etag.startswith('"')


def version_after(store: Store, change: Callable[[], None]) -> bool:
    """Whether the version has moved."""
    before = store.version()
    change()
    return store.version() != before


def test_a_store_notices_its_own_and_other_processes_changes(tmp_path: Path) -> None:
    store, guard = Store(tmp_path / "liftguard.db"), Store(tmp_path / "liftguard.db")
    store.migrate()
    assert not version_after(store, store.check)  # reading is no change
    assert version_after(store, lambda: store.start_event(make_event()))
    assert version_after(store, lambda: guard.start_event(make_event()))
    assert store.version() is not None
    for one in (store, guard):
        one.close()


def test_every_change_of_an_event_counts_and_nothing_else(tmp_path: Path) -> None:
    """Also what a program beside ours does to the file: triggers count."""
    store = Store(tmp_path / "liftguard.db")
    store.migrate()
    seen = [store.events_revision()]
    event = make_event()
    store.start_event(event)
    seen.append(store.events_revision())
    for change in ("UPDATE events SET note = 'x'", "DELETE FROM events"):
        with sqlite3.connect(tmp_path / "liftguard.db") as raw:
            raw.execute(change)
        raw.close()
        seen.append(store.events_revision())
    assert seen == sorted(set(seen))
    store.note_run(GuardRun("r", T0, T0, "1"))
    assert store.events_revision() == seen[-1]
    store.close()


def test_a_store_in_memory_has_no_version() -> None:
    store = Store("sqlite://")
    assert store.version() is None
    store.close()


def test_words_are_made_once_for_the_same_thing() -> None:
    once: Once[str] = Once()
    made: list[int] = []

    def words() -> str:
        made.append(1)
        return f"words {len(made)}"

    one, two = object(), object()
    assert [once.get("k", one, words), once.get("k", one, words)] == ["words 1"] * 2
    assert once.get("other", one, words) == "words 2"
    assert once.get("k", two, words) == "words 3"
    for key in range(2 * MOST):
        once.get(key, one, words)
    assert once.get("k", two, words).startswith("words ")
