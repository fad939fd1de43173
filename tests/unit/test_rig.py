"""The simulated elevator: alone, with its button pressed, and with the hold at its contact."""

from __future__ import annotations

import math
import threading
import time

import pytest

from hardware.controller import HoldController
from hardware.hold import HoldRules, Inputs
from hardware.relay_gpio import open_relay
from hardware.rig.elevator import SimulatedElevator, step
from hardware.rig.rules import ElevatorRules
from hardware.rig.state import ElevatorSim, initial
from hardware.slot import PresenceSlot
from vision.errors import ConfigError, RelayError
from vision.types import Presence, Sighting

RULES = ElevatorRules(dwell_s=4.0)


def story(
    rules: ElevatorRules,
    until_s: float,
    *,
    button: tuple[float, float] = (0.0, 0.0),
    blocked: tuple[float, float] = (0.0, 0.0),
    calls: tuple[float, ...] = (),
) -> list[str]:
    """Position changes with their times, rounded to a tenth."""
    sim, lines = initial(0.0, rules), []
    for n in range(1, round(until_s * 64)):
        now_s = n / 64
        before = sim
        sim = step(
            sim,
            now_s,
            rules,
            button=button[0] <= now_s < button[1],
            blocked=blocked[0] <= now_s < blocked[1],
            calls=(before.floor,) if now_s in calls else (),
        )
        if (sim.position, sim.floor) != (before.position, before.floor):
            lines.append(f"{now_s:.1f} {sim.position} {sim.floor}")
        assert 0.0 <= sim.opening <= 1.0
        assert (sim.opening == 0.0) == (sim.position == "closed" or before.position == "closed")
    return lines


def test_left_alone_it_opens_dwells_closes_and_pauses() -> None:
    rules = ElevatorRules(opening_s=2.0, dwell_s=4.0, closing_s=3.0, pause_s=3.0)
    assert story(rules, 20.0) == [
        "3.0 opening 1",
        "5.0 open 1",
        "9.0 closing 1",
        "12.0 closed 1",
        "15.0 opening 1",
        "17.0 open 1",
    ]


def test_it_serves_its_stops_in_turn() -> None:
    rules = ElevatorRules(opening_s=1.0, dwell_s=1.0, closing_s=1.0, pause_s=1.0, travel_s=2.0, stops=(1, 3))
    assert story(rules, 15.0) == [
        "3.0 closed 2",
        "5.0 opening 3",
        "6.0 open 3",
        "7.0 closing 3",
        "8.0 closed 3",
        "11.0 closed 2",
        "13.0 opening 1",
        "14.0 open 1",
    ]


def test_the_button_keeps_it_open_and_a_release_lets_it_close() -> None:
    assert story(RULES, 25.0, button=(5.0, 15.0))[:3] == ["3.0 opening 1", "5.5 open 1", "19.0 closing 1"]


def test_the_button_opens_a_closing_door() -> None:
    lines = story(RULES, 14.0, button=(10.5, 11.5))
    assert lines == ["3.0 opening 1", "5.5 open 1", "9.5 closing 1", "10.5 opening 1", "11.3 open 1"]


def test_the_light_curtain_opens_a_closing_door_too() -> None:
    assert "10.5 opening 1" in story(RULES, 14.0, blocked=(10.5, 11.5))


def test_a_call_opens_a_closed_door_at_once() -> None:
    assert story(RULES, 6.0, calls=(1.0,))[0] == "1.0 opening 1"


def test_held_too_long_it_goes_to_protective_stop_and_ignores_the_button() -> None:
    assert story(RULES, 40.0, button=(5.0, 100.0)) == [
        "3.0 opening 1",
        "5.5 open 1",
        "25.0 protective_stop 1",  # 20 s after the button was pressed
        "30.0 closing 1",  # nudging
        "36.0 closed 1",
        "36.0 opening 1",
        "38.5 open 1",
    ]


def test_nudging_stops_at_what_is_in_the_way_and_does_not_open() -> None:
    lines = story(RULES, 45.0, blocked=(5.0, 33.0))
    assert lines[2:4] == ["25.0 protective_stop 1", "30.0 closing 1"]
    assert lines[4] == "39.0 closed 1"  # 3 s standing, then 6 s of nudging


def test_after_a_protective_stop_it_closes_normally_if_it_is_free() -> None:
    assert story(RULES, 40.0, button=(5.0, 26.0))[2:5] == [
        "25.0 protective_stop 1",
        "30.0 closing 1",
        "33.0 closed 1",
    ]


def test_long_ticks_skip_nothing_and_time_does_not_run_backwards() -> None:
    fine, coarse = initial(0.0, RULES), initial(0.0, RULES)
    for n in range(1, 121):
        fine = step(fine, n / 20, RULES)
    coarse = step(coarse, 6.0, RULES)
    assert (coarse.position, coarse.floor) == (fine.position, fine.floor) == ("open", 1)
    back = step(coarse, 1.0, RULES)
    assert (back.position, back.opening, back.t_s) == (coarse.position, coarse.opening, 1.0)
    assert step(coarse, 1e9, RULES).t_s == 1e9


HOUSE = ElevatorRules(tour=False, travel_s=2.0)


def drive(
    rules: ElevatorRules,
    until_s: float,
    *,
    calls: dict[float, tuple[int, ...]] | None = None,
    fire_s: float = math.inf,
    button: bool = False,
    blocked: tuple[float, float] = (0.0, 0.0),
) -> list[str]:
    """Where the car goes: floor and position, each time either changes."""
    sim, lines, waiting = initial(0.0, rules), [], dict(calls or {})
    for n in range(1, round(until_s * 20)):
        now_s = n / 20
        before = sim
        sim = step(
            sim,
            now_s,
            rules,
            button=button,
            blocked=blocked[0] <= now_s < blocked[1],
            calls=waiting.pop(now_s, ()),
            fire=now_s >= fire_s,
        )
        if (sim.position, sim.floor) != (before.position, before.floor):
            lines.append(f"{sim.floor} {sim.position}")
    assert not waiting
    return lines


def opened(lines: list[str]) -> list[int]:
    """The floors at which the door stood open."""
    return [int(line.split()[0]) for line in lines if line.endswith(" open")]


def test_it_stands_closed_until_it_is_called() -> None:
    assert drive(HOUSE, 60.0) == []
    assert opened(drive(HOUSE, 60.0, calls={5.0: (1,)})) == [1]


def test_calls_are_served_in_the_direction_of_travel() -> None:
    lines = drive(HOUSE, 200.0, calls={1.0: (4,), 3.0: (2, 6), 20.0: (1,)})
    assert opened(lines) == [2, 4, 6, 1], "2 was called before it was passed"


def test_a_call_behind_waits_until_those_ahead_are_served() -> None:
    assert opened(drive(HOUSE, 200.0, calls={1.0: (4,), 7.0: (6, 2)})) == [4, 6, 2]


def test_a_call_from_outside_the_house_is_not_heard() -> None:
    assert drive(HOUSE, 60.0, calls={1.0: (99, -3)}) == []


def test_fire_recall_closes_the_door_at_once_and_opens_at_the_recall_floor() -> None:
    lines = drive(HOUSE, 90.0, calls={1.0: (4,), 14.0: (6,)}, fire_s=14.0)
    assert lines[-6:] == ["4 closing", "4 closed", "3 closed", "2 closed", "1 opening", "1 open"]
    assert opened(lines) == [4, 1], "the call to 6 is forgotten"


def test_fire_recall_turns_a_car_on_its_way_without_opening_in_between() -> None:
    lines = drive(HOUSE, 90.0, calls={1.0: (6,)}, fire_s=6.0)
    assert opened(lines) == [1]
    assert max(int(line.split()[0]) for line in lines) == 4


def test_fire_recall_after_20_s_closes_against_a_light_curtain_that_stays_blocked() -> None:
    lines = drive(HOUSE, 120.0, calls={1.0: (3,)}, fire_s=14.0, blocked=(12.0, 50.0))
    assert opened(lines) == [3, 1]
    assert lines.index("3 closed") == lines.index("3 closing") + 1, "it does not open again"


def test_the_rig_sounds_when_it_closes_without_its_curtain() -> None:
    sim, heard = initial(0.0, RULES), set()
    for n in range(1, 40 * 20):
        sim = step(sim, n / 20, RULES, button=n > 100)
        if sim.buzzer:
            heard.add(sim.position)
    assert heard == {"protective_stop", "closing"}


@pytest.mark.parametrize(
    "bad",
    [
        {"opening_s": 0.0},
        {"dwell_s": -1.0},
        {"closing_s": math.nan},
        {"stops": ()},
        {"stops": (7,)},
        {"recall_floor": 0},
    ],
)
def test_rules_are_checked(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        ElevatorRules(**bad)  # type: ignore[arg-type]  # wrong values are the point


BIKE = (Sighting(1, "e_bike", "cabin", 0.95, True, 0.0, (0.0, 0.0, 10.0, 10.0)),)


def play_with_hold(rules: HoldRules, stays_s: float) -> list[ElevatorSim]:
    """An e-bike stands in the car from 6 s on; relay pin, controller and elevator on one simulated clock."""
    now = [0.0]
    relay, slot = open_relay(17, factory="mock"), PresenceSlot()
    controller = HoldController(
        relay, rules, slot, read_inputs=Inputs, clock=lambda: now[0], on_signal=lambda signal: None
    )
    elevator = SimulatedElevator(lambda: relay.energised, lambda: now[0], ElevatorRules(dwell_s=4.0))
    states = []
    for n in range(1, round((6.0 + stays_s + 30.0) * 20)):
        now[0] = n / 20
        there = BIKE if 6.0 <= now[0] < 6.0 + stays_s else ()
        slot.put(Presence(now[0], there))
        controller.run_once(now[0])
        states.append(elevator.tick(now[0]))
    relay.close()
    return states


def test_the_relay_alone_keeps_the_door_open_and_never_trips_the_protective_stop() -> None:
    states = play_with_hold(HoldRules(), stays_s=100.0)
    held = [s for s in states if 6.0 <= s.t_s <= 106.0]
    assert {s.position for s in held} == {"open"}
    assert states[-1].t_s > 130.0
    assert any(s.position == "closed" for s in states if s.t_s > 106.0)


def test_without_a_hold_the_same_door_closes() -> None:
    states = play_with_hold(HoldRules(kind="A"), stays_s=100.0)
    assert any(s.position == "closed" for s in states if s.t_s <= 20.0)


def test_a_contact_that_cannot_be_read_is_open() -> None:
    def broken() -> bool:
        raise RelayError("gone")

    elevator = SimulatedElevator(broken, lambda: 0.0)
    assert elevator.tick(1.0).position == "closed"


def test_on_its_own_thread() -> None:
    rules = ElevatorRules(opening_s=0.05, dwell_s=60.0, pause_s=60.0)
    elevator = SimulatedElevator(lambda: False, time.monotonic, rules)
    elevator.start()
    with pytest.raises(RuntimeError, match="started before"):
        elevator.start()
    elevator.call()
    until_s, pause = time.monotonic() + 20.0, threading.Event()
    while elevator.state.position != "open":
        assert time.monotonic() < until_s
        pause.wait(0.005)
    elevator.stop()
    elevator.stop()
