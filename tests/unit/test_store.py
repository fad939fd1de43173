"""The store: what goes in comes out, in UTC, and every failure says what to try."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import get_args

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_mock_engine, text
from sqlalchemy.schema import ExecutableDDLElement

from api.records import (
    OUTCOMES,
    Cursor,
    EventEnd,
    EventProgress,
    Evidence,
    NewEvent,
    PhaseChange,
    PreHold,
    new_event_id,
)
from api.store import Store
from api.tables import Base
from hardware.hold import Outcome as HoldOutcome
from vision.errors import StorageError

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def make_event(at: datetime = T0, elevator_id: str = "car-1") -> NewEvent:
    return NewEvent(
        id=new_event_id(),
        elevator_id=elevator_id,
        camera_id=elevator_id,
        class_name="e_bike",
        zone="cabin",
        suspected_at=at - timedelta(seconds=0.3),
        started_at=at,
        score=0.97,
        model_name="test",
        model_sha256="0" * 64,
        rules_version="r1",
        software_version="0.1.0",
        simulated=True,
    )


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "liftguard.db")
    store.migrate()
    yield store
    store.close()


def end(at: datetime, outcome: str = "left") -> EventEnd:
    return EventEnd(at, at, outcome, hold_s=8.5, pulses=1, score=0.99)  # type: ignore[arg-type]


def test_an_event_lives_through_its_stages(store: Store) -> None:
    new = make_event()
    store.start_event(new)
    opened = store.event(new.id)
    assert opened is not None
    assert (opened.started_at, opened.ended_at, opened.outcome, opened.hold_s) == (T0, None, None, 0.0)

    store.update_event(new.id, EventProgress(T0 + timedelta(seconds=4), 4.2, 1, 0.98))
    store.escalate_event(new.id, T0 + timedelta(seconds=120))
    store.escalate_event(new.id, T0 + timedelta(seconds=130))  # the first time counts
    store.end_event(new.id, end(T0 + timedelta(seconds=121), "escalated"))

    done = store.event(new.id)
    assert done is not None
    assert done.escalated_at == T0 + timedelta(seconds=120)
    assert (done.outcome, done.hold_s, done.pulses, done.score) == ("escalated", 8.5, 1, 0.99)
    assert done.ended_at == T0 + timedelta(seconds=121)
    assert done.started_at.tzinfo is UTC
    assert (done.model_sha256, done.simulated) == ("0" * 64, True)


def test_whether_a_store_has_been_made_is_told_without_making_one(tmp_path: Path) -> None:
    path = tmp_path / "not there yet" / "liftguard.db"
    store = Store(path)
    assert not store.made()
    assert not path.parent.exists()
    path.parent.mkdir()
    path.touch()  # as a guard leaves it that was killed between making the file and its tables
    assert not store.made()
    store.migrate()
    assert store.made()
    store.close()


def test_starting_the_same_event_twice_stores_one(store: Store) -> None:
    new = make_event()
    store.start_event(new)
    store.end_event(new.id, end(T0))
    store.start_event(new)
    assert [e.outcome for e in store.events().events] == ["left"]


def test_times_are_kept_in_utc_whatever_zone_they_came_in(store: Store) -> None:
    beijing = timezone(timedelta(hours=8))
    new = replace(make_event(), started_at=T0.astimezone(beijing))
    store.start_event(new)
    got = store.event(new.id)
    assert got is not None
    assert got.started_at == T0
    assert got.started_at.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(StorageError, match="needs a zone"):
        store.start_event(replace(make_event(), started_at=T0.replace(tzinfo=None)))


def test_evidence_and_phase_changes_come_back_in_time_order(store: Store) -> None:
    new = make_event()
    store.start_event(new)
    rows = [Evidence(t, 0.9, 0.8, (1, 2, 30, 40), "HOLDING") for t in (0.2, -0.1, 0.1)]
    store.add_evidence(new.id, rows)
    assert [e.t_offset_s for e in store.evidence(new.id)] == [-0.1, 0.1, 0.2]
    assert store.evidence(new.id)[0].xyxy == (1, 2, 30, 40)

    second = PhaseChange("car-1", T0 + timedelta(seconds=1), "SUSPECT", "HOLDING", "x" * 900, new.id)
    first = PhaseChange("car-1", T0, "IDLE", "SUSPECT", "suspected", new.id)
    for change in (second, first, PhaseChange("car-1", T0, "BLIND", "IDLE", "camera live")):
        store.add_phase_change(change)
    changes = store.phase_changes(new.id)
    assert [c.after for c in changes] == ["SUSPECT", "HOLDING"]
    assert len(changes[1].reason) == 600


def test_evidence_for_an_unknown_event_is_refused(store: Store) -> None:
    with pytest.raises(StorageError, match=r"(?i)foreign key"):
        store.add_evidence(new_event_id(), [Evidence(0, 1, 1, (0, 0, 1, 1), "IDLE")])


def test_false_pre_holds_are_counted_per_elevator_and_time(store: Store) -> None:
    store.add_pre_hold(PreHold("car-1", T0, 0.9))
    store.add_pre_hold(PreHold("car-1", T0 - timedelta(days=2), 0.9))
    store.add_pre_hold(PreHold("car-2", T0, 0.9))
    assert store.count_pre_holds("car-1", T0 - timedelta(days=1)) == 1


def test_interrupted_events_end_when_last_seen(store: Store) -> None:
    old, done, later = make_event(), make_event(), make_event(T0 + timedelta(hours=2))
    for new in (old, done, later):
        store.start_event(new)
    store.update_event(old.id, EventProgress(T0 + timedelta(seconds=7), 7.0, 1, 0.9))
    store.end_event(done.id, end(T0 + timedelta(seconds=9)))

    assert store.close_interrupted() == 2  # also the one from a time that the clock has not come to again
    assert store.close_interrupted() == 0

    got = store.event(old.id)
    assert got is not None
    assert (got.outcome, got.ended_at) == ("interrupted", T0 + timedelta(seconds=7))
    assert store.events(outcome="open").events == ()


def test_filters(store: Store) -> None:
    for i in range(4):
        new = make_event(T0 + timedelta(minutes=i), f"car-{i % 2}")
        store.start_event(new)
        if i == 3:
            store.end_event(new.id, end(T0 + timedelta(minutes=4)))

    def minutes(**filters: object) -> list[int]:
        page = store.events(**filters)  # type: ignore[arg-type]
        return [round((e.started_at - T0).total_seconds() / 60) for e in page.events]

    assert minutes() == [3, 2, 1, 0]
    assert minutes(elevator_id="car-1") == [3, 1]
    assert minutes(outcome="left") == [3]
    assert minutes(outcome="open", elevator_id="car-1") == [1]
    assert minutes(since=T0 + timedelta(minutes=1), until=T0 + timedelta(minutes=3)) == [2, 1]
    with pytest.raises(ValueError, match="limit"):
        store.events(limit=0)


@pytest.mark.parametrize("text", ["", "x", "!!!!", "AAAA", "fHw", "MjAyNi0wMS0wMXxhYmM", "é"])
def test_a_foreign_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        Cursor.decode(text)


def test_event_ids_are_version_7_and_sort_by_time() -> None:
    ids = [new_event_id() for _ in range(500)]
    assert len(set(ids)) == 500
    assert all(len(i) == 36 and i[14] == "7" for i in ids)
    assert [i[:13] for i in ids] == sorted(i[:13] for i in ids)


# --- schema ------------------------------------------------------------------------------------------------


def test_the_migrations_build_exactly_the_tables_of_the_model(store: Store) -> None:
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_changes_nothing(store: Store) -> None:
    store.start_event(make_event())
    store.migrate()
    assert len(store.events().events) == 1


def test_a_newer_database_is_refused_and_left_alone(store: Store) -> None:
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageError, match=r"newer Liftguard \(schema 9999\)"):
        store.migrate()


def test_connections_are_durable_and_check_foreign_keys(sqlite_store: Store) -> None:
    with sqlite_store._engine.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_path_with_percent_and_spaces_works(tmp_path: Path) -> None:
    path = tmp_path / "50% of it" / "new folder" / "events.db"
    store = Store(path)
    store.migrate()
    store.check()
    assert path.exists()
    assert store.integrity_check() == "ok"
    store.close()


def test_the_models_compile_for_postgresql() -> None:
    ddl: list[str] = []

    def note(statement: ExecutableDDLElement, *_: object, **__: object) -> None:
        ddl.append(str(statement.compile(dialect=engine.dialect)))

    engine = create_mock_engine("postgresql+psycopg://", note)
    Base.metadata.create_all(engine, checkfirst=False)
    assert any("started_at TIMESTAMP WITH TIME ZONE NOT NULL" in text for text in ddl)
    assert any("id BIGSERIAL NOT NULL" in text for text in ddl)


def test_every_outcome_of_the_hold_can_be_stored() -> None:
    assert set(get_args(HoldOutcome)) <= set(OUTCOMES)


def test_door_and_floor_of_an_event_come_out_as_they_went_in(store: Store) -> None:
    known, unknown = replace(make_event(), floor=-1, door="open"), make_event()
    for new in (known, unknown):
        store.start_event(new)
    found = [store.event(new.id) for new in (known, unknown)]
    assert [(event.floor, event.door) for event in found if event] == [(-1, "open"), (None, None)]


def test_reaction_times_of_an_event_come_out_as_they_went_in(store: Store) -> None:
    known = replace(make_event(), capture_to_relay_ms=123.4, sight_to_confirm_ms=640.0)
    for new in (known, make_event()):
        store.start_event(new)
    found = [(e.capture_to_relay_ms, e.sight_to_confirm_ms) for e in store.events().events]
    assert sorted(found, key=str) == [(123.4, 640.0), (None, None)]
