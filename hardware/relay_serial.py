"""USB-serial relay boards that speak the LC protocol (LCUS-1 to LCUS-8 and their many copies, CH340 chip).

Command: ``A0 channel state checksum``, the checksum being the low byte of the sum of the other three.
``A0 01 01 A2`` energises channel 1, ``A0 01 00 A1`` releases it, at 9600 baud; ``FF`` asks for all states.
Sources: sellers' data sheets, e.g. https://tilga.com/prod/5706439 (8 channels; answers one byte 00 or 01 per
channel) and https://github.com/Brasme/usb_ch340_4x_relay_control (LCUS-4; answers lines such as ``CH1: ON``).
The LCUS-1 does not answer ``FF`` at all: nobody can know whether such a board did as told.
"""

from __future__ import annotations

import re
import time
from typing import Final

import serial

from hardware.relay_worker import TIMEOUT_S
from vision.errors import RelayError

ASK: Final = b"\xff"
_LINE: Final = rb"CH0*%d\s*:\s*(ON|OFF)\b"
_POLL_S: Final = 0.001
_ERRORS: Final = (serial.SerialException, OSError, ValueError)  # pyserial lets some of each through


def command(channel: int, energised: bool) -> bytes:
    """The four bytes that switch ``channel``, counted from 1."""
    frame = bytes((0xA0, channel, int(energised)))
    return frame + bytes((sum(frame) & 0xFF,))


def parse(answer: bytes, channel: int) -> bool | None:
    """The state of ``channel`` in what has come so far of an answer to `ASK`; None: not there yet."""
    found = re.search(_LINE % channel, answer)
    if found:
        return found[1] == b"ON"
    if len(answer) >= channel and set(answer) <= {0, 1}:
        return bool(answer[channel - 1])
    return None


class SerialBoard:
    """One channel of an LC board; see `hardware.relay_worker.Board`.

    Args:
        device: e.g. ``/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0``. Nobody else may have it open.
        channel: from 1, as printed on the board.
        read_back: ask for the state after each command. False only for boards that cannot answer: then
            "confirmed" means no more than that the bytes have left for the board.
    """

    def __init__(
        self,
        device: str,
        *,
        channel: int = 1,
        baud_rate: int = 9600,
        read_back: bool = True,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.name = f"the serial relay on {device}, channel {channel}"
        self._device = device
        self._channel = channel
        self._baud_rate = baud_rate
        self._read_back = read_back
        self._timeout_s = timeout_s
        self._port: serial.Serial | None = None

    def write(self, energised: bool) -> None:
        """See `Board.write`. These boards do not answer a command: it counts once its bytes have left."""
        try:
            self._send(command(self._channel, energised))
        except _ERRORS as exc:
            self.drop()
            raise RelayError(f"{self.name} did not take {energised}: {exc}") from exc

    def read(self) -> bool | None:
        """See `Board.read`."""
        try:
            port = self._open()
            if not self._read_back:
                return None
            port.reset_input_buffer()
            self._send(ASK)
            answer, state = b"", None
            end_s = time.monotonic() + self._timeout_s
            while state is None and time.monotonic() < end_s:
                port.timeout = max(_POLL_S, end_s - time.monotonic())
                answer += port.read(max(1, port.in_waiting))
                state = parse(answer, self._channel)
        except _ERRORS as exc:
            self.drop()
            raise RelayError(f"{self.name} could not be read: {exc}") from exc
        if state is None:
            self.drop()
            raise RelayError(
                f"{self.name} answered {answer!r} when asked for its state; if this board cannot answer, "
                "set relay.read_back = false and read docs/relays.md first"
            )
        return state

    def drop(self) -> None:
        """See `Board.drop`."""
        port, self._port = self._port, None
        try:
            if port is not None:
                port.close()
        except _ERRORS:  # the cable is out; there is nothing to close
            return

    def _open(self) -> serial.Serial:
        if self._port is None:
            self._port = serial.Serial(
                self._device,
                self._baud_rate,
                timeout=self._timeout_s,
                write_timeout=self._timeout_s,
                exclusive=True,
            )
        return self._port

    def _send(self, data: bytes) -> None:
        port = self._open()
        port.write(data)
        end_s = time.monotonic() + self._timeout_s
        while port.out_waiting:  # not flush(): tcdrain has no timeout
            if time.monotonic() > end_s:
                raise serial.SerialTimeoutException(f"{port.out_waiting} bytes could not be sent")
            time.sleep(_POLL_S)
