"""What the settings say about an elevator's wiring."""

from __future__ import annotations

from api.settings import ElevatorSettings
from hardware.relay_gpio import on_raspberry_pi
from vision.errors import ConfigError


def relay_is_simulated(elevator: ElevatorSettings) -> bool:
    """Whether this elevator's relay is a mock pin with a simulated elevator behind it.

    Raises: ConfigError for a real relay without a pin.
    """
    relay = elevator.relay
    if relay.driver == "gpio" and relay.pin is None:
        raise ConfigError(
            f"elevator {elevator.id!r} has relay.driver = 'gpio' but no relay.pin; set the BCM number"
        )
    return relay.driver == "simulated" or (
        relay.driver == "auto" and (relay.pin is None or not on_raspberry_pi())
    )


def inputs_are_simulated(elevator: ElevatorSettings) -> bool:
    """Whether this elevator's inputs are mock pins: only beside a simulated relay, and on a Raspberry Pi only
    with driver `simulated`. A real relay never goes with inputs that nobody reads.
    """
    simulated = relay_is_simulated(elevator)
    return simulated and (elevator.relay.driver == "simulated" or not on_raspberry_pi())


def relay_name(elevator: ElevatorSettings) -> str:
    """Where this elevator's relay is, for a person."""
    relay = elevator.relay
    match relay.driver:
        case "modbus-tcp":
            return f"relay board at {relay.host}:{relay.port}, unit {relay.unit}, coil {relay.coil}"
        case "modbus-rtu":
            return f"relay board on {relay.device}, unit {relay.unit}, coil {relay.coil}"
        case "serial":
            return f"relay board on {relay.device}, channel {relay.channel}"
        case _:
            return "a simulated elevator" if relay_is_simulated(elevator) else f"relay on GPIO {relay.pin}"
