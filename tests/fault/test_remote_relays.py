"""Boards at the end of a wire that are silent, slow, lying, gone or back: errors, no hanging, a release."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from hardware.controller import HoldController
from hardware.hold import HoldRules, Inputs
from hardware.relay_modbus import rtu_board, tcp_board
from hardware.relay_serial import SerialBoard
from hardware.relay_worker import Board, RemoteRelay, stale_after
from hardware.slot import PresenceSlot
from tests.support.relay_boards import LcBoard, ModbusServer, Mood, Wire, answer_lines
from tests.support.waiting import eventually
from vision.errors import RelayError
from vision.types import Presence, Sighting

TIMEOUT_S = 0.2


@dataclass
class Rig:
    board: Board
    mood: Mood
    stop: tuple[Callable[[], None], ...]

    def relay(self, **changed: Any) -> RemoteRelay:
        return RemoteRelay(self.board, **{"stale_s": stale_after(TIMEOUT_S), "lapse_s": 60.0, **changed})


def modbus_tcp() -> Rig:
    server = ModbusServer()
    return Rig(tcp_board("127.0.0.1", port=server.port, timeout_s=TIMEOUT_S), server.mood, (server.stop,))


def modbus_rtu() -> Rig:
    wire = Wire()
    server = ModbusServer(device=wire.far)
    board = rtu_board(wire.near, baud_rate=115200, timeout_s=TIMEOUT_S)
    return Rig(board, server.mood, (server.stop, wire.close))


def lc() -> Rig:
    board = LcBoard(answer_lines)
    return Rig(SerialBoard(board.device, timeout_s=TIMEOUT_S), board.mood, (board.unplug,))


@pytest.fixture(params=[modbus_tcp, modbus_rtu, lc])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made: Rig = request.param()
    yield made
    for stop in made.stop:
        stop()


def raises(relay: RemoteRelay, energised: bool, said: str) -> Callable[[], bool]:
    def failed() -> bool:
        try:
            relay.set(energised)
        except RelayError as exc:
            return said in str(exc)
        return False

    return failed


def follows(relay: RemoteRelay, energised: bool) -> Callable[[], bool]:
    def followed() -> bool:
        try:
            relay.set(energised)
            state = relay.energised
        except RelayError:  # not yet confirmed
            return False
        return state is energised

    return followed


def closed_quietly(relay: RemoteRelay) -> None:
    """End the worker of a board that is known to be broken."""
    with pytest.raises(RelayError, match="could not be released at the end"):
        relay.close()


def test_a_silent_board_is_an_error_and_is_released_when_it_speaks_again(rig: Rig) -> None:
    relay = rig.relay()
    eventually(follows(relay, True))
    rig.mood.deaf = True
    eventually(raises(relay, True, "nothing confirmed for"))
    with pytest.raises(RelayError):
        relay.set(False)
    assert rig.mood.levels == [False, True], "a deaf board stays as it was"
    rig.mood.deaf = False
    eventually(lambda: rig.mood.levels == [False, True, False], what=lambda: rig.mood.levels)
    eventually(follows(relay, False))
    relay.close()


def test_a_board_that_does_not_answer_still_gets_the_release(rig: Rig) -> None:
    relay = rig.relay()
    eventually(follows(relay, True))
    rig.mood.silent = True
    eventually(raises(relay, True, "nothing confirmed for"))
    with pytest.raises(RelayError):
        relay.set(False)
    eventually(lambda: rig.mood.levels == [False, True, False], what=lambda: rig.mood.levels)
    closed_quietly(relay)


def test_a_slow_board_is_an_error_and_gets_the_release(rig: Rig) -> None:
    relay = rig.relay()
    eventually(follows(relay, True))
    rig.mood.slow_s = 3 * TIMEOUT_S
    eventually(raises(relay, True, "nothing confirmed for"))
    with pytest.raises(RelayError):
        relay.set(False)
    eventually(lambda: rig.mood.levels[-1] is False)
    rig.mood.slow_s = 0.0
    eventually(follows(relay, False))
    eventually(follows(relay, True))
    relay.close()
    assert rig.mood.levels[-1] is False


def test_a_lying_board_is_an_error_at_once_and_stays_one(rig: Rig) -> None:
    relay = rig.relay(wait_s=20.0)
    relay.set(False)
    rig.mood.lying = True
    with pytest.raises(RelayError, match="told True and reads back False"):
        relay.set(True)
    with pytest.raises(RelayError, match="reads back"):
        relay.energised  # noqa: B018
    eventually(raises(relay, False, "told False and reads back True"))
    rig.mood.lying = False
    eventually(follows(relay, False))
    relay.close()


def test_a_wall_clock_that_is_set_back_keeps_no_silent_board_waiting(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an hour at every look at it: what waits on it waits for ever."""
    relay = rig.relay()
    eventually(follows(relay, True))
    rig.mood.deaf = True
    now_s, hours = time.time(), count()
    monkeypatch.setattr(time, "time", lambda: now_s - 3600.0 * next(hours))
    eventually(raises(relay, True, "nothing confirmed for"))
    with pytest.raises(RelayError):
        relay.set(False)
    rig.mood.deaf = False
    eventually(lambda: rig.mood.levels == [False, True, False], what=lambda: rig.mood.levels)
    monkeypatch.undo()
    relay.close()


def test_set_does_not_wait_for_a_silent_board() -> None:
    server = ModbusServer()
    board = tcp_board("127.0.0.1", port=server.port, timeout_s=15.0)
    relay = RemoteRelay(board, stale_s=60.0)
    server.mood.deaf = True
    start_s = time.monotonic()
    for energised in (True, False, True, False):
        relay.set(energised)
    assert time.monotonic() - start_s < 5.0, "one answer alone would be waited for three times as long"
    server.stop()  # cuts the connection: the worker is free again
    server_again = ModbusServer(port=server.port)
    relay.close()
    assert server_again.mood.levels == [False]
    server_again.stop()


def test_a_board_that_is_killed_and_comes_back_is_told_what_is_wanted() -> None:
    server = ModbusServer()
    relay = RemoteRelay(
        tcp_board("127.0.0.1", port=server.port, timeout_s=TIMEOUT_S), stale_s=0.5, lapse_s=60.0
    )
    eventually(follows(relay, True))
    server.stop()
    eventually(raises(relay, True, "nothing confirmed for"))
    back = ModbusServer(port=server.port)  # comes up released, as boards do
    eventually(follows(relay, True))
    assert back.mood.levels == [False, True]
    relay.close()
    assert back.mood.levels == [False, True, False]
    back.stop()


def test_a_board_that_is_off_at_the_start_does_not_stop_the_start() -> None:
    server = ModbusServer()
    server.stop()
    board = tcp_board("127.0.0.1", port=server.port, timeout_s=TIMEOUT_S)
    relay = RemoteRelay(board, stale_s=0.5, first_s=0.1)
    with pytest.raises(RelayError):
        relay.energised  # noqa: B018
    eventually(raises(relay, False, "Check its power"))
    back = ModbusServer(port=server.port)
    eventually(follows(relay, False))
    relay.close()
    assert back.mood.levels == [False]
    back.stop()


def test_a_board_left_energised_is_released_at_the_start(rig: Rig) -> None:
    rig.board.write(True)  # what a program did that was killed
    assert rig.board.read() is True
    relay = rig.relay(first_s=20.0)
    assert rig.mood.levels == [False, True, False]
    relay.close()


def test_closing_amid_a_change_ends_released(rig: Rig) -> None:
    rig.mood.slow_s = TIMEOUT_S / 4  # so that the worker is still busy with the command before
    relay = rig.relay(wait_s=0.0, first_s=20.0)
    relay.set(True)
    eventually(lambda: rig.mood.levels == [False, True], what=lambda: rig.mood.levels)
    relay.close()
    assert rig.mood.levels == [False, True, False]


def test_a_hold_loop_that_falls_silent_lets_go(rig: Rig) -> None:
    relay = rig.relay(lapse_s=0.3, wait_s=20.0)
    relay.set(True)
    eventually(lambda: rig.mood.levels == [False, True, False], what=lambda: rig.mood.levels)
    relay.close()


def test_the_wanted_state_is_repeated_for_boards_with_a_fail_safe_timer(rig: Rig) -> None:
    relay = rig.relay(refresh_s=0.01)
    eventually(follows(relay, True))
    before = rig.mood.exchanges
    eventually(lambda: rig.mood.exchanges > before + 5)
    assert rig.mood.levels == [False, True]
    relay.close()


def test_a_pulled_plug_is_an_error() -> None:
    lc_board = LcBoard()
    relay = RemoteRelay(SerialBoard(lc_board.device, timeout_s=TIMEOUT_S), stale_s=0.5, lapse_s=60.0)
    eventually(follows(relay, True))
    lc_board.unplug()
    eventually(raises(relay, True, "nothing confirmed for"))
    closed_quietly(relay)


def test_a_board_that_dies_during_a_hold_makes_the_controller_let_go_and_say_so() -> None:
    server = ModbusServer()
    board = tcp_board("127.0.0.1", port=server.port, timeout_s=TIMEOUT_S)
    relay = RemoteRelay(board, stale_s=stale_after(TIMEOUT_S))
    slot, now_s = PresenceSlot(), time.monotonic
    controller = HoldController(
        relay, HoldRules(), slot, read_inputs=Inputs, clock=now_s, on_signal=lambda signal: None
    )

    def look() -> None:
        box = (0.0, 0.0, 10.0, 10.0)
        slot.put(Presence(now_s(), (Sighting(1, "e_bike", "cabin", 0.95, True, 0.0, box),)))

    def holding() -> bool:
        look()
        return server.mood.levels[-1] and controller.healthy

    def unhealthy() -> bool:
        look()
        return not controller.healthy and controller.state.inhibit_reason == "fault"

    controller.start()
    eventually(holding, what=lambda: controller.state)
    server.mood.deaf = True
    eventually(unhealthy, what=lambda: controller.state)
    server.mood.deaf = False
    eventually(lambda: server.mood.levels.count(False) == 2, what=lambda: server.mood.levels)
    eventually(holding, what=lambda: controller.state)
    controller.stop()
    relay.close()
    assert server.mood.levels[-1] is False
    server.stop()
