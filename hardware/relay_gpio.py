"""A relay on a GPIO pin of this machine, through gpiozero, and how its pins are chosen."""

from __future__ import annotations

import atexit
import importlib
import logging
import threading
from pathlib import Path
from typing import Any, Final, Literal

from gpiozero import OutputDevice
from gpiozero.exc import GPIOZeroError

from vision.errors import ConfigError, RelayError

log = logging.getLogger(__name__)

FactoryName = Literal["auto", "lgpio", "mock"]

_MODEL_FILE: Final = Path("/proc/device-tree/model")  # the kernel's device tree names the board here


class GpioRelay:
    """A relay on one GPIO pin, through gpiozero.

    Args:
        pin: BCM number.
        active_high: False for relay boards that pull in when their input is low. At start such a board may
            see "energise" for a moment, because the pin becomes an output before its level is set (lgpio:
            https://github.com/gpiozero/gpiozero/pull/1177). Prefer boards that pull in on a high level.
        pin_factory: a gpiozero pin factory, see `pin_factory`. None: gpiozero's own default.

    Closing a gpiozero device turns its pin into an input, which leaves the level to the board's own resistor.
    The relay is therefore released first, and the board must stay released with its input open.

    Raises: RelayError if the pin cannot be claimed or is not released after claiming it.
    """

    def __init__(self, pin: int, *, active_high: bool = True, pin_factory: Any = None) -> None:
        self.pin = pin
        self._lock = threading.Lock()
        self._errors = gpio_errors()
        try:
            self._device: Any = OutputDevice(
                pin, active_high=active_high, initial_value=False, pin_factory=pin_factory
            )
        except self._errors as exc:
            raise RelayError(
                f"cannot use GPIO {pin} for the relay: {exc}; check the pin number, that no other program "
                "uses it, and that this user may open /dev/gpiochip*"
            ) from exc
        self._closed = False
        atexit.register(self.close)  # gpiozero's own hook closes only devices of its default factory
        if self.energised:
            self.close()
            raise RelayError(f"GPIO {pin} reads energised right after it was released: check the wiring")

    def set(self, energised: bool) -> None:
        """See `Relay.set`."""
        with self._lock:
            if self._closed:
                raise RelayError(f"the relay on GPIO {self.pin} is closed: open a new one")
            try:
                self._device.value = energised
                read = bool(self._device.value)
            except self._errors as exc:
                raise RelayError(f"cannot set the relay on GPIO {self.pin} to {energised}: {exc}") from exc
            if read is not energised:
                raise RelayError(
                    f"the relay on GPIO {self.pin} was set to {energised} and reads {read}: check the wiring"
                )

    @property
    def energised(self) -> bool:
        """See `Relay.energised`."""
        with self._lock:
            if self._closed:
                return False
            try:
                return bool(self._device.value)
            except self._errors as exc:
                raise RelayError(f"cannot read the relay on GPIO {self.pin}: {exc}") from exc

    def close(self) -> None:
        """See `Relay.close`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            atexit.unregister(self.close)
            try:
                self._device.off()
                self._device.close()
            except self._errors as exc:
                raise RelayError(f"cannot release the relay on GPIO {self.pin} at the end: {exc}") from exc


def open_relay(pin: int, *, active_high: bool = True, factory: FactoryName = "auto") -> GpioRelay:
    """A `GpioRelay` on a pin factory named in the settings. Raises: ConfigError, RelayError."""
    return GpioRelay(pin, active_high=active_high, pin_factory=pin_factory(factory))


def pin_factory(name: FactoryName) -> Any:
    """A new gpiozero pin factory. Share one among the devices of one board.

    ``lgpio``: real pins of a Raspberry Pi. ``mock``: pins in memory. ``auto``: lgpio on a Raspberry Pi, mock
    elsewhere; on a Raspberry Pi it never falls back to mock: no door would be held and nobody told.

    Raises: ConfigError for another name; RelayError if lgpio or its device is missing.
    """
    if name not in ("auto", "lgpio", "mock"):
        raise ConfigError(f"pin factory {name!r} is unknown: use auto, lgpio or mock")
    if name == "auto":
        name = "lgpio" if on_raspberry_pi() else "mock"
        log.info("pin factory: %s", name)
    if name == "mock":
        return importlib.import_module("gpiozero.pins.mock").MockFactory()
    errors: tuple[type[Exception], ...] = (ImportError, *gpio_errors())
    try:
        return importlib.import_module("gpiozero.pins.lgpio").LGPIOFactory()
    except errors as exc:
        raise RelayError(
            f"cannot open the GPIO pins with lgpio: {exc}; on a Raspberry Pi install lgpio and let this user "
            "open /dev/gpiochip*, elsewhere choose the mock pin factory"
        ) from exc


def on_raspberry_pi(model_file: Path = _MODEL_FILE) -> bool:
    """Whether the device tree says that this is a Raspberry Pi."""
    try:
        return "Raspberry Pi" in model_file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def gpio_errors() -> tuple[type[Exception], ...]:
    """What gpiozero and the library below it raise; `lgpio.error` is a bare `Exception` of its own."""
    try:
        return (GPIOZeroError, OSError, importlib.import_module("lgpio").error)
    except ImportError:
        return (GPIOZeroError, OSError)
