"""Whatever is asked, a page holds exactly what a plain look at every event would have found.

The store picks its way by counts (`api.event_search`); here the counts that decide are small, so that each
way is taken over the same few hundred events, on both databases.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from api import event_search
from api.event_search import EventFilter
from api.event_word_rows import COPIED
from api.event_words import event_words, id_range, label_word, terms
from api.records import Cursor, Event
from api.store import Store
from api.tables import EventRow, EventWordRow
from tests.support.postgresql import Cluster

T0 = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = 400
ELEVATORS, CLASSES = ("car-1", "car-2", "car-3"), ("e_bike", "bicycle", "kick_scooter")
OUTCOMES, VERDICTS = ("left", "escalated", "blind"), ("confirmed", "false_alarm", "unsure")
WORDS = ("lobby", "lob", "door", "door7", "轮椅误报", "轮椅")
LABELS = ("courier", "misted lens", "Door")


def make_rows(seed: int = 7) -> list[Event]:
    """Skewed, with many events at the same moment."""
    rng = random.Random(seed)
    made = []
    for number in range(COUNT):
        at = T0 + timedelta(seconds=rng.choice((number, number // 20 * 20, 0.5)))
        ended = None if rng.random() < 0.05 else at + timedelta(seconds=rng.choice((1, 15, 150)))
        made.append(
            Event(
                id=str(UUID(int=(rng.getrandbits(128) & ~(0xF << 76)) | (7 << 76))),
                elevator_id=rng.choices(ELEVATORS, (90, 9, 1))[0],
                camera_id="cam",
                class_name=rng.choices(CLASSES, (90, 8, 2))[0],
                zone="cabin",
                suspected_at=at,
                started_at=at,
                last_seen_at=ended or at,
                escalated_at=None,
                ended_at=ended,
                outcome=None if ended is None else rng.choices(OUTCOMES, (80, 18, 2))[0],
                hold_s=0.0,
                pulses=0,
                score=0.9,
                simulated=False,
                model_name="m",
                model_sha256="0" * 64,
                rules_version="r",
                software_version="v",
                duration_s=None if ended is None else (ended - at).total_seconds(),
                verdict=rng.choices((None, *VERDICTS), (60, 30, 8, 2))[0],
                note=" ".join(rng.sample(WORDS, rng.choice((0, 0, 1, 3)))),
                labels=tuple(sorted(rng.sample(LABELS, rng.choice((0, 0, 0, 1, 2))))),
                locked=rng.random() < 0.1,
            )
        )
    return made


EVENTS = make_rows()
NEWEST_FIRST = sorted(EVENTS, key=lambda e: (e.started_at, e.id), reverse=True)


def words_of(event: Event) -> frozenset[str]:
    return event_words(event.note, event.labels)


def lets_through(wanted: EventFilter, event: Event) -> bool:
    """The filter, said plainly."""
    ids = None if wanted.text is None else id_range(wanted.text)
    asked = [] if wanted.text is None or ids is not None else terms(wanted.text)
    length = event.duration_s
    return all(
        (
            wanted.since is None or event.started_at >= wanted.since,
            wanted.until is None or event.started_at < wanted.until,
            wanted.elevator_id in {None, event.elevator_id},
            wanted.elevators is None or event.elevator_id in wanted.elevators,
            wanted.class_name in {None, event.class_name},
            wanted.outcome is None
            or (event.ended_at is None if wanted.outcome == "open" else event.outcome == wanted.outcome),
            wanted.min_duration_s is None or (length is not None and length >= wanted.min_duration_s),
            wanted.max_duration_s is None or (length is not None and length <= wanted.max_duration_s),
            wanted.verdict is None
            or (wanted.verdict == "none" and event.verdict is None)
            or event.verdict == wanted.verdict,
            wanted.locked in {None, event.locked},
            wanted.label is None or label_word(wanted.label) in words_of(event),
            ids is None or ids[0] <= event.id < ids[1],
            all(word in words_of(event) for word in asked),
        )
    )


def optional(*values: object) -> st.SearchStrategy[object]:
    return st.none() | st.sampled_from(values)


moments = st.none() | st.integers(-1, COUNT + 1).map(lambda s: T0 + timedelta(seconds=s))
texts = st.sampled_from(
    ("lob", "door 轮椅", "door7", "轮", "轮椅误报 lobby", "nothing", "  ", EVENTS[5].id[:8])
)
filters = st.builds(
    EventFilter,
    since=moments,
    until=moments,
    elevator_id=optional(*ELEVATORS, "car-9"),
    elevators=st.none() | st.frozensets(st.sampled_from(ELEVATORS)),
    class_name=optional(*CLASSES),
    outcome=optional(*OUTCOMES, "open"),
    min_duration_s=optional(0.0, 15.0, 100.0),
    max_duration_s=optional(1.0, 15.0, 200.0),
    label=optional(*LABELS, "unknown"),
    verdict=optional(*VERDICTS, "none"),
    locked=st.none() | st.booleans(),
    text=st.none() | texts,
)
PARTS = [f.name for f in fields(EventFilter)]
sparse = st.tuples(filters, st.frozensets(st.sampled_from(PARTS), max_size=4)).map(
    lambda drawn: replace(EventFilter(), **{name: getattr(drawn[0], name) for name in drawn[1]})
)
"""Filters of up to four parts: with all at once hardly anything is ever let through."""
cursors = st.none() | st.builds(
    lambda event, newer: Cursor(event.started_at, event.id, newer=newer),
    st.sampled_from(EVENTS),
    st.booleans(),
)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("search")
        store = Store(folder / "liftguard.db")
        store.migrate()
    else:
        cluster: Cluster = request.getfixturevalue("pg_cluster")
        store = Store(cluster.url(cluster.new_database(request.getfixturevalue("pg_template"))))
    names = [column.name for column in EventRow.__table__.columns]
    with store.writing("fill") as session:
        rows = [{n: getattr(e, n) for n in names if hasattr(e, n)} for e in EVENTS]
        session.execute(insert(EventRow), [row | {"labels": list(row["labels"])} for row in rows])
        session.execute(
            insert(EventWordRow),
            [
                {"word": w, "started_at": e.started_at, "event_id": e.id}
                | {name: getattr(e, name) for name in COPIED}
                for e in EVENTS
                for w in words_of(e)
            ],
        )
    store.tidy()
    yield store
    store.close()


@pytest.mark.parametrize("few", [1, 12, 6_000])
def test_a_page_is_what_a_plain_look_finds(filled: Store, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_search, "FEW", few)

    @settings(max_examples=120)
    @given(sparse, cursors, st.sampled_from((1, 3, 50, 200)))
    @example(EventFilter(text="door lob", class_name="kick_scooter"), None, 50)
    @example(EventFilter(label="courier", elevator_id="car-2", verdict="false_alarm"), None, 50)
    @example(EventFilter(text="轮椅误报"), None, 50)
    def check(wanted: EventFilter, cursor: Cursor | None, limit: int) -> None:
        all_found = [event for event in NEWEST_FIRST if lets_through(wanted, event)]
        there = [] if cursor is None else [(e.started_at, e.id) for e in all_found]
        at = None if cursor is None else (cursor.started_at, cursor.id)
        if at is None:
            expected = all_found[:limit]
        elif cursor is not None and cursor.newer:
            expected = [e for e, key in zip(all_found, there, strict=True) if key > at][-limit:]
        else:
            expected = [e for e, key in zip(all_found, there, strict=True) if key < at][:limit]
        page = filled.search(wanted, limit, cursor)
        assert [e.id for e in page.events] == [e.id for e in expected]
        last_shown = not expected or expected[-1] is all_found[-1]
        if cursor is None or not cursor.newer:
            assert (page.next is None) == last_shown

    check()
