"""What the elevator tells us: the contacts that inhibit the hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from gpiozero import DigitalInputDevice

from hardware.pins import gpio_errors
from hardware.values import Inputs
from vision.errors import ConfigError, RelayError
from vision.types import Clock

SETTLE_S: Final = 0.2  # contacts of relays and key switches bounce for some 10 ms; ten times that


class InputReader(Protocol):
    """Reads the inhibiting inputs. `read` never blocks; it is called on every tick."""

    def read(self) -> Inputs:
        """The inputs at this moment. Raises RelayError if a pin cannot be read."""
        ...

    def watch(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called, on any thread, when an input begins to inhibit. It must not block."""
        ...

    def close(self) -> None:
        """Free the pins; idempotent."""
        ...


class NoInputs:
    """An installation without input wiring: nothing ever inhibits."""

    def read(self) -> Inputs:
        """All clear."""
        return Inputs()

    def watch(self, wake: Callable[[], None]) -> None:
        """Nothing to watch."""

    def close(self) -> None:
        """Nothing to free."""


class GpioInputs:
    """Volt-free, normally closed contacts to ground, each on a pin with pull-up.

    Closed is normal, open inhibits: a broken wire or a pulled plug inhibits too. An opening counts at once,
    even one that is over before the next tick; only the end of an inhibit is debounced: the contact must have
    been closed without a break for ``settle_s``.

    Args:
        fire, inspection, maintenance: BCM pin numbers; None for a contact that is not wired.
        settle_s: see above.
        pin_factory: as for `hardware.relay_gpio.GpioRelay`.

    Raises: ConfigError if one pin is named twice; RelayError if a pin cannot be claimed.
    """

    def __init__(
        self,
        *,
        fire: int | None = None,
        inspection: int | None = None,
        maintenance: int | None = None,
        settle_s: float = SETTLE_S,
        pin_factory: Any = None,
        clock: Clock = time.monotonic,
    ) -> None:
        wired = {"fire": fire, "inspection": inspection, "maintenance": maintenance}
        pins = {name: pin for name, pin in wired.items() if pin is not None}
        if len(set(pins.values())) < len(pins):
            raise ConfigError(f"two inputs share a GPIO pin: {pins}; give each its own")
        self._settle_s = settle_s
        self._clock = clock
        self._lock = threading.Lock()  # guards _open_s
        self._open_s: dict[str, float] = {}  # name -> when it was last known to be open
        self._wake: Callable[[], None] = _nobody
        self._errors = gpio_errors()
        self._devices: dict[str, Any] = {}
        for name, pin in pins.items():
            try:
                self._devices[name] = DigitalInputDevice(pin, pull_up=True, pin_factory=pin_factory)
                self._devices[name].when_deactivated = self._opened(name)
            except self._errors as exc:
                self.close()
                raise RelayError(f"cannot use GPIO {pin} for the {name} input: {exc}") from exc

    def read(self) -> Inputs:
        """See `InputReader.read`."""
        try:
            is_open = {name: not device.value for name, device in self._devices.items()}
        except self._errors as exc:
            raise RelayError(f"cannot read the inhibiting inputs {sorted(self._devices)}: {exc}") from exc
        now_s = self._clock()
        with self._lock:
            for name, opened in is_open.items():
                if opened:
                    self._open_s[name] = now_s
                elif name in self._open_s and now_s - self._open_s[name] >= self._settle_s:
                    del self._open_s[name]
            return Inputs(**dict.fromkeys(self._open_s, True))

    def watch(self, wake: Callable[[], None]) -> None:
        """See `InputReader.watch`. A contact that chatters wakes once, not at each bounce."""
        self._wake = wake

    def close(self) -> None:
        """See `InputReader.close`."""
        for device in self._devices.values():
            device.close()

    def _opened(self, name: str) -> Callable[[], None]:
        """What to do when a contact opens; runs on a thread of the pin factory."""

        def opened() -> None:
            with self._lock:
                known = name in self._open_s
                self._open_s[name] = self._clock()
            if not known:
                self._wake()

        return opened


def _nobody() -> None:
    """Nobody watches yet."""
