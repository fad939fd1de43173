"""What must hold for the door, whatever camera, inputs and clock do. docs/safety.md names these tests."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from hardware.hold import (
    Decision,
    EventEnded,
    EventEscalated,
    EventStarted,
    FalsePreHold,
    Hold,
    HoldRules,
    Inputs,
    Phase,
    PhaseChanged,
    initial,
    step,
)
from vision.types import Presence, Sighting, ZoneKind

TICK_S = 0.05
EPS = 1e-6
CONFIRMED = {Phase.HOLDING, Phase.PAUSED}

SHORT_RULES = st.builds(
    HoldRules,
    kind=st.sampled_from(["B", "B", "B", "A"]),
    confirm_s=st.sampled_from([0.3, 1.0, 2.5]),
    release_s=st.sampled_from([0.6, 1.0, 2.0]),
    stale_s=st.sampled_from([0.3, 0.6]),
    pulse_s=st.sampled_from([1.0, 2.0, 4.0]),
    pause_s=st.sampled_from([1.0, 1.5]),
    cap_s=st.sampled_from([4.0, 8.0, 15.0]),
    cooldown_s=st.sampled_from([0.0, 2.0, 6.0]),
    rejoin_s=st.sampled_from([2.0, 3.0, 5.0]),
    rearm_s=st.sampled_from([0.0, 1.0, 4.0]),
)
INPUTS = st.builds(
    Inputs, fire=st.booleans(), maintenance=st.booleans(), remote_release=st.booleans(), fault=st.booleans()
)


def sighting(confirmed: bool, track_id: int = 1, zone: ZoneKind = "cabin", score: float = 0.9) -> Sighting:
    return Sighting(track_id, "e_bike", zone, score, confirmed, 0.0, (0.0, 0.0, 10.0, 10.0))


class Ledger:
    """An independent account of what the hold was told and did, with every promise checked per tick."""

    def __init__(self, rules: HoldRules) -> None:
        self.rules = rules
        self.now_s = 0.0
        self.phase = Phase.BLIND
        self.newest_s = -math.inf
        self.any_s = -math.inf  # capture time of the last sighting in a holding zone
        self.sure_s = -math.inf  # of the last confirmed one
        self.empty_since_s: float | None = None
        self.energised = False
        self.stretch_s = 0.0  # energised since the last full rest
        self.off_s = 0.0
        self.open = False
        self.used_s = 0.0
        self.suspect_s = 0.0
        self.event_seen_s = -math.inf  # last confirmed capture of the latest event
        self.starts = self.ends = self.false_pre_holds = self.suspects_failed = 0
        self.barred = False

    def told(self, presence: Presence | None, inputs: Inputs, now_s: float) -> None:
        self._heard(presence, now_s)
        if self.phase is Phase.INHIBITED and inputs.inhibit_reason is None:
            self.newest_s = max(self.newest_s, now_s)  # only what is captured after an inhibit counts again

    def _heard(self, presence: Presence | None, now_s: float) -> None:
        if presence is None or not self.newest_s < presence.t_s <= now_s:
            return
        there = [s for s in presence.sightings if s.zone in self.rules.zones]
        if there:
            self.any_s, self.empty_since_s = presence.t_s, None
        elif self.empty_since_s is None or presence.t_s - self.newest_s > self.rules.stale_s:
            self.empty_since_s = presence.t_s
        if any(s.confirmed for s in there):
            self.sure_s = presence.t_s
        self.newest_s = presence.t_s

    def _account(self, inputs: Inputs, now_s: float) -> None:
        """What the time since the last tick was spent on."""
        rules, dt_s = self.rules, now_s - self.now_s
        if self.energised:
            self.stretch_s, self.off_s = self.stretch_s + dt_s, 0.0
        else:
            self.off_s += dt_s
            if self.off_s >= rules.pause_s - EPS:
                self.stretch_s = 0.0
        if self.open and self.phase in {Phase.SUSPECT, *CONFIRMED}:
            self.used_s += dt_s
        self.suspect_s = self.suspect_s + dt_s if self.phase is Phase.SUSPECT else 0.0
        gone_s = self.newest_s - self.empty_since_s if self.empty_since_s is not None else 0.0
        if inputs.remote_release:
            self.barred = True
        elif gone_s >= rules.release_s - EPS and now_s - self.newest_s <= rules.stale_s + EPS:
            self.barred = False

    def check(self, decision: Decision, inputs: Inputs, now_s: float) -> None:
        rules = self.rules
        self._account(inputs, now_s)
        self._signals(decision, now_s)
        if decision.energise:
            assert rules.kind == "B"
            assert decision.phase in {Phase.SUSPECT, Phase.HOLDING}
            assert inputs.inhibit_reason is None
            assert now_s - self.newest_s <= rules.stale_s + EPS, "presence is stale"
            assert now_s - self.any_s < rules.release_s + EPS, "not seen for release_s"
            assert self.stretch_s < rules.pulse_s + EPS, "longer than a pulse"
            assert not self.barred, "let go for good, and held again before the vehicle had gone"
            if decision.phase is Phase.HOLDING:
                assert self.open
                assert now_s - self.sure_s < rules.release_s + EPS, "nothing confirmed for release_s"
                assert self.used_s < rules.cap_s + EPS, "longer than the cap"
            else:
                assert self.suspect_s < rules.confirm_s + EPS, "a pre-hold longer than confirm_s"
        assert decision.voice == (decision.phase in CONFIRMED)
        assert decision.phase is not Phase.SUSPECT or self.suspect_s < rules.confirm_s + EPS
        if inputs.inhibit_reason is not None:
            assert decision.phase is Phase.INHIBITED
        elif now_s - self.newest_s > rules.stale_s + EPS:
            assert decision.phase is Phase.BLIND
        if decision.phase in CONFIRMED:
            assert self.open
        if self.open:
            self.event_seen_s = max(self.event_seen_s, self.sure_s)

        self.now_s, self.energised, self.phase = now_s, decision.energise, decision.phase

    def _signals(self, decision: Decision, now_s: float) -> None:
        phase = self.phase
        for signal in decision.signals:
            assert signal.t_s == now_s
            match signal:
                case PhaseChanged(before=before, after=after, reason=reason):
                    assert before is phase
                    assert after is not before
                    assert reason
                    self.suspects_failed += before is Phase.SUSPECT and after not in CONFIRMED
                    phase = after
                case EventStarted(suspected_s=suspected_s):
                    assert not self.open, "two events at once"
                    assert now_s - self.event_seen_s >= self.rules.rejoin_s - EPS, "one vehicle, two events"
                    assert suspected_s == pytest.approx(self.suspect_s, abs=EPS)
                    self.open, self.used_s = True, suspected_s
                    self.starts += 1
                case EventEnded(hold_s=hold_s, last_seen_s=last_seen_s, pulses=pulses):
                    assert self.open, "ended twice, or never started"
                    # a pre-hold under way gets its time to confirm: it may be the same vehicle
                    patience_s = self.rules.confirm_s if phase is Phase.SUSPECT else 0.0
                    assert now_s - last_seen_s >= self.rules.rejoin_s + patience_s - EPS
                    assert last_seen_s == pytest.approx(self.event_seen_s, abs=EPS)
                    assert 0.0 <= hold_s <= self.used_s + EPS
                    assert (hold_s > 0) <= (pulses > 0)
                    assert self.rules.kind == "B" or (hold_s, pulses) == (0.0, 0)
                    self.open = False
                    self.ends += 1
                case EventEscalated():
                    assert self.open
                    assert self.used_s >= self.rules.cap_s - EPS
                    self.barred = True
                case FalsePreHold(held_s=held_s):
                    assert phase is Phase.SUSPECT
                    expected = self.suspect_s if self.rules.kind == "B" else 0.0
                    assert held_s == pytest.approx(expected, abs=EPS)
                    self.false_pre_holds += 1
        assert phase is decision.phase, "phase changes do not lead to the decided phase"
        assert self.false_pre_holds == self.suspects_failed
        assert self.starts == self.ends + self.open


class AnyDay(RuleBasedStateMachine):
    """Vehicles, cameras, inputs and late ticks in any order, on a clock that only goes forward."""

    @initialize(rules=SHORT_RULES)
    def begin(self, rules: HoldRules) -> None:
        self.hold_rules = rules
        self.hold: Hold = initial(0.0)
        self.ledger = Ledger(rules)
        self.now_s = 0.0
        self.inputs = Inputs()
        self.latest: Presence | None = None
        self.next_id = 1

    def tick(self, presence: Presence | None, dt_s: float = TICK_S) -> None:
        self.now_s += dt_s
        self.ledger.told(presence, self.inputs, self.now_s)
        before = self.hold
        self.hold, decision = step(before, presence, self.inputs, self.now_s, self.hold_rules)
        assert (self.hold, decision) == step(before, presence, self.inputs, self.now_s, self.hold_rules)
        self.ledger.check(decision, self.inputs, self.now_s)

    def look(self, sightings: tuple[Sighting, ...], ticks: int, lag_s: float) -> None:
        for _ in range(ticks):
            self.latest = Presence(self.now_s + TICK_S - lag_s, sightings)
            self.tick(self.latest)

    LAG_S = st.sampled_from([0.0, 0.1, 0.25])
    TICKS = st.integers(1, 60)

    @rule(ticks=TICKS, lag_s=LAG_S)
    def nothing_there(self, ticks: int, lag_s: float) -> None:
        self.look((), ticks, lag_s)

    @rule(ticks=TICKS, lag_s=LAG_S)
    def vehicle_there(self, ticks: int, lag_s: float) -> None:
        self.look((sighting(True, self.next_id),), ticks, lag_s)

    @rule(ticks=TICKS, lag_s=LAG_S, new=st.booleans())
    def doubtful_there(self, ticks: int, lag_s: float, new: bool) -> None:
        self.next_id += new
        self.look((sighting(False, self.next_id),), ticks, lag_s)

    @rule(doubt=st.integers(1, 15), ticks=TICKS)
    def vehicle_comes(self, doubt: int, ticks: int) -> None:
        self.next_id += 1
        self.look((sighting(False, self.next_id),), doubt, 0.1)
        self.look((sighting(True, self.next_id), sighting(False, 9999)), ticks, 0.1)

    @rule(ticks=TICKS, zone=st.sampled_from(["ignore", "landing"]))
    def elsewhere(self, ticks: int, zone: ZoneKind) -> None:
        self.look((sighting(True, self.next_id, zone),), ticks, 0.0)

    @rule(ticks=TICKS, passed=st.sampled_from(["none", "same", "older", "future"]))
    def camera_hangs(self, ticks: int, passed: str) -> None:
        for _ in range(ticks):
            presence = None if passed == "none" else self.latest
            if presence is not None and passed != "same":
                there = (sighting(True, self.next_id),)
                t_s = presence.t_s - 0.01 if passed == "older" else self.now_s + TICK_S + 0.5
                presence = Presence(t_s, there)
            self.tick(presence)

    @rule(dt_s=st.sampled_from([0.0, 0.3, 1.5, 7.0, 400.0]), there=st.booleans(), confirmed=st.booleans())
    def late_tick(self, dt_s: float, there: bool, confirmed: bool) -> None:
        sightings = (sighting(confirmed, self.next_id),) if there else ()
        self.latest = Presence(self.now_s + dt_s, sightings)
        self.tick(self.latest, dt_s)

    @rule(inputs=INPUTS)
    def inputs_change(self, inputs: Inputs) -> None:
        self.inputs = inputs

    @rule()
    def inputs_clear(self) -> None:
        self.inputs = Inputs()


AnyDay.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAnyDay = AnyDay.TestCase


def wild_sightings() -> st.SearchStrategy[tuple[Sighting, ...]]:
    one = st.builds(
        sighting,
        st.booleans(),
        st.integers(1, 4),
        st.sampled_from(["cabin", "doorway", "landing", "ignore"]),
    )
    return st.lists(one, max_size=3).map(tuple)


ANY_TIME = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-5, 30),
    st.integers(0, 400).map(lambda n: n * TICK_S),
)


@settings(max_examples=300, deadline=None)
@given(
    rules=SHORT_RULES,
    start_s=st.floats(allow_nan=False, allow_infinity=False),
    ticks=st.lists(
        st.tuples(ANY_TIME, st.none() | st.builds(Presence, ANY_TIME, wild_sightings()), INPUTS),
        max_size=60,
    ),
)
def test_any_times_never_raise_and_never_energise_wrongly(
    rules: HoldRules, start_s: float, ticks: list[tuple[float, Presence | None, Inputs]]
) -> None:
    hold, open_events, last_s = initial(start_s), 0, start_s
    for now_s, presence, inputs in ticks:
        if not math.isfinite(now_s):
            with pytest.raises(ValueError, match="finite"):
                step(hold, presence, inputs, now_s, rules)
            continue
        hold, decision = step(hold, presence, inputs, now_s, rules)
        for signal in decision.signals:
            open_events += isinstance(signal, EventStarted) - isinstance(signal, EventEnded)
            assert open_events in {0, 1}
        if decision.energise:
            assert rules.kind == "B"
            assert inputs.inhibit_reason is None
            assert now_s >= last_s, "energised on a clock that went back"
            assert 0.0 <= now_s - hold.newest_s <= rules.stale_s
        last_s = now_s


@settings(max_examples=100, deadline=None)
@given(back_s=st.lists(st.floats(0.001, 100.0), min_size=1, max_size=8), gap=st.integers(1, 60))
def test_a_clock_that_goes_back_releases_and_stretches_no_limit(back_s: list[float], gap: int) -> None:
    """Energised time is counted on tick counts here, which no clock can turn back."""
    rules = HoldRules(pulse_s=2.0, pause_s=1.0, cap_s=6.0, cooldown_s=5.0)
    hold, now_s, stretch, total, starts = initial(0.0), 0.0, 0, 0, 0
    steps = list(back_s)
    for n in range(60 * 20):
        went_back = bool(steps) and n % gap == gap - 1
        now_s = now_s - steps.pop() if went_back else now_s + TICK_S
        hold, decision = step(hold, Presence(now_s, (sighting(True),)), Inputs(), now_s, rules)
        assert not (went_back and decision.energise)
        starts += sum(isinstance(s, EventStarted) for s in decision.signals)
        total += decision.energise
        stretch = stretch + 1 if decision.energise else 0
        assert stretch * TICK_S <= rules.pulse_s + TICK_S + EPS
    assert total > 0
    assert total * TICK_S <= rules.cap_s + (len(back_s) + 2) * TICK_S
    assert starts == 1, "the vehicle never left"


@settings(max_examples=60, deadline=None)
@given(rules=SHORT_RULES, doubt=st.integers(0, 40), stay=st.integers(1, 400), lag=st.sampled_from([0.0, 0.2]))
def test_kind_a_goes_through_the_same_phases_and_never_energises(
    rules: HoldRules, doubt: int, stay: int, lag: float
) -> None:
    alarm, door = replace(rules, kind="A"), replace(rules, kind="B")
    a, b = initial(0.0), initial(0.0)
    held = False
    for n in range(20 + doubt + stay + 200):
        now_s = n * TICK_S
        there = 20 <= n < 20 + doubt + stay
        sightings = (sighting(n >= 20 + doubt),) if there else ()
        presence = Presence(now_s - lag, sightings)
        a, said = step(a, presence, Inputs(), now_s, alarm)
        b, did = step(b, presence, Inputs(), now_s, door)
        assert not said.energise
        assert (said.phase, said.voice) == (did.phase, did.voice)
        assert [type(s) for s in said.signals] == [type(s) for s in did.signals]
        held |= did.energise
    assert held, "kind B must have held, or this compares nothing"


@settings(max_examples=60, deadline=None)
@given(lag_s=st.floats(0.0, 0.25), fps=st.sampled_from([4, 5, 10, 25]), doubt=st.integers(0, 6))
def test_a_vehicle_is_pre_held_at_once_and_released_in_time(lag_s: float, fps: int, doubt: int) -> None:
    """Energised on the tick that first hears of it, released within release_s and a tick."""
    rules = HoldRules()
    hold = initial(0.0)
    came_s, left_s = 2.0, 9.0
    heard = energised = released = None
    last_seen_s = None
    for n in range(20 * 20):
        now_s = n * TICK_S
        capture_s = math.floor((now_s - lag_s) * fps) / fps
        there = came_s <= capture_s < left_s
        confirmed = capture_s >= came_s + doubt / 10
        presence = Presence(capture_s, (sighting(confirmed),) if there else ())
        hold, decision = step(hold, presence, Inputs(), now_s, rules)
        if there:
            heard = now_s if heard is None else heard
            last_seen_s = capture_s
        if decision.energise and energised is None:
            energised = now_s
        if energised is not None and not decision.energise and released is None:
            released = now_s
    assert energised == heard
    assert last_seen_s is not None
    assert released is not None
    assert rules.release_s - EPS <= released - last_seen_s <= rules.release_s + TICK_S + EPS
