"""One output pin, off unless told otherwise: a relay, the watchdog's charge pump, a beacon, a buzzer."""

from __future__ import annotations

import atexit
import threading
from typing import Any, Protocol

from gpiozero import OutputDevice

from hardware.pins import gpio_errors
from vision.errors import RelayError


class Output(Protocol):
    """A level that can be set. Low at start and for ever after `close`."""

    def set(self, high: bool) -> object:
        """Set the level; idempotent. `RelayError` if the pin is closed or does not take it."""
        ...

    def close(self) -> None:
        """Low, and free the pin; idempotent."""
        ...


class OutputPin:
    """An `Output` on one GPIO pin, through gpiozero. Thread-safe.

    Args:
        pin: BCM number.
        name: what the pin drives, for messages.
        active_high: False where "on" is a low level; see `hardware.relay_gpio.GpioRelay`.
        pin_factory: a gpiozero pin factory, see `hardware.pins.pin_factory`. None: gpiozero's own default.

    Raises: RelayError if the pin cannot be claimed.
    """

    def __init__(self, pin: int, name: str, *, active_high: bool = True, pin_factory: Any = None) -> None:
        self._what = f"GPIO {pin} for the {name}"
        self._lock = threading.Lock()
        self._errors = gpio_errors()
        self._closed = False
        try:
            self._device: Any = OutputDevice(
                pin, active_high=active_high, initial_value=False, pin_factory=pin_factory
            )
        except self._errors as exc:
            raise RelayError(
                f"cannot use {self._what}: {exc}; check the pin number, that no other program uses it, and "
                "that this user may open /dev/gpiochip*"
            ) from exc
        atexit.register(self.close)  # gpiozero's own hook closes only devices of its default factory

    def set(self, on: bool) -> bool:
        """See `Output.set`. Returns: the level read back, which a pin that is shorted does not follow."""
        with self._lock:
            if self._closed:
                raise RelayError(f"{self._what} is closed: open a new one")
            try:
                self._device.value = on
                return bool(self._device.value)
            except self._errors as exc:
                raise RelayError(f"cannot set {self._what} to {on}: {exc}") from exc

    @property
    def level(self) -> bool:
        """Read back from the pin, not remembered; False once closed. `RelayError` if it cannot be read."""
        with self._lock:
            if self._closed:
                return False
            try:
                return bool(self._device.value)
            except self._errors as exc:
                raise RelayError(f"cannot read {self._what}: {exc}") from exc

    def close(self) -> None:
        """See `Output.close`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            atexit.unregister(self.close)
            try:
                self._device.off()
                self._device.close()
            except self._errors as exc:
                raise RelayError(f"cannot free {self._what}: {exc}") from exc
