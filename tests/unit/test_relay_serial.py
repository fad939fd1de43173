"""The words of the LC protocol, and what a board that cannot answer means."""

from __future__ import annotations

import pytest

from hardware.relay_serial import SerialBoard, command, parse
from hardware.relay_worker import RemoteRelay
from tests.support.relay_boards import LcBoard
from tests.support.waiting import eventually
from vision.errors import RelayError


def test_commands_are_those_of_the_data_sheet() -> None:
    assert command(1, True) == bytes.fromhex("A0 01 01 A2")
    assert command(1, False) == bytes.fromhex("A0 01 00 A1")
    assert command(8, True) == bytes.fromhex("A0 08 01 A9")


@pytest.mark.parametrize(
    ("answer", "channel", "state"),
    [
        (b"", 1, None),
        (bytes((1, 1, 1, 1, 0, 0, 0, 0)), 4, True),
        (bytes((1, 1, 1, 1, 0, 0, 0, 0)), 5, False),
        (bytes((1, 1)), 3, None),
        (b"CH1: ON\r\nCH2: OFF\r\n", 1, True),
        (b"CH1: ON\r\nCH2: OFF\r\n", 2, False),
        (b"CH1: ON\r\nCH2: O", 2, None),
        (b"CH12: ON\r\n", 1, None),
        (b"garbage", 1, None),
        (b"\xa0\x01\x01\xa2", 1, None),
    ],
)
def test_answers(answer: bytes, channel: int, state: bool | None) -> None:
    assert parse(answer, channel) is state


def test_a_board_that_cannot_answer_is_confirmed_by_sending_alone() -> None:
    lc = LcBoard()
    lc.mood.silent = True
    relay = RemoteRelay(SerialBoard(lc.device, read_back=False), stale_s=20.0, wait_s=20.0)
    relay.set(True)
    relay.close()
    eventually(lambda: lc.mood.levels == [False, True, False], what=lambda: lc.mood.levels)
    lc.unplug()


def test_a_board_that_cannot_answer_but_should_is_told_of_with_advice() -> None:
    lc = LcBoard()
    lc.mood.silent = True
    board = SerialBoard(lc.device, timeout_s=0.05)
    with pytest.raises(RelayError, match="read_back = false"):
        board.read()
    lc.unplug()


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(RelayError, match="did not take False"):
        SerialBoard("/dev/no-such-relay").write(False)
