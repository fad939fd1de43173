"""The rig's door between two moments: opening, open, protective stop, closing. Pure."""

from __future__ import annotations

from dataclasses import replace

from hardware.rig.rules import FIRE_PATIENCE_S, ElevatorRules
from hardware.rig.state import Acts, ElevatorSim, to


def step_door(sim: ElevatorSim, dt_s: float, rules: ElevatorRules, acts: Acts) -> ElevatorSim:
    """Advance a door that is not closed by ``dt_s``."""
    if sim.fire and sim.floor != rules.recall_floor:
        return _fire(sim, dt_s, rules, acts)
    match sim.position:
        case "opening":
            opening = min(1.0, sim.opening + dt_s / rules.opening_s)
            return replace(sim, opening=opening) if opening < 1.0 else to(sim, "open", opening=1.0)
        case "open":
            return _open(sim, rules, acts)
        case "protective_stop":
            if sim.since_s < rules.ignore_s:
                return sim
            return replace(to(sim, "closing"), nudging=acts.button or acts.blocked)
        case _:
            return _closing(sim, dt_s, rules, acts)


def _fire(sim: ElevatorSim, dt_s: float, rules: ElevatorRules, acts: Acts) -> ElevatorSim:
    """Away from the recall floor the door has one thing to do: close."""
    button = acts.button and not rules.fire_ignores_button
    patient = sim.fire_s < FIRE_PATIENCE_S
    if sim.position == "closing":
        if sim.nudging:
            return _shut(sim, dt_s, rules.nudge_s, stuck=acts.blocked)
        if patient and (button or acts.blocked):
            return to(sim, "opening")
        return _shut(sim, dt_s, rules.closing_s, stuck=acts.blocked)
    if patient and (button or acts.blocked):
        opening = min(1.0, sim.opening + dt_s / rules.opening_s)
        return replace(sim, position="open" if opening >= 1.0 else "opening", opening=opening)
    return replace(to(sim, "closing"), nudging=not patient or rules.fire_ignores_button)


def _open(sim: ElevatorSim, rules: ElevatorRules, acts: Acts) -> ElevatorSim:
    if sim.fire:  # recalled: it stays open for whoever comes out and whoever goes in
        return sim
    if sim.held_s >= rules.protective_stop_s:
        return replace(to(sim, "protective_stop"), held_s=0.0)
    if acts.button or acts.blocked or acts.call:
        return replace(sim, since_s=0.0)
    return to(sim, "closing") if sim.since_s >= rules.dwell_s else sim


def _closing(sim: ElevatorSim, dt_s: float, rules: ElevatorRules, acts: Acts) -> ElevatorSim:
    if sim.fire or (not sim.nudging and (acts.button or acts.blocked or acts.call)):
        return to(sim, "opening")
    return _shut(sim, dt_s, rules.nudge_s if sim.nudging else rules.closing_s, stuck=acts.blocked)


def _shut(sim: ElevatorSim, dt_s: float, whole_s: float, *, stuck: bool) -> ElevatorSim:
    if stuck:
        return sim  # it stands against what is in the way
    opening = max(0.0, sim.opening - dt_s / whole_s)
    return replace(sim, opening=opening) if opening > 0.0 else to(sim, "closed", opening=0.0)
