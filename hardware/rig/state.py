"""The rig's elevator at one moment, and what acts on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from hardware.rig.rules import ElevatorRules

Position = Literal["open", "opening", "closing", "closed", "protective_stop"]


@dataclass(frozen=True, slots=True)
class ElevatorSim:
    """The simulated elevator at one moment."""

    t_s: float
    position: Position
    opening: float  # 0 closed, 1 fully open
    floor: int
    moving: bool = False  # on the way to the next stop, door closed
    nudging: bool = False  # closing slowly, button and light curtain ignored
    since_s: float = 0.0  # seconds in this position, or undisturbed if open
    held_s: float = 0.0  # seconds that the button has been pressed or the doorway blocked, in a row
    stop_index: int = 0  # of `ElevatorRules.stops`: where it stands or goes on its tour
    calls: frozenset[int] = frozenset()  # floors that are called, from landings and from the car
    direction: int = 1  # of travel: 1 up, -1 down; kept at a stop
    goal: int | None = None  # where it drives
    fire: bool = False  # fire recall is on
    fire_s: float = 0.0  # since when the door has been asked to close for it

    @property
    def buzzer(self) -> bool:
        """A sound is given: protective stop, and closing without a protective device."""
        return self.position == "protective_stop" or self.nudging

    def recalled(self, rules: ElevatorRules) -> bool:
        """Fire recall is done: it stands open at the recall floor."""
        return self.fire and self.floor == rules.recall_floor and self.position == "open"


@dataclass(frozen=True, slots=True)
class Acts:
    """What acts on the elevator during a step."""

    button: bool = False  # the door-open contact is closed: the relay is energised, or somebody presses
    blocked: bool = False  # something stands in the doorway: the light curtain sees it, a door stops at it
    call: bool = False  # somebody calls the car to the landing where it stands
    fire: bool = False  # the building's fire recall


def initial(now_s: float, rules: ElevatorRules) -> ElevatorSim:
    """Standing at the first stop with its door closed."""
    return ElevatorSim(now_s, "closed", 0.0, rules.stops[0])


def to(sim: ElevatorSim, position: Position, opening: float | None = None) -> ElevatorSim:
    """Begin a position."""
    opening = sim.opening if opening is None else opening
    return replace(sim, position=position, opening=opening, since_s=0.0, nudging=False)
