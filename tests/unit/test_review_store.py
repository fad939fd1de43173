"""Reviews and searching: what people say of events is kept, and found again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from api.event_search import EventFilter
from api.event_words import event_words, id_range, terms
from api.records import EventEnd, Review
from api.store import Store
from api.store_base import MIGRATIONS
from tests.support.events import T0, make_event
from vision.errors import ConflictError


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def test_a_review_is_kept_with_who_and_when(store: Store) -> None:
    new = make_event()
    store.start_event(new)
    judged = Review("false_alarm", "wheelchair", "Mrs Wang's chair", ("lobby", "chair"), locked=True)
    event = store.review(new.id, lambda _: judged, by="user-1", at=T0, version=0)
    assert event is not None
    assert (event.verdict, event.verdict_reason, event.note) == (
        "false_alarm",
        "wheelchair",
        "Mrs Wang's chair",
    )
    assert (event.labels, event.locked) == (("lobby", "chair"), True)
    assert (event.reviewed_by, event.reviewed_at, event.review_version) == ("user-1", T0, 1)
    assert store.event(new.id) == event
    assert store.review(make_event().id, lambda r: r, by="x", at=T0) is None


def test_the_second_of_two_who_read_the_same_is_refused(store: Store) -> None:
    new = make_event()
    store.start_event(new)
    store.review(new.id, lambda r: replace(r, verdict="confirmed"), by="user-1", at=T0, version=0)
    with pytest.raises(ConflictError, match="reviewed by user-1 meanwhile"):
        store.review(new.id, lambda r: replace(r, verdict="unsure"), by="user-2", at=T0, version=0)
    event = store.review(new.id, lambda r: replace(r, note="again"), by="user-2", at=T0, version=1)
    assert event is not None
    assert (event.verdict, event.note, event.review_version) == ("confirmed", "again", 2)


def test_a_review_that_says_nothing_new_changes_nothing(store: Store) -> None:
    new = make_event()
    store.start_event(new)
    store.review(new.id, lambda r: replace(r, note="x"), by="user-1", at=T0)
    again = store.review(new.id, lambda r: replace(r, note="x"), by="user-2", at=T0 + timedelta(1))
    assert again is not None
    assert (again.reviewed_by, again.review_version) == ("user-1", 1)


def test_many_at_once(store: Store) -> None:
    events = [make_event() for _ in range(3)]
    for new in events[:2]:
        store.start_event(new)
    done = store.review_many(
        [e.id for e in events] + [events[0].id], lambda r: replace(r, verdict="confirmed"), by="u", at=T0
    )
    assert done == tuple(e.id for e in events[:2])
    assert [e.review_version for e in store.events().events] == [1, 1]


def found(store: Store, **wanted: object) -> list[int]:
    page = store.search(EventFilter(**wanted))  # type: ignore[arg-type]
    return [round((e.started_at - T0).total_seconds() / 60) for e in page.events]


def test_every_filter(store: Store) -> None:
    ids = []
    for i in range(6):
        at = T0 + timedelta(minutes=i)
        new = make_event(at, f"car-{i % 2}", class_name="bicycle" if i == 4 else "e_bike")
        store.start_event(new)
        ids.append(new.id)
        if i < 5:
            ended = at + timedelta(seconds=10 * (i + 1))
            store.end_event(new.id, EventEnd(ended, ended, "blind" if i == 1 else "left", 8.5, 1, 0.99))
    said = Review("false_alarm", "stroller", "红色电动车 in the Lobby, broken mirror", ("Block 3",), True)
    store.review(ids[2], lambda _: said, by="u", at=T0)
    store.review(ids[3], lambda r: replace(r, verdict="confirmed", note="lobby"), by="u", at=T0)

    assert found(store) == [5, 4, 3, 2, 1, 0]
    assert found(store, class_name="bicycle") == [4]
    assert found(store, outcome="open") == [5]
    assert found(store, outcome="blind") == [1]
    assert found(store, min_duration_s=20, max_duration_s=40) == [3, 2, 1]
    assert found(store, elevators=frozenset({"car-1"})) == [5, 3, 1]
    assert found(store, elevators=frozenset()) == []
    assert found(store, elevators=frozenset({"car-1"}), elevator_id="car-0") == []
    assert found(store, verdict="none") == [5, 4, 1, 0]
    assert found(store, verdict="confirmed") == [3]
    assert found(store, locked=True) == [2]
    assert found(store, locked=False, since=T0 + timedelta(minutes=2)) == [5, 4, 3]
    assert found(store, label="block 3") == [2]
    assert found(store, label="block") == []
    assert found(store, text="LOBBY") == [3, 2]
    assert found(store, text="lobby mirr") == [2]
    assert found(store, text="电动车") == [2]
    assert found(store, text="车") == [2]
    assert found(store, text="block") == [2]
    assert found(store, text="lobby bicycle") == []
    assert found(store, text=ids[1]) == [1]
    assert found(store, text=f" {ids[1][:-1].upper()}") == [1]
    assert found(store, text="lobby", label="Block 3", verdict="false_alarm", locked=True) == [2]

    store.review(ids[2], lambda r: replace(r, note="", labels=()), by="u", at=T0)
    assert found(store, text="lobby") == [3]
    assert found(store, label="block 3") == []


def test_an_interrupted_event_has_a_duration(store: Store) -> None:
    new = make_event()
    store.start_event(new)
    store.close_interrupted()
    event = store.event(new.id)
    assert event is not None
    assert event.duration_s == 0.0


def test_an_event_is_found_by_its_words_and_by_what_changed_since_they_were_written(store: Store) -> None:
    first, second = make_event(), make_event(T0 + timedelta(minutes=1))
    for new in (first, second):
        store.start_event(new)
        store.review(new.id, lambda r: replace(r, note="red bike", labels=("lobby",)), by="x", at=T0)

    def ids(**wanted: object) -> list[str]:
        by_word = store.search(EventFilter(text="red bike", **wanted)).events  # type: ignore[arg-type]
        by_label = store.search(EventFilter(label="lobby", **wanted)).events  # type: ignore[arg-type]
        assert by_word == by_label
        return [event.id for event in by_word]

    assert ids(outcome="open") == [second.id, first.id]
    store.end_event(first.id, EventEnd(T0 + timedelta(seconds=30), T0, "left", 30.0, 1, 0.9))
    assert ids(outcome="open") == [second.id]
    assert ids(outcome="left", min_duration_s=20, max_duration_s=40) == [first.id]
    store.review(first.id, lambda r: replace(r, verdict="confirmed", locked=True), by="x", at=T0)
    assert ids(verdict="confirmed", locked=True) == [first.id]
    assert ids(verdict="none") == [second.id]
    store.close_interrupted()
    assert ids(outcome="interrupted", max_duration_s=0) == [second.id]
    store.review_many([first.id], lambda r: replace(r, verdict=None, locked=False), by="x", at=T0)
    assert ids(verdict="none", locked=False) == [second.id, first.id]


def test_words_written_by_an_older_version_are_found_by_every_filter(store: Store) -> None:
    new = make_event()
    store.start_event(new)
    store.review(new.id, lambda r: replace(r, note="red bike", verdict="unsure"), by="x", at=T0)
    with store.writing("go back") as session:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = session.connection()
        command.downgrade(config, "0010")
        assert "verdict" not in {c["name"] for c in inspect(session.connection()).get_columns("event_words")}
    store.migrate()
    wanted = EventFilter(text="red", verdict="unsure", elevator_id=new.elevator_id, outcome="open")
    assert [event.id for event in store.search(wanted).events] == [new.id]
    store.review(new.id, lambda r: replace(r, note="blue"), by="x", at=T0)
    assert store.search(wanted).events == ()


def test_words_of_both_scripts() -> None:
    assert event_words("Ａ red BIKE", ["Nord-Ost"]) == {
        *("a", "red", "bik", "bike"),
        *("#nord-ost", "nor", "nord", "ost"),
    }
    assert event_words("电动车x", ()) == {"电", "动", "车", "电动", "动车", "x"}
    assert terms("电动车 bi k Bi") == ("电动", "动车", "bi", "k")
    assert terms(" ,。!") == ()
    assert id_range("lobby") is None
    assert id_range("0195") is None
    assert id_range("01955555-")
