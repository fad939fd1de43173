"""Puts together what shows how a door stands: the elevator's contacts, or the simulated elevator."""

from __future__ import annotations

import logging
from typing import Final

from api.live import DoorPosition, DoorState
from api.settings import ElevatorSettings
from api.wiring import inputs_are_simulated, relay_is_simulated
from hardware.door_contacts import DoorContacts, Position
from hardware.relay import Relay
from hardware.relay_gpio import pin_factory
from hardware.rig.elevator import SimulatedElevator
from vision.types import Clock

log = logging.getLogger(__name__)

_OPENING: Final[dict[Position, float]] = {"open": 1.0, "closed": 0.0}


class SimulatedDoor:
    """The simulated elevator as the page shows it."""

    def __init__(self, elevator: SimulatedElevator) -> None:
        self._elevator = elevator
        elevator.start()

    def door(self) -> DoorState:
        """Where the simulated door stands."""
        now = self._elevator.state
        return DoorState(position=now.position, opening=now.opening, floor=now.floor, simulated=True)

    def close(self) -> None:
        """End the simulation."""
        self._elevator.stop()


class WiredDoor:
    """The elevator's own contacts as the page shows them."""

    def __init__(self, contacts: DoorContacts) -> None:
        self._contacts = contacts
        contacts.start()

    def door(self) -> DoorState:
        """Where the contacts say that the door stands."""
        now = self._contacts.reading
        position: DoorPosition = now.position
        return DoorState(
            position=position,
            opening=_OPENING.get(now.position),
            floor=now.floor,
            simulated=False,
            detail=now.detail,
        )

    def close(self) -> None:
        """Free the pins."""
        self._contacts.close()


def build_contacts(elevator: ElevatorSettings, clock: Clock) -> DoorContacts | None:
    """The door and floor contacts on this machine's pins; None if there are none. Raises: RelayError."""
    inputs = elevator.inputs
    if not inputs.door_wired or inputs_are_simulated(elevator):
        return None
    door = None
    if inputs.door_open_pin is not None and inputs.door_closed_pin is not None:
        door = (inputs.door_open_pin, inputs.door_closed_pin)
    return DoorContacts(
        door=door,
        floor=inputs.floor_pins,
        code=inputs.floor_code,
        floors=inputs.floors,
        settle_s=inputs.settle_s,
        pin_factory=pin_factory("lgpio"),
        clock=clock,
    )


def build_door(elevator: ElevatorSettings, relay: Relay, clock: Clock) -> SimulatedDoor | WiredDoor | None:
    """What shows the door, at work; None where nobody knows. Raises: RelayError for a pin."""
    contacts = build_contacts(elevator, clock)
    if contacts is not None:
        return WiredDoor(contacts)
    if relay_is_simulated(elevator):
        if elevator.inputs.door_wired:
            log.warning("%s: the door is a simulated one: no door or floor contact is read", elevator.id)
        return SimulatedDoor(SimulatedElevator(lambda: relay.energised, clock))
    return None
