"""From settings to parts: which relay is real, which limits hold, and what is refused."""

import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from api import doctor, wiring
from api.doors import build_door
from api.live import DoorState
from api.load import load_settings
from api.main import build_rules
from api.relays import build_board, build_inputs, build_relay
from api.settings import ElevatorSettings, Settings
from api.supervise import banner
from hardware.door_contacts import DoorContacts
from hardware.hold import HoldRules, Inputs
from hardware.inputs import GpioInputs, NoInputs
from hardware.relay import FakeRelay
from hardware.relay_gpio import on_raspberry_pi, pin_factory
from hardware.relay_modbus import ModbusBoard
from tests.support.relay_boards import LcBoard, ModbusServer
from tests.support.waiting import eventually
from vision.errors import ConfigError, RelayError
from vision.types import Clock


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


def settings(**keys: Any) -> Settings:
    return load_settings(
        env={}, overrides={f"elevators.0.{k.replace('__', '.')}": v for k, v in keys.items()}
    )


@pytest.mark.parametrize(
    ("driver", "on_pi", "simulated"),
    [
        ({"driver": "auto"}, False, True),
        ({"driver": "auto"}, True, False),
        ({"driver": "simulated"}, True, True),
        ({"driver": "gpio", "pin": 17}, False, False),
        ({"driver": "modbus-tcp", "host": "h"}, False, False),
        ({"driver": "serial", "device": "/dev/x"}, False, False),
    ],
)
def test_inputs_are_simulated_only_beside_a_simulated_relay(
    driver: dict[str, Any], on_pi: bool, simulated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.wiring.on_raspberry_pi", lambda: on_pi)
    assert wiring.inputs_are_simulated(elevator(**driver)) is simulated


def test_simulated_inputs_are_closed_and_told(caplog: pytest.LogCaptureFixture) -> None:
    car = settings(relay__driver="simulated", inputs__fire_pin=5, inputs__maintenance_pin=6).elevators[0]
    inputs = build_inputs(car, time.monotonic)
    assert inputs.read() == Inputs()
    assert "no contact of the elevator is read" in caplog.text
    inputs.close()


def test_nothing_wired_never_inhibits() -> None:
    assert isinstance(build_inputs(settings().elevators[0], time.monotonic), NoInputs)


def test_real_inputs_are_never_replaced_by_simulated_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.wiring.on_raspberry_pi", lambda: False)
    monkeypatch.setitem(sys.modules, "lgpio", None)  # not installed
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    car = settings(relay__driver="modbus-tcp", relay__host="h", inputs__fire_pin=5).elevators[0]
    with pytest.raises(RelayError, match="lgpio"):
        build_inputs(car, time.monotonic)


@pytest.mark.parametrize(
    ("relay", "name"),
    [
        ({"driver": "modbus-tcp", "host": "h", "coil": 3}, "relay board at h:502, unit 1, coil 3"),
        ({"driver": "modbus-rtu", "device": "/dev/x", "unit": 7}, "relay board on /dev/x, unit 7, coil 0"),
        ({"driver": "serial", "device": "/dev/x", "channel": 2}, "relay board on /dev/x, channel 2"),
        ({"driver": "gpio", "pin": 17}, "relay on GPIO 17"),
        ({"driver": "simulated", "pin": 17}, "a simulated elevator"),
    ],
)
def test_the_banner_names_the_relay(relay: dict[str, Any], name: str) -> None:
    assert wiring.relay_name(elevator(**relay)) == name
    wired = settings(**{f"relay__{key}": value for key, value in relay.items()})
    assert f"→ {name}" in str(banner(wired).renderable)


def test_a_modbus_relay_from_the_settings_reaches_its_coil() -> None:
    server = ModbusServer()
    relay = build_relay(elevator(driver="modbus-tcp", host="127.0.0.1", port=server.port, coil=5))
    eventually(lambda: server.mood.exchanges > 0)
    relay.set(True)
    eventually(lambda: server.mood.levels == [False, True])
    relay.close()
    assert server.mood.levels == [False, True, False]
    server.stop()


def test_a_serial_relay_from_the_settings_reaches_its_channel() -> None:
    lc = LcBoard(channel=3)
    relay = build_relay(elevator(driver="serial", device=lc.device, channel=3))
    relay.set(True)
    eventually(lambda: lc.mood.levels == [False, True])
    relay.close()
    eventually(lambda: lc.mood.levels == [False, True, False])
    lc.unplug()


def test_an_rtu_board_gets_every_setting() -> None:
    keys = {"device": "/dev/x", "baud_rate": 19200, "parity": "E", "unit": 9, "coil": 2, "timeout_s": 0.3}
    board = build_board(elevator(driver="modbus-rtu", **keys))
    assert isinstance(board, ModbusBoard)
    assert "/dev/x, unit 9, coil 2" in board.name
    line = board.client.comm_params
    assert (line.baudrate, line.parity, line.timeout_connect) == (19200, "E", 0.3)


def relay_findings(config: Settings) -> list[tuple[str, str, str]]:
    return [(f.check, f.status, f.said) for f in doctor._relays(config)]


def test_doctor_asks_a_board_and_never_tells_it_anything() -> None:
    server = ModbusServer()
    config = settings(relay__driver="modbus-tcp", relay__host="127.0.0.1", relay__port=server.port)
    [(check, status, said)] = relay_findings(config)
    assert (check, status) == ("relay car-1", "ok")
    assert said.endswith("answers, released")
    board = build_board(config.elevators[0])
    assert board is not None
    board.write(True)  # a guard that is running
    [(_, status, said)] = relay_findings(config)
    assert status == "warn"
    assert "energised" in said
    assert server.mood.levels == [False, True], "doctor leaves it as it was"
    board.drop()
    server.stop()
    [(_, status, said)] = relay_findings(config)
    assert status == "fail"
    assert "could not be read" in said


def test_doctor_says_what_a_board_cannot() -> None:
    lc = LcBoard()
    config = settings(relay__driver="serial", relay__device=lc.device, relay__read_back=False)
    [(_, status, said)] = relay_findings(config)
    assert status == "warn"
    assert "read_back = false" in said
    assert lc.mood.exchanges == 0
    lc.unplug()


def test_doctor_says_that_inputs_are_simulated() -> None:
    config = settings(relay__driver="simulated", inputs__fire_pin=5)
    assert relay_findings(config)[1] == (
        "inputs car-1",
        "warn",
        "fire on GPIO 5: simulated as closed; no contact of the elevator is read",
    )


def test_doctor_names_the_contact_that_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.doctor.inputs_are_simulated", lambda car: False)
    monkeypatch.setattr(
        "api.doctor.build_inputs", lambda car, clock: GpioInputs(fire=5, pin_factory=pin_factory("mock"))
    )
    [_, (check, status, said)] = relay_findings(settings(inputs__fire_pin=5))
    assert (check, status) == ("inputs car-1", "warn")
    assert "fire open" in said


def test_contacts_of_door_and_floor_reach_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = pin_factory("mock")
    monkeypatch.setattr("api.doors.inputs_are_simulated", lambda car: False)
    monkeypatch.setattr("api.doors.pin_factory", lambda name: factory)
    car = settings(
        relay__driver="modbus-tcp",
        relay__host="h",
        inputs__settle_s=0.05,
        inputs__door_open_pin=20,
        inputs__door_closed_pin=21,
        inputs__floor_pins=[22, 23],
    ).elevators[0]
    door = build_door(car, FakeRelay(), time.monotonic)
    assert door is not None
    for pin in (20, 23):
        factory.pin(pin).drive_low()
    expected = DoorState(position="open", opening=1.0, floor=2, simulated=False)
    eventually(lambda: door.door() == expected)
    factory.pin(21).drive_low()
    eventually(lambda: door.door().position == "fault")
    assert (door.door().opening, door.door().floor) == (None, 2)
    door.close()


def test_beside_a_simulated_relay_the_door_is_simulated_and_that_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    car = settings(relay__driver="simulated", inputs__floor_pins=[5]).elevators[0]
    door = build_door(car, FakeRelay(), time.monotonic)
    assert door is not None
    assert door.door().simulated
    assert "no door or floor contact is read" in caplog.text
    door.close()


def test_no_contacts_no_door() -> None:
    assert build_door(elevator(driver="modbus-tcp", host="h"), FakeRelay(), time.monotonic) is None


def test_doctor_tells_door_floor_and_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = pin_factory("mock")

    def contacts(car: ElevatorSettings, clock: Clock) -> DoorContacts:
        made = DoorContacts(door=(20, 21), floor=(22,), settle_s=0.05, pin_factory=factory, clock=clock)
        for pin in (20, 22):
            factory.pin(pin).drive_low()
        return made

    monkeypatch.setattr("api.doctor.build_contacts", contacts)
    config = settings(
        inputs__settle_s=0.05,
        inputs__door_open_pin=20,
        inputs__door_closed_pin=21,
        inputs__floor_pins=[22],
        schedule__off=["Sat"],
        schedule__time_zone="UTC",
    )
    monkeypatch.setattr("api.doctor.utc_now", lambda: datetime(2026, 3, 7, 12, tzinfo=UTC))
    assert relay_findings(config)[1:] == [
        ("door car-1", "ok", "door open, floor 1"),
        ("schedule car-1", "ok", "it is Sat 12:00 (UTC); not held Sat: off now"),
    ]
    monkeypatch.setattr("api.doctor.utc_now", lambda: datetime(1970, 1, 1, tzinfo=UTC))
    assert relay_findings(config)[2][1] == "fail"
