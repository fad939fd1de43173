"""The inhibiting contacts on mock pins: closed is normal, open inhibits."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.hold import Inputs
from hardware.inputs import SETTLE_S, GpioInputs, NoInputs
from hardware.relay_gpio import pin_factory
from tests.support.fakes import FakeClock
from vision.errors import ConfigError, RelayError


def test_no_inputs_never_inhibit() -> None:
    reader = NoInputs()
    assert reader.read() == Inputs()
    reader.close()


@pytest.mark.parametrize("name", ["fire", "inspection", "maintenance"])
def test_an_open_contact_inhibits_and_a_closed_one_does_not(name: str) -> None:
    factory, clock = pin_factory("mock"), FakeClock()
    pins: dict[str, Any] = {name: 5}
    reader = GpioInputs(**pins, pin_factory=factory, clock=clock)
    pin: Any = factory.pin(5)
    assert pin.pull == "up"
    assert reader.read().inhibit_reason == name, "a wire that is not there inhibits"
    pin.drive_low()  # the contact closes to ground
    clock.now_s += SETTLE_S
    assert reader.read() == Inputs()
    pin.drive_high()  # it opens, or the wire breaks
    assert reader.read() == Inputs(**{name: True})
    reader.close()


def rig(settle_s: float = 0.2) -> tuple[GpioInputs, Any, FakeClock, list[float]]:
    """Inputs with the fire contact closed for long, and the times at which they woke somebody."""
    factory, clock = pin_factory("mock"), FakeClock()
    reader = GpioInputs(fire=5, pin_factory=factory, clock=clock, settle_s=settle_s)
    woken: list[float] = []
    reader.watch(lambda: woken.append(clock.now_s))
    pin = factory.pin(5)
    reader.read()
    pin.drive_low()
    clock.now_s += settle_s
    assert reader.read() == Inputs()
    return reader, pin, clock, woken


def test_only_the_end_of_an_inhibit_is_debounced() -> None:
    reader, pin, clock, _ = rig()
    pin.drive_high()
    assert reader.read().fire, "at once"
    pin.drive_low()
    clock.now_s += 0.1
    assert reader.read().fire
    pin.drive_high()  # it bounces: the time starts over
    pin.drive_low()
    clock.now_s += 0.15
    assert reader.read().fire
    clock.now_s += 0.1
    assert not reader.read().fire


def test_an_opening_that_is_over_before_the_next_tick_inhibits() -> None:
    reader, pin, _, _ = rig()
    pin.drive_high()
    pin.drive_low()
    assert reader.read().fire


def test_an_opening_wakes_once_however_it_chatters() -> None:
    reader, pin, clock, woken = rig()
    for _ in range(50):
        pin.drive_high()
        pin.drive_low()
        clock.now_s += 0.01
    assert len(woken) == 1
    clock.now_s += 0.2
    reader.read()
    pin.drive_high()
    assert len(woken) == 2


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.0, 0.5)), max_size=40),
    st.floats(0.05, 1.0),
)
def test_inhibits_exactly_until_closed_for_long(story: list[tuple[bool, float]], settle_s: float) -> None:
    reader, pin, clock, _ = rig(settle_s)
    open_now, opened_s = False, -math.inf  # as an account of its own
    for contact_open, pass_s in story:
        clock.now_s += pass_s
        if open_now:
            opened_s = clock.now_s  # the reader knows of it by the read below at the latest
            reader.read()
        (pin.drive_high if contact_open else pin.drive_low)()
        open_now = contact_open
        if open_now:
            opened_s = clock.now_s
        assert reader.read().fire is (open_now or clock.now_s - opened_s < settle_s)


def test_contacts_that_are_not_wired_say_nothing() -> None:
    factory = pin_factory("mock")
    reader = GpioInputs(fire=5, pin_factory=factory)
    factory.pin(5).drive_low()
    assert reader.read() == Inputs(), "nothing to wait for: it was closed from the start"


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
