"""One suite over every relay: what the hold relies on, with exact lists of the levels it went through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hardware.relay import FakeRelay, Relay
from hardware.relay_gpio import GpioRelay, pin_factory
from hardware.relay_modbus import rtu_board, tcp_board
from hardware.relay_serial import SerialBoard
from hardware.relay_worker import Board, RemoteRelay
from tests.support.relay_boards import LcBoard, ModbusServer, Mood, Wire, answer_bytes, answer_lines
from tests.support.waiting import GENEROUS_S
from vision.errors import RelayError


@dataclass
class Wired:
    relay: Relay
    levels: Callable[[], list[bool]]  # energised or not, from start to now
    stop: tuple[Callable[[], None], ...] = ()  # ends what is behind it


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


def remote(board: Board, mood: Mood, *stop: Callable[[], None]) -> Wired:
    # Waits as long as it takes: this suite is about what is done, not how fast (see test_remote_relays).
    relay = RemoteRelay(board, stale_s=GENEROUS_S, first_s=GENEROUS_S, wait_s=GENEROUS_S, lapse_s=GENEROUS_S)
    return Wired(relay, lambda: list(mood.levels), stop)


def modbus_tcp() -> Wired:
    server = ModbusServer()
    return remote(tcp_board("127.0.0.1", port=server.port, coil=3, timeout_s=5.0), server.mood, server.stop)


def modbus_rtu() -> Wired:
    wire = Wire()
    server = ModbusServer(device=wire.far)
    board = rtu_board(wire.near, baud_rate=115200, coil=3, timeout_s=5.0)
    return remote(board, server.mood, server.stop, wire.close)


def serial_bytes() -> Wired:
    lc = LcBoard(answer_bytes, channel=2)
    return remote(SerialBoard(lc.device, channel=2, timeout_s=5.0), lc.mood, lc.unplug)


def serial_lines() -> Wired:
    lc = LcBoard(answer_lines, channels=4, channel=4)
    return remote(SerialBoard(lc.device, channel=4, timeout_s=5.0), lc.mood, lc.unplug)


MADE = [fake, gpio_active_high, gpio_active_low, modbus_tcp, modbus_rtu, serial_bytes, serial_lines]


@pytest.fixture(params=MADE)
def wired(request: pytest.FixtureRequest) -> Iterator[Wired]:
    made: Wired = request.param()
    yield made
    made.relay.close()
    for stop in made.stop:
        stop()


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
