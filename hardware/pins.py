"""GPIO pins of this machine through gpiozero: how their factory is chosen, and what they may raise."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Any, Final, Literal

from gpiozero.exc import GPIOZeroError

from vision.errors import ConfigError, RelayError

log = logging.getLogger(__name__)

FactoryName = Literal["auto", "lgpio", "mock"]

_MODEL_FILE: Final = Path("/proc/device-tree/model")  # the kernel's device tree names the board here


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
