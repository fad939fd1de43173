"""One suite over every relay: what the hold relies on, with exact lists of the levels it went through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hardware.relay import FakeRelay, Relay
from hardware.relay_gpio import GpioRelay, pin_factory
from vision.errors import RelayError


@dataclass
class Wired:
    relay: Relay
    levels: Callable[[], list[bool]]  # energised or not, from start to now


def fake() -> Wired:
    relay = FakeRelay()
    return Wired(relay, lambda: list(relay.states))


def gpio_active_high() -> Wired:
    factory = pin_factory("mock")
    pin: Any = factory.pin(17)
    return Wired(GpioRelay(17, active_high=True, pin_factory=factory), lambda: [s.state for s in pin.states])


def gpio_active_low() -> Wired:
    factory = pin_factory("mock")
    pin: Any = factory.pin(17)
    relay = GpioRelay(17, active_high=False, pin_factory=factory)
    pin.clear_states()  # before: the pin floats low until it becomes an output, see GpioRelay
    return Wired(relay, lambda: [not s.state for s in pin.states])


@pytest.fixture(params=[fake, gpio_active_high, gpio_active_low])
def wired(request: pytest.FixtureRequest) -> Wired:
    made: Wired = request.param()
    return made


def test_starts_released(wired: Wired) -> None:
    assert wired.levels() == [False]
    assert wired.relay.energised is False


def test_follows_and_is_idempotent(wired: Wired) -> None:
    for energised in (False, True, True, False, False, True):
        wired.relay.set(energised)
        assert wired.relay.energised is energised
    assert wired.levels() == [False, True, False, True]


def test_close_ends_released(wired: Wired) -> None:
    wired.relay.set(True)
    wired.relay.close()
    assert wired.levels() == [False, True, False]
    assert wired.relay.energised is False


def test_close_is_idempotent_and_final(wired: Wired) -> None:
    wired.relay.close()
    wired.relay.close()
    for energised in (True, False):
        with pytest.raises(RelayError, match="closed"):
            wired.relay.set(energised)
    assert wired.levels() == [False]
