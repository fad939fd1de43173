"""What the elevator tells us: the contacts that inhibit the hold."""

from __future__ import annotations

from typing import Any, Protocol

from gpiozero import InputDevice
from gpiozero.exc import GPIOZeroError

from hardware.values import Inputs
from vision.errors import ConfigError, RelayError


class InputReader(Protocol):
    """Reads the inhibiting inputs. `read` never blocks; it is called on every tick."""

    def read(self) -> Inputs:
        """The inputs at this moment. Raises RelayError if a pin cannot be read."""
        ...

    def close(self) -> None:
        """Free the pins; idempotent."""
        ...


class NoInputs:
    """An installation without input wiring: nothing ever inhibits."""

    def read(self) -> Inputs:
        """All clear."""
        return Inputs()

    def close(self) -> None:
        """Nothing to free."""


class GpioInputs:
    """Volt-free, normally closed contacts to ground, each on a pin with pull-up.

    Closed is normal, open inhibits: a broken wire or a pulled plug inhibits too.

    Args:
        fire, inspection, maintenance: BCM pin numbers; None for a contact that is not wired.
        pin_factory: as for `hardware.relay_gpio.GpioRelay`.

    Raises: ConfigError if one pin is named twice; RelayError if a pin cannot be claimed.
    """

    def __init__(
        self,
        *,
        fire: int | None = None,
        inspection: int | None = None,
        maintenance: int | None = None,
        pin_factory: Any = None,
    ) -> None:
        wired = {"fire": fire, "inspection": inspection, "maintenance": maintenance}
        pins = {name: pin for name, pin in wired.items() if pin is not None}
        if len(set(pins.values())) < len(pins):
            raise ConfigError(f"two inputs share a GPIO pin: {pins}; give each its own")
        self._devices: dict[str, Any] = {}
        for name, pin in pins.items():
            try:
                self._devices[name] = InputDevice(pin, pull_up=True, pin_factory=pin_factory)
            except (GPIOZeroError, OSError) as exc:
                self.close()
                raise RelayError(f"cannot use GPIO {pin} for the {name} input: {exc}") from exc

    def read(self) -> Inputs:
        """See `InputReader.read`."""
        try:
            return Inputs(**{name: not device.value for name, device in self._devices.items()})
        except (GPIOZeroError, OSError) as exc:
            raise RelayError(f"cannot read the inhibiting inputs {sorted(self._devices)}: {exc}") from exc

    def close(self) -> None:
        """See `InputReader.close`."""
        for device in self._devices.values():
            device.close()
