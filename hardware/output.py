"""One output pin, low unless told otherwise: the watchdog's charge pump, a beacon, a buzzer."""

from __future__ import annotations

import atexit
import threading
from typing import Any, Protocol

from gpiozero import OutputDevice

from hardware.relay_gpio import gpio_errors
from vision.errors import RelayError


class Output(Protocol):
    """A level that can be set. Low at start and for ever after `close`."""

    def set(self, high: bool) -> None:
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
        pin_factory: as for `hardware.relay_gpio.GpioRelay`.

    Raises: RelayError if the pin cannot be claimed.
    """

    def __init__(self, pin: int, name: str, *, pin_factory: Any = None) -> None:
        self._what = f"GPIO {pin} for the {name}"
        self._lock = threading.Lock()
        self._errors = gpio_errors()
        self._closed = False
        try:
            self._device: Any = OutputDevice(pin, initial_value=False, pin_factory=pin_factory)
        except self._errors as exc:
            raise RelayError(
                f"cannot use {self._what}: {exc}; check the pin number, that no other program uses it, and "
                "that this user may open /dev/gpiochip*"
            ) from exc
        atexit.register(self.close)  # gpiozero's own hook closes only devices of its default factory

    def set(self, high: bool) -> None:
        """See `Output.set`."""
        with self._lock:
            if self._closed:
                raise RelayError(f"{self._what} is closed: open a new one")
            try:
                self._device.value = high
            except self._errors as exc:
                raise RelayError(f"cannot set {self._what}: {exc}") from exc

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
