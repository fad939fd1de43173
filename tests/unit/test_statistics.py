"""Figures from facts: hours and days of the building, shares, spreads, and where the time went."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.plots import bars, nice_top
from api.pages.statistics import EPOCH, MAX_DAYS, choose_days
from api.records import EventEnd, GuardRun, NewEvent, PhaseChange, PreHold, new_event_id
from api.statistics import STATES, Change, Fact, availability, figures, spread
from api.statistics_read import count_pre_holds, read_changes, read_facts, read_runs
from api.store import Store

T0 = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
SHANGHAI = timezone(timedelta(hours=8))


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def fact(hours: float, elevator: str = "car-1", *, seen_s: float = 0.4, **more: object) -> Fact:
    values: dict[str, object] = {
        "id": f"{hours}",
        "elevator_id": elevator,
        "suspected_at": at(hours) - timedelta(seconds=seen_s),
        "started_at": at(hours),
        "last_seen_at": at(hours) + timedelta(seconds=10),
        "hold_s": 12.0,
        "outcome": "left",
        "escalated": False,
    }
    return Fact(**(values | more))  # type: ignore[arg-type]


def change(hours: float, before: str, after: str, reason: str = "", event_id: str | None = None) -> Change:
    return Change("car-1", at(hours), before, after, reason, event_id)


def test_hours_and_days_are_those_of_the_building() -> None:
    found = figures([fact(0.5), fact(17), fact(17.5, "car-2")], [], [], ["car-1"], at(-8), at(40), SHANGHAI)
    assert found.by_hour[8] == 1  # half past midnight in UTC is morning there
    assert found.by_hour[1] == 2
    assert found.by_day == ((date(2026, 3, 1), 1), (date(2026, 3, 2), 2))
    assert found.by_elevator == (("car-1", 2), ("car-2", 1))


def test_only_what_was_judged_counts_for_the_share_of_false_holds() -> None:
    verdicts = ["confirmed", "confirmed", "confirmed", "false_alarm", "unsure", None]
    found = figures([fact(n, verdict=v) for n, v in enumerate(verdicts)], [], [], [], at(-1), at(24), UTC)
    assert found.false_share == 0.25
    assert figures([fact(1, verdict="unsure")], [], [], [], at(0), at(24), UTC).false_share is None


def test_reaction_times() -> None:
    facts = [fact(1, seen_s=0.3), fact(2, seen_s=0.5), fact(3, seen_s=0.4, outcome="escalated")]
    released = at(1) + timedelta(seconds=12.5)
    changes = [Change("car-1", released, "HOLDING", "IDLE", "not_seen", "1")]
    found = figures(facts, changes, [], [], at(0), at(24), UTC)
    assert found.sight_to_confirm.n == 3
    assert found.sight_to_confirm.p50_s == pytest.approx(0.4)
    assert found.gone_to_release.n == 1
    assert found.gone_to_release.p50_s == pytest.approx(2.5)
    assert spread([]).p95_s is None


def test_where_the_time_went() -> None:
    runs = [(at(0), at(10)), (at(12), at(24))]
    changes = [
        change(1, "BLIND", "IDLE"),
        change(5, "IDLE", "INHIBITED"),
        change(6, "INHIBITED", "BLIND"),
        change(6.5, "BLIND", "IDLE"),
        change(13, "BLIND", "IDLE"),
    ]
    found = availability("car-1", changes, runs, at(-100), at(24))
    assert found.known_s == 24 * 3600  # nothing is known before the first run
    hours = {state: seconds / 3600 for state, seconds in found.seconds.items()}
    assert hours == {"watching": 4 + 3.5 + 11, "hands_off": 1, "blind": 1 + 0.5 + 1, "off": 2}
    part = availability("car-1", changes, runs, at(5.5), at(7))  # begins inside a phase
    assert {s: v / 3600 for s, v in part.seconds.items()} == {
        "watching": 0.5,
        "hands_off": 0.5,
        "blind": 0.5,
        "off": 0,
    }
    assert availability("car-1", changes, [], at(0), at(24)).known_s == 0


moments = st.floats(0, 100, allow_nan=False)


@given(
    st.lists(st.tuples(moments, moments), max_size=5),
    st.lists(st.tuples(moments, st.sampled_from(["BLIND", "IDLE", "HOLDING", "INHIBITED"])), max_size=12),
    st.tuples(moments, moments),
)
def test_the_parts_of_the_time_are_never_negative_and_make_up_the_whole(
    runs: list[tuple[float, float]], steps: list[tuple[float, str]], span: tuple[float, float]
) -> None:
    since, until = sorted(span)
    ordered = [(at(min(r)), at(max(r))) for r in runs]
    changes = [change(h, "IDLE", phase) for h, phase in sorted(steps)]
    found = availability("car-1", changes, ordered, at(since), at(until))
    assert all(found.seconds[state] >= 0 for state in STATES)
    assert sum(found.seconds.values()) == pytest.approx(found.known_s, abs=1e-3)


verdicts = st.sampled_from([None, "confirmed", "false_alarm", "unsure"])
ended = st.sampled_from([None, "left", "escalated", "inhibited"])
some_facts = st.lists(
    st.builds(
        lambda hours, elevator, verdict, outcome, hold_s, relay_ms, confirm_ms: fact(
            hours,
            elevator,
            verdict=verdict,
            outcome=outcome,
            hold_s=hold_s,
            escalated=outcome == "escalated",
            relay_ms=relay_ms,
            confirm_ms=confirm_ms,
        ),
        st.floats(0, 71.99),
        st.sampled_from(["car-1", "car-2"]),
        verdicts,
        ended,
        st.floats(0, 120),
        st.none() | st.floats(0, 900),
        st.none() | st.floats(0, 2000),
    ),
    max_size=30,
)


@given(some_facts)
def test_every_event_is_counted_once_in_each_figure_and_every_spread_lies_within_what_it_is_of(
    facts: list[Fact],
) -> None:
    found = figures(facts, [], [], ["car-1", "car-2"], at(0), at(72), UTC)
    assert found.events == len(facts)
    for counts in (found.by_hour, [n for _, n in found.by_day], [n for _, n in found.by_elevator]):
        assert sum(counts) == len(facts)
    assert sum(n for _, n in found.outcomes) == len(facts)
    assert found.escalated == dict(found.outcomes).get("escalated", 0)
    held = [f.hold_s for f in facts if f.outcome]
    assert found.hold_total_s == pytest.approx(sum(held))
    relay = [f.relay_ms / 1000 for f in facts if f.relay_ms is not None]
    confirm = [0.4 if f.confirm_ms is None else f.confirm_ms / 1000 for f in facts]
    for spread_, values in (
        (found.hold, held),
        (found.capture_to_relay, relay),
        (found.sight_to_confirm, confirm),
    ):
        assert spread_.n == len(values)
        if spread_.p50_s is not None and spread_.p95_s is not None:
            assert min(values) - 1e-6 <= spread_.p50_s <= spread_.p95_s <= max(values) + 1e-6
            assert sum(v <= spread_.p95_s + 1e-6 for v in values) >= 0.95 * len(values) - 1


@given(some_facts)
def test_the_share_of_false_holds_is_that_of_the_judged(facts: list[Fact]) -> None:
    found = figures(facts, [], [], [], at(0), at(72), UTC)
    judged = [f for f in facts if f.verdict in {"confirmed", "false_alarm"}]
    if not judged:
        assert found.false_share is None
    else:
        false = sum(f.verdict == "false_alarm" for f in judged)
        assert found.false_share == pytest.approx(false / len(judged))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=100))
def test_bars_stay_inside_their_drawing_and_are_in_proportion(values: list[int]) -> None:
    drawing = bars(values, [str(n) for n in range(len(values))])
    assert nice_top(max(values)) >= max(values)
    for bar in drawing.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= drawing.width
        assert 0 <= bar.y <= drawing.base
        assert bar.y + bar.height == pytest.approx(drawing.base, abs=0.1)
    tallest = max(bar.height for bar in drawing.bars)  # drawn to a tenth: close values may be as tall
    assert all(bar.height == tallest for bar in drawing.bars if bar.value == max(values))


@given(st.dates(), st.dates(), st.dates(min_value=EPOCH), st.sampled_from(["day", "week", "own"]))
def test_a_range_of_days_is_in_order_bounded_and_never_in_the_future(
    first: date, last: date, today: date, span: str
) -> None:
    begin, end = choose_days(span, first, last, today)
    assert EPOCH - timedelta(days=7) <= begin <= end <= today
    assert (end - begin).days < MAX_DAYS


def test_the_figures_are_read_from_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "liftguard.db")
    store.migrate()
    new = NewEvent(
        new_event_id(), "car-1", "c", "e_bike", "cabin", at(1), at(1), 0.9, "m", "0" * 64, "r", "v", True
    )
    store.start_event(new)
    store.end_event(new.id, EventEnd(at(2), at(2), "left", 5.0, 1, 0.9))
    run = GuardRun(new_event_id(), at(0), at(0), "v")
    store.note_run(run)
    store.note_run(GuardRun(run.id, at(0), at(5), "v"))
    for hours, after in ((-2, "BLIND"), (-1, "IDLE"), (3, "INHIBITED"), (7, "IDLE")):
        store.add_phase_change(PhaseChange("car-1", at(hours), "x", after, "r"))
    store.add_pre_hold(PreHold("car-1", at(1), 0.5))

    (read,) = read_facts(store, at(0), at(6))
    assert (read.id, read.hold_s, read.outcome, read.escalated) == (new.id, 5.0, "left", False)
    assert read_facts(store, at(0), at(6), {"car-2"}) == []
    assert [c.after for c in read_changes(store, at(0), at(6))] == ["IDLE", "INHIBITED"]
    assert read_changes(store, at(0), at(6), ()) == []
    assert read_runs(store, at(6)) == [(at(0), at(5))]
    assert (count_pre_holds(store, at(0), at(6)), count_pre_holds(store, at(2), at(6))) == (1, 0)
    store.close()
