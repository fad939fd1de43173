"""Puts together what an elevator is wired to: its relay and its inhibiting inputs, with the schedule."""

from __future__ import annotations

import logging
from typing import Any, Final

from api.settings import ElevatorSettings, Settings
from api.times import WallClock
from api.wiring import inputs_are_simulated, relay_is_simulated
from hardware.inputs import GpioInputs, InputReader, NoInputs
from hardware.relay import Relay
from hardware.relay_gpio import open_relay, pin_factory
from hardware.relay_modbus import rtu_board, tcp_board
from hardware.relay_serial import SerialBoard
from hardware.relay_worker import Board, RemoteRelay, stale_after
from hardware.schedule import Schedule, ScheduledInputs
from vision.errors import LiftguardError
from vision.types import Clock

log = logging.getLogger(__name__)

MOCK_PIN: Final = 17  # any: pins of the mock factory exist in memory only


def build_board(elevator: ElevatorSettings) -> Board | None:
    """The relay board that the settings name; None for a pin. Nothing is opened or sent yet."""
    relay = elevator.relay
    match relay.driver:
        case "modbus-tcp":
            assert relay.host is not None  # noqa: S101  the settings have refused it
            return tcp_board(
                relay.host, port=relay.port, unit=relay.unit, coil=relay.coil, timeout_s=relay.timeout_s
            )
        case "modbus-rtu":
            assert relay.device is not None  # noqa: S101  the settings have refused it
            return rtu_board(
                relay.device,
                baud_rate=relay.baud_rate,
                parity=relay.parity,
                unit=relay.unit,
                coil=relay.coil,
                timeout_s=relay.timeout_s,
            )
        case "serial":
            assert relay.device is not None  # noqa: S101  the settings have refused it
            return SerialBoard(
                relay.device,
                channel=relay.channel,
                baud_rate=relay.baud_rate,
                read_back=relay.read_back,
                timeout_s=relay.timeout_s,
            )
        case _:
            return None


def build_relay(elevator: ElevatorSettings) -> Relay:
    """The elevator's relay, released; a board that does not answer yet is no error here.

    Raises: ConfigError, RelayError for a pin.
    """
    relay = elevator.relay
    board = build_board(elevator)
    if board is not None:
        return RemoteRelay(board, stale_s=stale_after(relay.timeout_s))
    if relay_is_simulated(elevator):
        if relay.pin is not None and relay.driver == "auto":
            log.warning(
                "%s: this is no Raspberry Pi, so GPIO %d is not used and the relay is simulated; "
                "relay.driver = 'gpio' uses it all the same",
                elevator.id,
                relay.pin,
            )
        return open_relay(
            MOCK_PIN if relay.pin is None else relay.pin, active_high=relay.active_high, factory="mock"
        )
    assert relay.pin is not None  # noqa: S101  relay_is_simulated has refused it
    return open_relay(relay.pin, active_high=relay.active_high, factory="lgpio")


def build_inputs(elevator: ElevatorSettings, clock: Clock) -> InputReader:
    """The elevator's inhibiting inputs. Raises: RelayError if a pin cannot be claimed."""
    wired = elevator.inputs.wired
    if not wired:
        return NoInputs()
    simulated = inputs_are_simulated(elevator)
    factory: Any = pin_factory("mock" if simulated else "lgpio")
    inputs = GpioInputs(
        fire=wired.get("fire"),
        inspection=wired.get("inspection"),
        maintenance=wired.get("maintenance"),
        settle_s=elevator.inputs.settle_s,
        pin_factory=factory,
        clock=clock,
    )
    if simulated:
        log.warning("%s: the inputs are simulated: no contact of the elevator is read", elevator.id)
        for pin in wired.values():
            factory.pin(pin).drive_low()  # closed: a pin in memory would read as a broken wire
    return inputs


def with_schedule(elevator: ElevatorSettings, inputs: InputReader, wall: WallClock) -> InputReader:
    """The inputs, and the times at which this elevator's door is not held."""
    schedule = elevator.schedule
    if not schedule.off:
        return inputs
    return ScheduledInputs(inputs, Schedule.parse(schedule.off, schedule.time_zone), wall)


def let_go_all(settings: Settings) -> int:
    """Release every relay, whatever becomes of the others. Returns the exit code: 1 if one failed."""
    code = 0
    for elevator in settings.elevators:
        try:
            build_relay(elevator).close()
        except LiftguardError as exc:
            log.error("%s: the relay could not be released: %s", elevator.id, exc)
            code = 1
    return code
