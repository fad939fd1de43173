"""What only the GPIO relay does, and how the pins are chosen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hardware import pins as pins_module
from hardware.relay import FakeRelay
from hardware.relay_gpio import GpioRelay, on_raspberry_pi, open_relay, pin_factory
from vision.errors import ConfigError, RelayError

REPO = Path(__file__).resolve().parents[2]


def test_an_active_low_relay_is_released_high_from_its_first_output_on() -> None:
    factory = pin_factory("mock")
    pin: Any = factory.pin(4)
    relay = GpioRelay(4, active_high=False, pin_factory=factory)
    relay.set(True)
    relay.close()
    # low while still a floating input, then released (high), energised (low), released (high)
    assert [s.state for s in pin.states] == [False, True, False, True]
    assert pin.function == "input"


def test_the_pin_is_released_before_it_becomes_an_input() -> None:
    factory = pin_factory("mock")
    pin: Any = factory.pin(4)
    relay = GpioRelay(4, pin_factory=factory)
    relay.set(True)
    functions: list[tuple[str, bool]] = []
    plain = pin._set_function

    def noted(value: str) -> None:
        functions.append((value, pin.state))
        plain(value)

    pin._set_function = noted
    relay.close()
    assert functions[-1] == ("input", False)


def test_a_pin_in_use_is_refused_with_advice() -> None:
    factory = pin_factory("mock")
    first = GpioRelay(4, pin_factory=factory)
    with pytest.raises(RelayError, match="no other program"):
        GpioRelay(4, pin_factory=factory)
    first.close()


def test_a_pin_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RelayError, match="GPIO 99"):
        open_relay(99, factory="mock")


def test_a_relay_that_does_not_follow_is_an_error() -> None:
    factory = pin_factory("mock")
    relay = GpioRelay(4, pin_factory=factory)
    pin: Any = factory.pin(4)
    pin._change_state = lambda value: False  # stuck
    with pytest.raises(RelayError, match="set to True and reads False"):
        relay.set(True)
    relay.close()


def test_a_driver_that_breaks_is_a_relay_error() -> None:
    factory = pin_factory("mock")
    relay = GpioRelay(4, pin_factory=factory)
    pin: Any = factory.pin(4)
    pin.function = "input"  # somebody else took the pin
    with pytest.raises(RelayError, match="cannot set GPIO 4 for the relay"):
        relay.set(True)
    with pytest.raises(RelayError, match="cannot free GPIO 4 for the relay"):
        relay.close()


def test_a_fake_that_fails_keeps_its_level() -> None:
    relay = FakeRelay()
    relay.set(True)
    relay.fail = True
    with pytest.raises(RelayError, match="told to fail"):
        relay.set(False)
    assert relay.energised
    relay.fail = False
    relay.close()
    assert relay.states == [False, True, False]


def test_auto_means_mock_pins_where_there_is_no_raspberry_pi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins_module, "on_raspberry_pi", lambda: False)
    assert type(pin_factory("auto")).__name__ == "MockFactory"


def test_auto_on_a_raspberry_pi_never_falls_back_to_mock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins_module, "on_raspberry_pi", lambda: True)
    monkeypatch.setitem(sys.modules, "lgpio", None)  # not installed
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    with pytest.raises(RelayError, match="install lgpio"):
        pin_factory("auto")


def test_an_unknown_factory_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="use auto, lgpio or mock"):
        pin_factory("pigpio")  # type: ignore[arg-type]  # what a settings file might say


@pytest.mark.parametrize(
    ("model", "expected"),
    [("Raspberry Pi 5 Model B Rev 1.0\x00", True), ("Radxa ROCK 5B\x00", False), (None, False)],
)
def test_the_board_is_known_by_its_device_tree(tmp_path: Path, model: str | None, expected: bool) -> None:
    file = tmp_path / "model"
    if model is not None:
        file.write_text(model, encoding="utf-8")
    assert on_raspberry_pi(file) is expected


def test_a_program_that_ends_without_closing_releases(tmp_path: Path) -> None:
    program = """
import atexit
from hardware.relay_gpio import GpioRelay, pin_factory
factory = pin_factory("mock")
pin = factory.pin(17)
atexit.register(lambda: print([s.state for s in pin.states]))  # registered first: runs last
relay = GpioRelay(17, pin_factory=factory)
relay.set(True)
raise SystemExit(3)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (3, "[False, True, False]"), done.stderr
