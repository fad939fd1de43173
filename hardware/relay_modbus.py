"""Modbus relay boards over TCP and RTU: one coil each, written with function 05, read with function 01."""

from __future__ import annotations

import logging
import time
from typing import Final, Literal

from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from hardware.relay_worker import TIMEOUT_S
from vision.errors import RelayError

Parity = Literal["N", "E", "O"]

GAP_CHARACTERS: Final = 4
"""A frame is over after a silence of this many characters: 3.5 in MODBUS over Serial Line V1.02, 2.5.1.1."""
_BITS: Final = 11  # of a character on the line, with start, parity and stop
_GAP_MIN_S: Final = 0.001

logging.getLogger("pymodbus").setLevel(
    logging.CRITICAL
)  # what it logs, our errors say once, not ten a second


class MonotonicSerialClient(ModbusSerialClient):
    """pymodbus's client, waiting on the monotonic clock.

    Its own waits on the wall clock (3.16, ``_wait_for_data``): when that is set back while a board is silent,
    it waits for as long as the clock was set back, and nothing can be told to the board meanwhile.
    """

    def recv(self, size: int | None) -> bytes:  # noqa: ARG002  the framer sees by itself what is whole
        """What has come until a silence; empty after the timeout."""
        port = self.socket
        if port is None:
            raise ConnectionException(str(self))
        gap_s = max(_GAP_MIN_S, GAP_CHARACTERS * _BITS / self.comm_params.baudrate)
        try:
            end_s = time.monotonic() + (port.timeout or 0.0)
            data: bytes = port.read(1)  # waits on the monotonic clock
            while data and time.monotonic() < end_s:
                time.sleep(gap_s)
                if not port.in_waiting:
                    break
                data += port.read(port.in_waiting)
        except OSError as exc:
            self.close()  # type: ignore[no-untyped-call]
            raise ConnectionException(f"{self}: {exc}") from exc
        return data


class ModbusBoard:
    """One coil of a Modbus board; see `hardware.relay_worker.Board`.

    Args:
        client: with ``retries=0`` and a short timeout; the worker repeats.
        name: for messages.
        unit: Modbus unit (slave) number.
        coil: from 0, as on the wire. Manuals that count from 1 mean one less.
    """

    def __init__(self, client: ModbusTcpClient | ModbusSerialClient, name: str, unit: int, coil: int) -> None:
        self.client = client
        self.name = f"the Modbus relay {name}, unit {unit}, coil {coil}"
        self._unit = unit
        self._coil = coil

    def write(self, energised: bool) -> None:
        """See `Board.write`. The board must echo the command."""
        answer = self._ask(f"did not take {energised}", energised)
        if answer is not energised:
            self.drop()
            raise RelayError(f"{self.name} answered {answer} to the command {energised}")

    def read(self) -> bool:
        """See `Board.read`."""
        return self._ask("could not be read", None)

    def drop(self) -> None:
        """See `Board.drop`."""
        try:
            self.client.close()  # type: ignore[no-untyped-call]  # pymodbus leaves it bare
        except OSError:  # the cable is out; there is nothing to close
            self.client.socket = None

    def _ask(self, what: str, energised: bool | None) -> bool:
        answer: ModbusPDU
        try:
            if energised is None:
                answer = self.client.read_coils(self._coil, count=1, device_id=self._unit)
            else:
                answer = self.client.write_coil(self._coil, energised, device_id=self._unit)
        except (ModbusException, OSError, ValueError) as exc:
            self.drop()
            raise RelayError(f"{self.name} {what}: {exc}") from exc
        if answer.isError() or not answer.bits:
            self.drop()
            raise RelayError(f"{self.name} {what}: it answered {answer}; check unit and coil numbers")
        return bool(answer.bits[0])


def tcp_board(
    host: str, *, port: int = 502, unit: int = 1, coil: int = 0, timeout_s: float = TIMEOUT_S
) -> ModbusBoard:
    """A board on the network. Nothing is sent yet. 502 is the port that IANA registered for Modbus."""
    client = ModbusTcpClient(host, port=port, timeout=timeout_s, retries=0)
    return ModbusBoard(client, f"at {host}:{port}", unit, coil)


def rtu_board(
    device: str,
    *,
    baud_rate: int = 9600,
    parity: Parity = "N",
    unit: int = 1,
    coil: int = 0,
    timeout_s: float = TIMEOUT_S,
) -> ModbusBoard:
    """A board on a serial line (RS-485 adapter), 8 data bits, 1 stop bit. Nothing is sent yet."""
    client = MonotonicSerialClient(device, baudrate=baud_rate, parity=parity, timeout=timeout_s, retries=0)
    return ModbusBoard(client, f"on {device}", unit, coil)
