"""The event book: what the hold says becomes writes, in order, without waiting for the disk."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from api.book import BEFORE_S, EventBook, Identity, Write
from api.records import Whereabouts
from hardware.hold import EventEnded, EventEscalated, EventStarted, FalsePreHold, Phase, PhaseChanged
from tests.support.fakes import MemoryStore
from vision.types import Detections, Frame, Observation, Presence, Sighting, Track

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
BOX = (1.0, 2.0, 3.0, 4.0)


def utc(t_s: float) -> datetime:
    return EPOCH + timedelta(seconds=t_s)


class Desk:
    """A book whose writes go straight into a store in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.writes: list[Write] = []
        identity = Identity("car-1", "car-1/cabin", "m", "0" * 64, "r1", "0.1", simulated=True)
        self.book = EventBook(identity, utc, self._take)

    def _take(self, write: Write) -> None:
        self.writes.append(write)
        write.do(self.store)

    def see(self, t_s: float, score: float | None, *, confirmed: bool = True, inferred: bool = True) -> None:
        sightings = () if score is None else (Sighting(7, "e_bike", "cabin", score, confirmed, 0.0, BOX),)
        tracks = () if score is None else (Track(7, BOX, (0.0,) * 6, 0.5, 0.0, t_s, 3, 0),)
        frame = Frame(np.zeros((4, 4, 3), np.uint8), t_s, round(t_s * 10))
        found = Detections.empty() if inferred else None
        self.book.observe(Observation(frame, found, tracks, Presence(t_s, sightings)))


def started(t_s: float) -> EventStarted:
    return EventStarted(t_s, Sighting(7, "e_bike", "cabin", 0.91, True, t_s - 0.5, BOX), suspected_s=0.4)


def test_an_event_is_written_from_start_to_end() -> None:
    desk = Desk()
    desk.book.signal(started(10.0))
    id_ = desk.book.open_event_id
    assert id_ is not None
    desk.book.signal(EventEscalated(100.0))
    desk.book.signal(EventEnded(150.0, "escalated", 90.0, 5, 140.0))
    assert desk.book.open_event_id is None
    (new,) = desk.store.started
    assert (new.id, new.class_name, new.zone, new.simulated) == (id_, "e_bike", "cabin", True)
    assert new.suspected_at == utc(9.6)
    assert new.started_at == utc(10.0)
    assert desk.store.escalated == {id_: utc(100.0)}
    end = desk.store.ended[id_]
    assert (end.outcome, end.hold_s, end.pulses, end.last_seen_at) == ("escalated", 90.0, 5, utc(140.0))


def test_evidence_reaches_back_before_the_confirmation_and_no_further_than_promised() -> None:
    desk = Desk()
    for tenth in range(100):
        desk.see(tenth / 10, 0.5, confirmed=False)
    desk.book.signal(started(10.0))
    desk.see(10.0, 0.95)
    desk.book.flush(20.0, 1.0, 1)
    rows = desk.store.evidence[desk.store.started[0].id]
    offsets = [row.t_offset_s for row in rows]
    assert offsets == sorted(offsets)
    assert offsets[0] == pytest.approx(-BEFORE_S)
    assert offsets[-1] == 0.0
    assert rows[-1].conf == 0.5


def test_each_frame_notes_how_the_door_stood() -> None:
    store, stood = MemoryStore(), [Whereabouts("opening", 3, 0.5)]
    identity = Identity("car-1", "car-1/cabin", "m", "0" * 64, "r1", "0.1", simulated=True)
    desk = Desk()
    desk.store, desk.book = store, EventBook(identity, utc, desk._take, where=lambda: stood[0])
    desk.see(9.9, 0.5)
    stood[0] = Whereabouts("open", 3, 1.0)
    desk.book.signal(started(10.0))
    desk.see(10.0, 0.95)
    stood[0] = Whereabouts()
    desk.see(10.1, None)
    desk.book.flush(20.0, 1.0, 1)
    (new,) = store.started
    assert (new.door, new.floor) == ("open", 3)
    found = [(row.door, row.opening) for row in store.evidence[new.id]]
    assert found == [("opening", 0.5), ("open", 1.0), (None, None)]


def test_a_frame_without_the_vehicle_is_evidence_too() -> None:
    desk = Desk()
    desk.book.signal(started(10.0))
    desk.see(10.1, 0.95)
    desk.see(10.2, None)
    desk.see(10.3, None, inferred=False)  # the gate saved it: nothing was looked for
    desk.book.signal(EventEnded(20.0, "left", 8.0, 1, 10.1))
    assert [row.score for row in desk.store.evidence[desk.store.started[0].id]] == [0.95, 0.0]


def test_progress_is_written_at_most_once_a_second() -> None:
    desk = Desk()
    desk.book.signal(started(10.0))
    for tenth in range(100, 130):
        desk.see(tenth / 10, 0.9)
        desk.book.flush(tenth / 10, tenth / 10 - 10, 1)
    assert [w.what for w in desk.writes].count("progress") == 2
    progress = desk.store.progress[desk.store.started[0].id]
    assert progress.pulses == 1
    assert progress.last_seen_at == utc(12.0)


def test_a_vehicle_that_stays_for_hours_does_not_fill_the_disk() -> None:
    desk = Desk()
    desk.book.signal(started(10.0))
    for tenth in range(100, 100 + 3600 * 10):
        desk.see(tenth / 10, 0.9)
        if tenth % 10 == 0:
            desk.book.flush(tenth / 10, 1.0, 1)
    rows = desk.store.evidence[desk.store.started[0].id]
    assert 600 + 540 <= len(rows) <= 600 + 540 + 310
    gaps = [b.t_offset_s - a.t_offset_s for a, b in pairwise(rows)]
    assert max(gaps) <= 10.11
    assert len([w for w in desk.writes if w.what == "progress"]) <= 1000


def test_an_orderly_stop_ends_the_open_event_and_only_that() -> None:
    desk = Desk()
    desk.book.stop(5.0, 0.0, 0)
    assert desk.writes == []
    desk.book.signal(started(10.0))
    desk.book.stop(12.0, 2.0, 1)
    assert desk.store.ended[desk.store.started[0].id].outcome == "stopped"


def test_signals_without_an_event_are_harmless() -> None:
    desk = Desk()
    desk.book.signal(EventEscalated(1.0))
    desk.book.signal(EventEnded(2.0, "left", 1.0, 1, 0.5))
    assert desk.store.ended == {}


def test_pre_holds_and_phases_are_counted_and_kept() -> None:
    desk = Desk()
    desk.book.signal(PhaseChanged(1.0, Phase.IDLE, Phase.SUSPECT, "suspected"))
    desk.book.signal(PhaseChanged(2.0, Phase.SUSPECT, Phase.IDLE, "not_confirmed"))
    desk.book.signal(FalsePreHold(2.0, 1.0))
    assert desk.book.false_pre_holds == 1
    assert [p.held_s for p in desk.store.pre_holds] == [1.0]
    assert [(p.before, p.after, p.reason) for p in desk.store.phases] == [
        ("IDLE", "SUSPECT", "suspected"),
        ("SUSPECT", "IDLE", "not_confirmed"),
    ]


def test_the_phases_that_led_to_an_event_belong_to_it() -> None:
    desk = Desk()
    desk.book.signal(PhaseChanged(1.0, Phase.BLIND, Phase.IDLE, "presence_fresh"))
    desk.book.signal(PhaseChanged(9.6, Phase.IDLE, Phase.SUSPECT, "suspected"))
    desk.book.signal(PhaseChanged(10.0, Phase.SUSPECT, Phase.HOLDING, "confirmed"))
    desk.book.signal(started(10.0))
    id_ = desk.book.open_event_id
    desk.book.signal(PhaseChanged(15.0, Phase.HOLDING, Phase.IDLE, "not_seen"))
    desk.book.signal(EventEnded(25.0, "left", 5.4, 1, 13.0))
    desk.book.signal(PhaseChanged(30.0, Phase.IDLE, Phase.SUSPECT, "suspected"))
    desk.book.stop(31.0, 0.0, 0)
    assert [(p.after, p.event_id) for p in desk.store.phases] == [
        ("IDLE", None),
        ("SUSPECT", id_),
        ("HOLDING", id_),
        ("IDLE", id_),
        ("SUSPECT", None),
    ]


def test_what_must_not_be_lost_is_marked_essential() -> None:
    desk = Desk()
    desk.see(9.9, 0.9)
    desk.book.signal(started(10.0))
    desk.book.signal(PhaseChanged(10.0, Phase.SUSPECT, Phase.HOLDING, "confirmed"))
    desk.book.signal(EventEnded(20.0, "left", 8.0, 1, 10.1))
    assert {w.what for w in desk.writes if w.essential} == {"event", "end of event"}


def test_an_event_says_how_the_door_stood_and_where() -> None:
    store = MemoryStore()
    identity = Identity("car-1", "car-1/cabin", "m", "0" * 64, "r1", "0.1", simulated=False)
    book = EventBook(identity, utc, lambda write: write.do(store), where=lambda: Whereabouts("open", -1))
    book.signal(started(10.0))
    assert (store.started[0].door, store.started[0].floor) == ("open", -1)
    desk = Desk()
    desk.book.signal(started(10.0))
    assert (desk.store.started[0].door, desk.store.started[0].floor) == (None, None)


@pytest.mark.parametrize("jump_s", [3600, -3600, 86400, -86400])
def test_a_wall_clock_that_jumps_in_an_event_turns_no_order_around(jump_s: float) -> None:
    """The hold itself never hears of the wall clock: it runs on the monotonic one alone."""
    jumped = [0.0]
    store = MemoryStore()
    identity = Identity("car-1", "car-1/cabin", "m", "0" * 64, "r1", "0.1", simulated=True)
    book = EventBook(identity, lambda t_s: utc(t_s + jumped[0]), lambda write: write.do(store))
    book.signal(PhaseChanged(10.0, Phase.IDLE, Phase.HOLDING, "confirmed"))
    book.signal(started(10.0))
    jumped[0] = jump_s
    book.flush(12.0, 2.0, 1)
    book.signal(PhaseChanged(20.0, Phase.HOLDING, Phase.PAUSED, "pulse_over"))
    book.signal(EventEscalated(100.0))
    book.signal(EventEnded(150.0, "escalated", 90.0, 5, 140.0))
    (new,) = store.started
    (end,) = store.ended.values()
    assert (new.started_at, end.last_seen_at, end.ended_at) == (utc(10.0), utc(140.0), utc(150.0))
    assert list(store.escalated.values()) == [utc(100.0)]
    assert [p.last_seen_at for p in store.progress.values()] == [utc(10.0)]
    assert [change.at for change in store.phases] == [utc(10.0), utc(20.0)]
    jumped[0] = jump_s
    book.signal(started(200.0))
    assert store.started[-1].started_at == utc(200.0 + jump_s)  # the next event has the clock of its day


def test_an_event_says_how_fast_the_relay_was_told() -> None:
    desk = Desk()
    desk.book.signal(PhaseChanged(5.0, Phase.IDLE, Phase.SUSPECT, "suspected"))
    desk.book.reacted(9.9)  # of a false pre-hold: not this event's
    desk.book.signal(PhaseChanged(6.0, Phase.SUSPECT, Phase.IDLE, "not_confirmed"))
    desk.book.signal(PhaseChanged(9.6, Phase.IDLE, Phase.SUSPECT, "suspected"))
    desk.book.reacted(0.1234)
    desk.book.signal(PhaseChanged(10.0, Phase.SUSPECT, Phase.HOLDING, "confirmed"))
    desk.book.signal(started(10.0))
    desk.book.signal(PhaseChanged(15.0, Phase.HOLDING, Phase.IDLE, "not_seen"))
    desk.book.signal(PhaseChanged(16.0, Phase.IDLE, Phase.SUSPECT, "suspected"))
    desk.book.reacted(8.8)  # the same event again
    desk.book.signal(PhaseChanged(17.0, Phase.SUSPECT, Phase.IDLE, "not_confirmed"))
    desk.book.signal(EventEnded(25.0, "left", 5.4, 1, 13.0))
    desk.book.signal(started(30.0))  # nobody told the relay
    first, second = desk.store.started
    assert first.capture_to_relay_ms == 123.4
    since_s = started(10.0).sighting.since_s
    assert first.sight_to_confirm_ms == pytest.approx((10.0 - since_s) * 1000, abs=0.1)
    assert second.capture_to_relay_ms is None


def test_an_event_carries_the_model_that_was_at_work_when_it_began() -> None:
    desk = Desk()
    desk.book.signal(started(10.0))
    desk.book.renew("m2", "1" * 64)
    desk.book.signal(EventEnded(20.0, "left", 8.0, 1, 18.0))
    desk.book.signal(started(30.0))
    assert [(e.model_name, e.model_sha256) for e in desk.store.started] == [("m", "0" * 64), ("m2", "1" * 64)]
