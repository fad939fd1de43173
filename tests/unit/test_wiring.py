"""From settings to parts: which relay is real, which limits hold, and what is refused."""

from typing import Any

import pytest

from api import wiring
from api.load import load_settings
from api.main import build_relay, build_rules
from api.settings import ElevatorSettings
from hardware.hold import HoldRules
from hardware.relay_gpio import on_raspberry_pi
from vision.errors import ConfigError


def elevator(**relay: Any) -> ElevatorSettings:
    return load_settings(env={}, overrides={f"elevators.0.relay.{k}": v for k, v in relay.items()}).elevators[
        0
    ]


@pytest.mark.parametrize(
    ("relay", "on_pi", "simulated"),
    [
        ({}, True, True),
        ({}, False, True),
        ({"pin": 17}, True, False),
        ({"pin": 17}, False, True),
        ({"pin": 17, "driver": "gpio"}, False, False),
        ({"pin": 17, "driver": "simulated"}, True, True),
    ],
)
def test_which_relay_is_real(
    relay: dict[str, Any], on_pi: bool, simulated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.wiring.on_raspberry_pi", lambda: on_pi)
    assert wiring.relay_is_simulated(elevator(**relay)) is simulated


def test_a_real_relay_needs_a_pin() -> None:
    with pytest.raises(ConfigError, match=r"relay\.pin"):
        wiring.relay_is_simulated(elevator(driver="gpio"))


def test_a_pin_that_is_not_used_is_told(caplog: pytest.LogCaptureFixture) -> None:
    if on_raspberry_pi():
        pytest.skip("this is a Raspberry Pi: the pin would be used")
    build_relay(elevator(pin=17)).close()
    assert "GPIO 17 is not used" in caplog.text


def test_settings_and_rules_have_the_same_defaults() -> None:
    assert build_rules(load_settings(env={}).elevators[0]) == HoldRules()


@pytest.mark.parametrize(
    "hold",
    [{"stale_s": 3, "release_s": 0.5}, {"rejoin_s": 0, "release_s": 2}, {"cap_s": 5, "pulse_s": 18}],
)
def test_limits_that_contradict_each_other_are_refused_when_read(hold: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"hold\."):
        load_settings(env={}, overrides={f"elevators.0.hold.{k}": v for k, v in hold.items()})
