"""The numbers of the design, as the shipped settings give them, and one elevator's settings beside another's.

Each test is one sentence of the design. Where a sentence must hold on any day, the property tests say so too
(`test_hold_properties`); here it is played once, from a settings file to the relay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from api.load import load_settings
from api.main import build_rules
from api.settings import ElevatorSettings
from hardware.controller import HoldController
from hardware.hold import EventEnded, EventEscalated, EventStarted, Inputs, Phase, Signal
from hardware.relay import FakeRelay
from hardware.slot import PresenceSlot
from tests.support.fakes import FakeClock
from vision.types import Presence, Sighting

TICK_S = 0.05
Sees = Callable[[float], tuple[Sighting, ...]]


def bike(confirmed: bool = True, track_id: int = 1) -> tuple[Sighting, ...]:
    return (Sighting(track_id, "e_bike", "cabin", 0.95, confirmed, 0.0, (0.0, 0.0, 9.0, 9.0)),)


def stays(from_s: float, until_s: float) -> Sees:
    return lambda now_s: bike() if from_s <= now_s < until_s else ()


@dataclass
class Car:
    """One elevator of a settings file: its controller on a clock of ours, and what its relay did."""

    settings: ElevatorSettings
    clock: FakeClock = field(default_factory=FakeClock)
    inputs: Inputs = field(default_factory=Inputs)
    signals: list[Signal] = field(default_factory=list)
    levels: list[tuple[float, bool]] = field(default_factory=lambda: [(0.0, False)])
    phases: list[tuple[float, Phase]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.relay, self.slot = FakeRelay(), PresenceSlot()
        self.controller = HoldController(
            self.relay,
            build_rules(self.settings),
            self.slot,
            read_inputs=lambda: self.inputs,
            clock=self.clock,
            on_signal=self.signals.append,
        )

    def play(self, until_s: float, sees: Sees) -> Car:
        while self.clock.now_s < until_s:
            now_s = self.clock.now_s = round(self.clock.now_s + TICK_S, 6)
            self.slot.put(Presence(now_s, sees(now_s)))
            self.controller.run_once(now_s)
            if self.relay.energised is not self.levels[-1][1]:
                self.levels.append((now_s, self.relay.energised))
            phase = self.controller.state.decision.phase
            if not self.phases or self.phases[-1][1] is not phase:
                self.phases.append((now_s, phase))
        return self

    def stretches(self, level: bool) -> list[float]:
        """How long the relay had this level, each time; the first and the last stretch are left out."""
        times = [t for t, _ in self.levels]
        spans = zip(self.levels, times[1:], strict=False)
        return [round(end - t, 2) for (t, on), end in spans if on is level][0 if level else 1 :]


def cars(**overrides: Any) -> Iterator[Car]:
    keys = {key.replace("__", "."): value for key, value in overrides.items()}
    return (Car(elevator) for elevator in load_settings(env={}, overrides=keys).elevators)


def car(**overrides: Any) -> Car:
    return next(cars(**{f"elevators__0__{key}": value for key, value in overrides.items()}))


def test_a_pulse_lasts_at_most_20_s_and_is_followed_by_a_rest_of_3_s() -> None:
    played = car().play(100.0, stays(5.0, 95.0))
    assert len(played.stretches(True)) >= 4
    assert max(played.stretches(True)) <= 20.0
    assert set(played.stretches(False)) == {3.0}


def test_after_120_s_the_door_is_let_go_for_good_and_the_event_escalates() -> None:
    played = car().play(400.0, stays(5.0, 400.0))
    [escalated] = [s for s in played.signals if isinstance(s, EventEscalated)]
    assert escalated.t_s - 5.0 == pytest.approx(120.0, abs=2 * TICK_S)
    assert max(t for t, on in played.levels if on) < escalated.t_s
    assert played.relay.energised is False
    assert played.phases[-1][1] is Phase.COOLDOWN


def test_cool_down_follows_the_cap_and_lasts_until_the_e_bike_has_gone_and_at_least_60_s() -> None:
    played = car().play(300.0, lambda t: bike() if 5.0 <= t < 130.0 or t >= 150.0 else ())
    again = min(t for t, on in played.levels if on and t > 130.0)
    assert again == pytest.approx(125.0 + 60.0, abs=0.5), "it came back at 150 s and was not held before"


def test_released_within_3_s_after_the_e_bike_is_out() -> None:
    played = car().play(40.0, stays(5.0, 12.0))
    assert played.levels[-1][1] is False
    assert 0.0 < played.levels[-1][0] - 12.0 <= 3.0


def test_a_pre_hold_lets_go_silently_within_1_s_if_nothing_confirms() -> None:
    played = car().play(30.0, lambda t: bike(confirmed=False) if t >= 5.0 else ())
    assert played.stretches(True) == [pytest.approx(1.0, abs=2 * TICK_S)]
    assert not [s for s in played.signals if isinstance(s, EventStarted)]


def test_one_vehicle_one_event() -> None:
    played = car().play(90.0, lambda t: bike() if 5.0 <= t < 60.0 and t % 10 > 1.5 else ())
    assert len([s for s in played.signals if isinstance(s, EventStarted)]) == 1
    assert len([s for s in played.signals if isinstance(s, EventEnded)]) == 1


@pytest.mark.parametrize("name", ["fire", "inspection", "maintenance", "schedule_off", "fault"])
def test_each_input_and_the_schedule_inhibit_at_once(name: str) -> None:
    played = car().play(10.0, stays(5.0, 99.0))
    assert played.relay.energised
    played.inputs = Inputs(**{name: True})
    played.play(played.clock.now_s + TICK_S, stays(5.0, 99.0))
    assert played.relay.energised is False
    assert played.controller.state.inhibit_reason == name
    assert played.controller.state.decision.phase is Phase.INHIBITED


def test_a_managers_remote_release_lets_this_vehicle_go_for_as_long_as_it_stays() -> None:
    played = car().play(10.0, stays(5.0, 200.0))
    played.controller.release("a resident needs it")
    played.play(200.0, stays(5.0, 200.0))
    assert played.relay.energised is False
    assert played.levels[-1][0] == pytest.approx(10.05, abs=TICK_S)
    played.play(260.0, stays(230.0, 999.0))
    assert played.relay.energised, "the next vehicle is held"


def test_kind_a_goes_through_the_same_phases_and_never_energises() -> None:
    alarm = car(kind="A").play(400.0, stays(5.0, 400.0))
    hold = car(kind="B").play(400.0, stays(5.0, 400.0))
    assert alarm.phases == hold.phases
    assert alarm.relay.states == [False]
    assert [type(s) for s in alarm.signals] == [type(s) for s in hold.signals]
    assert True in hold.relay.states


def test_each_elevator_of_a_box_has_settings_of_its_own() -> None:
    first, second, third = cars(
        elevators__0__id="car-1",
        elevators__1__id="car-2",
        elevators__1__hold__pulse_s=10,
        elevators__1__hold__pause_s=5,
        elevators__1__hold__cap_s=60,
        elevators__2__id="car-3",
        elevators__2__kind="A",
        elevators__2__schedule__off=["22:00-06:00"],
    )
    for one in (first, second, third):
        one.play(150.0, stays(5.0, 150.0))
    assert (max(first.stretches(True)), set(first.stretches(False))) == (18.0, {3.0})
    assert (max(second.stretches(True)), set(second.stretches(False))) == (10.0, {5.0})
    assert max(t for t, _ in second.levels) <= 65.0 + TICK_S
    assert third.relay.states == [False]
    assert [bool(one.settings.schedule.off) for one in (first, second, third)] == [False, False, True]
