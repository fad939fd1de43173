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
