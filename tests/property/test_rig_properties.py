"""The elevator stays an elevator: what the rig does whatever the relay does, and what the hold does to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from api.settings_hold import HoldSettings
from hardware.hold import HoldRules, Inputs
from hardware.hold import initial as hold_initial
from hardware.hold import step as hold_step
from hardware.rig.elevator import step
from hardware.rig.rules import EFFECTIVE_S, ElevatorRules
from hardware.rig.state import ElevatorSim, initial
from vision.types import Presence, Sighting

TICK_S = 0.05
BIKE = (Sighting(1, "e_bike", "cabin", 0.95, True, 0.0, (0.0, 0.0, 9.0, 9.0)),)
DOUBT = (Sighting(2, "e_bike", "cabin", 0.6, False, 0.0, (0.0, 0.0, 9.0, 9.0)),)

RULES = st.builds(
    ElevatorRules,
    opening_s=st.floats(1.0, 4.0),
    closing_s=st.floats(1.5, 5.0),
    dwell_s=st.floats(0.0, 8.0),
    travel_s=st.floats(1.0, 4.0),
    nudge_s=st.floats(3.0, 10.0),
    ignore_s=st.floats(0.0, 5.0),
    stops=st.sampled_from([(1,), (1, 6), (2, 5, 3)]),
    tour=st.booleans(),
    recall_floor=st.integers(1, 6),
    fire_ignores_button=st.booleans(),
)
HOLDS = st.builds(
    lambda pulse_s, pause_s, rejoin_s, cap_s: HoldRules(
        **HoldSettings(pulse_s=pulse_s, pause_s=pause_s, rejoin_s=rejoin_s, cap_s=cap_s).model_dump()
    ),
    pulse_s=st.floats(1.0, 19.0),
    pause_s=st.floats(1.0, 30.0),
    rejoin_s=st.floats(2.0, 20.0),
    cap_s=st.floats(20.0, 120.0),
)
"""Every pulse and pause that a settings file may ask for: the settings refuse the rest."""


@dataclass
class Part:
    """A stretch of the story, in ticks."""

    ticks: int
    seen: tuple[Sighting, ...] = ()
    button: bool = False
    blocked: bool = False
    calls: tuple[int, ...] = ()
    inhibited: bool = False


PARTS = st.lists(
    st.builds(
        Part,
        ticks=st.integers(1, 200),
        seen=st.sampled_from([(), BIKE, BIKE, DOUBT]),
        button=st.booleans(),
        blocked=st.booleans(),
        calls=st.lists(st.integers(1, 6), max_size=2).map(tuple),
        inhibited=st.sampled_from([False, False, False, True]),
    ),
    max_size=8,
)


def check(sim: ElevatorSim, rules: ElevatorRules) -> None:
    """What is true of any elevator."""
    assert 0.0 <= sim.opening <= 1.0
    assert not (sim.moving and sim.opening > 0.0), "it drives with its door open"
    assert sim.opening == {"open": 1.0, "protective_stop": 1.0, "closed": 0.0}.get(sim.position, sim.opening)
    assert rules.lowest <= sim.floor <= rules.highest
    assert not sim.nudging or sim.position == "closing"


@settings(max_examples=30, deadline=None)
@given(RULES, PARTS, st.booleans())
def test_the_rig_is_an_elevator_whatever_happens_to_it(
    rules: ElevatorRules, story: list[Part], fire: bool
) -> None:
    sim, now_s = initial(0.0, rules), 0.0
    for number, part in enumerate(story):
        for tick in range(part.ticks):
            now_s += TICK_S
            before = sim
            sim = step(
                sim,
                now_s,
                rules,
                button=part.button,
                blocked=part.blocked,
                calls=part.calls if tick == 0 else (),
                fire=fire and number % 3 == 2,
            )
            check(sim, rules)
            assert abs(sim.floor - before.floor) <= 1
            assert sim.floor == before.floor or before.moving


@settings(max_examples=15, deadline=None)
@given(RULES, HOLDS, PARTS)
def test_the_pulses_of_the_hold_never_drive_the_elevator_into_protective_stop(
    rules: ElevatorRules, hold_rules: HoldRules, story: list[Part]
) -> None:
    """Any settings, any vehicles, camera always fresh: the relay alone never holds for `EFFECTIVE_S`."""
    sim, hold, now_s = initial(0.0, rules), hold_initial(0.0), 0.0
    for part in [*story, Part(900, BIKE)]:
        for tick in range(part.ticks):
            now_s += TICK_S
            inputs = Inputs(maintenance=part.inhibited)
            hold, decision = hold_step(hold, Presence(now_s, part.seen), inputs, now_s, hold_rules)
            calls = part.calls if tick == 0 else ()
            sim = step(sim, now_s, rules, button=decision.energise, calls=calls)
            assert sim.position != "protective_stop"
            assert sim.held_s < EFFECTIVE_S


@settings(max_examples=30, deadline=None)
@given(RULES, HOLDS, PARTS)
def test_with_people_in_the_doorway_too_a_protective_stop_is_never_the_relays_alone(
    rules: ElevatorRules, hold_rules: HoldRules, story: list[Part]
) -> None:
    """Where a stop comes, the doorway was blocked, or somebody pressed, while the relay rested."""
    sim, hold, now_s, others_s = initial(0.0, rules), hold_initial(0.0), 0.0, -1e9
    for part in story:
        for tick in range(part.ticks):
            now_s += TICK_S
            hold, decision = hold_step(hold, Presence(now_s, part.seen), Inputs(), now_s, hold_rules)
            if (part.blocked or part.button) and not decision.energise:
                others_s = now_s
            before = sim
            sim = step(
                sim,
                now_s,
                rules,
                button=decision.energise or part.button,
                blocked=part.blocked,
                calls=part.calls if tick == 0 else (),
            )
            if sim.position == "protective_stop" != before.position:
                assert now_s - others_s < EFFECTIVE_S + TICK_S


@settings(max_examples=30, deadline=None)
@given(RULES, PARTS, st.lists(st.tuples(st.booleans(), st.integers(1, 100)), max_size=30))
def test_fire_recall_arrives_in_time_whatever_the_relay_does(
    rules: ElevatorRules, story: list[Part], presses: list[tuple[bool, int]]
) -> None:
    """The relay may be stuck, chatter or be released: `ElevatorRules.fire_limit_s` holds, doorway clear."""
    sim, now_s = initial(0.0, rules), 0.0
    for part in story:
        for tick in range(part.ticks):
            now_s += TICK_S
            calls = part.calls if tick == 0 else ()
            sim = step(sim, now_s, rules, button=part.button, blocked=part.blocked, calls=calls)
    fire_s = now_s
    pattern = [pressed for pressed, ticks in presses for _ in range(ticks)] or [True]
    while not sim.recalled(rules):
        pressed = pattern[round((now_s - fire_s) / TICK_S) % len(pattern)]
        now_s += TICK_S
        sim = step(sim, now_s, rules, button=pressed, fire=True)
        check(sim, rules)
        assert now_s - fire_s <= rules.fire_limit_s + 5 * TICK_S, "fire recall was disturbed"
    assert sim.floor == rules.recall_floor
    for _ in range(600):
        now_s += TICK_S
        sim = step(sim, now_s, rules, button=pattern[0], fire=True)
        assert sim.recalled(rules), "it stays open there"


@settings(max_examples=30, deadline=None)
@given(RULES, HOLDS, st.integers(1, 800))
def test_with_the_fire_input_wired_the_hold_costs_fire_recall_nothing(
    rules: ElevatorRules, hold_rules: HoldRules, ticks: int
) -> None:
    """Even a controller that obeys the button in fire recall: the hold lets go with the same tick."""
    obeying = replace(rules, fire_ignores_button=False)
    sim, hold, now_s = initial(0.0, obeying), hold_initial(0.0), 0.0
    alone = sim
    for n in range(ticks + 3000):
        now_s += TICK_S
        fire = n >= ticks
        hold, decision = hold_step(hold, Presence(now_s, BIKE), Inputs(fire=fire), now_s, hold_rules)
        assert not (fire and decision.energise)
        sim = step(sim, now_s, obeying, button=decision.energise, fire=fire)
        if not fire:
            alone = sim
        else:
            alone = step(alone, now_s, obeying, fire=True)
            assert sim == replace(alone, held_s=sim.held_s)
        if sim.recalled(rules):
            break
    assert sim.recalled(rules)
