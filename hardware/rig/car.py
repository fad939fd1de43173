"""The rig's car with its door closed: where it goes next, and the way there. Pure."""

from __future__ import annotations

from dataclasses import replace

from hardware.rig.rules import ElevatorRules
from hardware.rig.state import Acts, ElevatorSim, to


def step_car(sim: ElevatorSim, rules: ElevatorRules, acts: Acts) -> ElevatorSim:
    """Advance a closed car; the time of the step is already in ``sim.since_s``."""
    if sim.moving:
        return sim if sim.since_s < rules.travel_s else _pass(sim, rules)
    if not sim.fire and (acts.button or acts.call):
        return to(sim, "opening")
    if sim.fire or sim.calls:
        goal = rules.recall_floor if sim.fire else next_call(sim)
        if goal == sim.floor:
            return _arrive(sim)
        return sim if sim.since_s < rules.start_s else _leave(sim, goal)
    if not rules.tour or sim.since_s < rules.pause_s:
        return sim
    index = (sim.stop_index + 1) % len(rules.stops)
    sim = replace(sim, stop_index=index, since_s=0.0)
    return to(sim, "opening") if rules.stops[index] == sim.floor else _leave(sim, rules.stops[index])


def next_call(sim: ElevatorSim) -> int:
    """The nearest call ahead in the direction of travel, else the nearest behind. Needs a call."""
    ahead = [floor for floor in sim.calls if (floor - sim.floor) * sim.direction > 0]
    return min(ahead or sim.calls, key=lambda floor: abs(floor - sim.floor))


def _leave(sim: ElevatorSim, goal: int) -> ElevatorSim:
    direction = 1 if goal > sim.floor else -1
    return replace(sim, moving=True, goal=goal, direction=direction, since_s=0.0)


def _pass(sim: ElevatorSim, rules: ElevatorRules) -> ElevatorSim:
    """Reach the next floor: stop there, or go on; for fire recall without stopping and, if need be, back."""
    sim = replace(sim, floor=sim.floor + sim.direction, since_s=0.0)
    goal = sim.goal
    if sim.fire:
        goal = rules.recall_floor
    elif sim.floor in sim.calls:
        goal = sim.floor
    elif sim.calls:
        goal = next_call(sim)
    return _arrive(sim) if goal is None or goal == sim.floor else _leave(sim, goal)


def _arrive(sim: ElevatorSim) -> ElevatorSim:
    sim = replace(sim, moving=False, goal=None, calls=sim.calls - {sim.floor})
    return to(sim, "opening")
