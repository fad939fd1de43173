"""People and vehicles: they wait for the door, go in, ride or stay, and go out. On the scenario's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from api.simulate.schema import Enters, Who
from hardware.rig.state import ElevatorSim

Place = Literal["landing", "entering", "inside", "doorway", "leaving", "gone"]

PASSING_S: Final[dict[Who, float]] = {
    "person": 1.2,
    "e_bike": 3.0,
    "wheelchair": 3.5,
    "stroller": 2.5,
    "bicycle": 3.0,
    "kick_scooter": 1.5,
}
"""How long each takes through the doorway. Plausible times, measured by nobody."""
ENOUGH: Final = 0.7  # a door this far open is gone through
SURE_CONF: Final = 0.85  # what the scripted detector says of somebody who looks like what they are
CALL_AGAIN_S: Final = 5.0  # somebody who waits presses again


@dataclass(slots=True)
class Actor:
    """One of them."""

    name: str
    does: Enters
    slot: int  # where they stand in the car, 0 to 3
    place: Place = "landing"
    floor: int = 0  # the landing they are at, while outside
    way: float = 0.0  # through the doorway: 0 landing, 1 car
    inside_s: float = 0.0
    heard_s: float = 0.0  # of the voice prompt
    wants_out: bool = False
    called_s: float = -CALL_AGAIN_S

    @property
    def looks(self) -> dict[Who, float]:
        """What the detector sees: class and confidence."""
        return self.does.looks if self.does.looks is not None else {self.does.who: SURE_CONF}

    @property
    def in_car(self) -> bool:
        """Any part of them is in the car or its doorway."""
        return self.place in ("entering", "inside", "doorway", "leaving")

    @property
    def in_doorway(self) -> bool:
        """The light curtain sees them."""
        return self.place in ("entering", "doorway", "leaving")


class Scene:
    """Everybody. `step` moves them; `calls` are the buttons they have pressed since the last step."""

    def __init__(self) -> None:
        self.actors: list[Actor] = []
        self.calls: list[int] = []

    def enters(self, does: Enters, floor: int) -> Actor:
        """Somebody comes to the landing of ``floor``."""
        number = sum(actor.does.who == does.who for actor in self.actors) + 1
        taken = {actor.slot for actor in self.actors if actor.place != "gone"}
        slot = next((slot for slot in range(4) if slot not in taken), len(self.actors) % 4)
        actor = Actor(does.name or f"{does.who}-{number}", does, slot, floor=floor)
        self.actors.append(actor)
        return actor

    def leaves(self, name: str) -> None:
        """Somebody wants out, or no longer in."""
        for actor in self.actors:
            if actor.name == name:
                actor.wants_out = True
                if actor.place == "landing":
                    actor.place = "gone"

    @property
    def blocked(self) -> bool:
        """Somebody stands in the doorway."""
        return any(actor.in_doorway for actor in self.actors)

    def in_car(self, who: Who) -> list[Actor]:
        """Those of a class that are in the car or its doorway."""
        return [actor for actor in self.actors if actor.does.who == who and actor.in_car]

    def step(
        self, now_s: float, dt_s: float, elevator: ElevatorSim, *, voice: bool
    ) -> list[tuple[Actor, str]]:
        """Let ``dt_s`` pass. Returns: who has done what."""
        done: list[tuple[Actor, str]] = []
        self.calls.clear()
        passable = (
            elevator.position in ("open", "opening", "protective_stop") and elevator.opening >= ENOUGH
        ) or (elevator.position == "closing" and elevator.opening >= ENOUGH and not elevator.nudging)
        for actor in self.actors:
            before = actor.place
            self._move(actor, now_s, dt_s, elevator, passable, voice)
            if actor.place != before:
                done.append((actor, actor.place))
        return done

    def _move(
        self, actor: Actor, now_s: float, dt_s: float, elevator: ElevatorSim, passable: bool, voice: bool
    ) -> None:
        does = actor.does
        match actor.place:
            case "landing":
                here = elevator.floor == actor.floor and not elevator.moving
                if here and passable and not elevator.fire:
                    actor.place = "entering"
                elif now_s - actor.called_s >= CALL_AGAIN_S:
                    actor.called_s = now_s
                    self.calls.append(actor.floor)
            case "entering":
                actor.way = min(1.0, actor.way + dt_s / PASSING_S[does.who])
                if does.blocks and actor.way >= 0.5:
                    actor.place = "doorway"
                elif actor.way >= 1.0:
                    actor.place = "inside"
                    if does.to is not None:
                        self.calls.append(does.to)
            case "inside" | "doorway":
                self._stay(actor, now_s, dt_s, elevator, voice)
                if actor.wants_out and (passable or actor.place == "doorway"):
                    actor.place, actor.floor = "leaving", elevator.floor
            case "leaving":
                actor.way = max(0.0, actor.way - dt_s / PASSING_S[does.who])
                if actor.way <= 0.0:
                    actor.place = "gone"

    def _stay(self, actor: Actor, now_s: float, dt_s: float, elevator: ElevatorSim, voice: bool) -> None:
        does = actor.does
        actor.inside_s += dt_s
        actor.heard_s += dt_s if voice else 0.0
        arrived = does.to is not None and does.to == elevator.floor and not elevator.moving
        long = does.stays is not None and actor.inside_s >= does.stays
        asked = does.obeys is not None and actor.heard_s >= does.obeys
        actor.wants_out = (
            actor.wants_out or arrived or long or asked or (elevator.fire and not elevator.moving)
        )
        pressing = does.to is not None and not actor.wants_out and not elevator.moving
        if pressing and now_s - actor.called_s >= CALL_AGAIN_S and does.to is not None:
            actor.called_s = now_s
            self.calls.append(does.to)
