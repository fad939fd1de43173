"""A relay on a GPIO pin of this machine: an output pin that is read back after each change."""

from __future__ import annotations

from typing import Any

from hardware.output import OutputPin
from hardware.pins import FactoryName, gpio_errors, on_raspberry_pi, pin_factory
from vision.errors import RelayError

__all__ = ["FactoryName", "GpioRelay", "gpio_errors", "on_raspberry_pi", "open_relay", "pin_factory"]


class GpioRelay:
    """A relay on one GPIO pin, through gpiozero. Thread-safe.

    Args:
        pin: BCM number.
        active_high: False for relay boards that pull in when their input is low. At start such a board may
            see "energise" for a moment, because the pin becomes an output before its level is set (lgpio:
            https://github.com/gpiozero/gpiozero/pull/1177). Prefer boards that pull in on a high level.
        pin_factory: a gpiozero pin factory, see `hardware.pins.pin_factory`. None: gpiozero's own default.

    Closing a gpiozero device turns its pin into an input, which leaves the level to the board's own resistor.
    The relay is therefore released first, and the board must stay released with its input open.

    Raises: RelayError if the pin cannot be claimed or is not released after claiming it.
    """

    def __init__(self, pin: int, *, active_high: bool = True, pin_factory: Any = None) -> None:
        self.pin = pin
        self._output = OutputPin(pin, "relay", active_high=active_high, pin_factory=pin_factory)
        if self.energised:
            self.close()
            raise RelayError(f"GPIO {pin} reads energised right after it was released: check the wiring")

    def set(self, energised: bool) -> None:
        """See `Relay.set`."""
        read = self._output.set(energised)
        if read is not energised:
            raise RelayError(
                f"the relay on GPIO {self.pin} was set to {energised} and reads {read}: check the wiring"
            )

    @property
    def energised(self) -> bool:
        """See `Relay.energised`."""
        return self._output.level

    def close(self) -> None:
        """See `Relay.close`."""
        self._output.close()


def open_relay(pin: int, *, active_high: bool = True, factory: FactoryName = "auto") -> GpioRelay:
    """A `GpioRelay` on a pin factory named in the settings. Raises: ConfigError, RelayError."""
    return GpioRelay(pin, active_high=active_high, pin_factory=pin_factory(factory))
