"""The inhibiting contacts on mock pins: closed is normal, open inhibits."""

from __future__ import annotations

from typing import Any

import pytest

from hardware.hold import Inputs
from hardware.inputs import GpioInputs, NoInputs
from hardware.relay_gpio import pin_factory
from vision.errors import ConfigError, RelayError


def test_no_inputs_never_inhibit() -> None:
    reader = NoInputs()
    assert reader.read() == Inputs()
    reader.close()


@pytest.mark.parametrize("name", ["fire", "inspection", "maintenance"])
def test_an_open_contact_inhibits_and_a_closed_one_does_not(name: str) -> None:
    factory = pin_factory("mock")
    reader = GpioInputs(**{name: 5}, pin_factory=factory)
    pin: Any = factory.pin(5)
    assert pin.pull == "up"
    assert reader.read().inhibit_reason == name, "a wire that is not there inhibits"
    pin.drive_low()  # the contact closes to ground
    assert reader.read() == Inputs()
    pin.drive_high()  # it opens, or the wire breaks
    assert reader.read() == Inputs(**{name: True})
    reader.close()


def test_contacts_that_are_not_wired_say_nothing() -> None:
    factory = pin_factory("mock")
    reader = GpioInputs(fire=5, pin_factory=factory)
    factory.pin(5).drive_low()
    assert reader.read() == Inputs()


def test_two_inputs_on_one_pin_are_refused() -> None:
    with pytest.raises(ConfigError, match="share a GPIO pin"):
        GpioInputs(fire=5, inspection=5, pin_factory=pin_factory("mock"))


def test_a_pin_that_cannot_be_used_is_an_error() -> None:
    with pytest.raises(RelayError, match="GPIO 99 for the inspection input"):
        GpioInputs(fire=5, inspection=99, pin_factory=pin_factory("mock"))


def test_closed_inputs_cannot_be_read() -> None:
    reader = GpioInputs(fire=5, pin_factory=pin_factory("mock"))
    reader.close()
    with pytest.raises(RelayError, match="cannot read"):
        reader.read()
