"""Relay boards that tests can break: a real Modbus server on loopback or a pty, and an LC board on a pty."""

from __future__ import annotations

import asyncio
import os
import select
import threading
import tty
from collections.abc import Callable
from dataclasses import dataclass, field

from pymodbus import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hardware.relay_serial import ASK
from tests.support.waiting import GENEROUS_S

COILS = 8


@dataclass
class Mood:
    """How a board behaves, and what it has been through. Change it at any time."""

    silent: bool = False  # takes commands, never answers
    deaf: bool = False  # takes nothing, never answers
    lying: bool = False  # reports the opposite
    slow_s: float = 0.0  # before each answer
    levels: list[bool] = field(default_factory=lambda: [False])
    exchanges: int = 0  # commands seen

    def took(self, energised: bool) -> None:
        self.exchanges += 1
        if energised is not self.levels[-1]:
            self.levels.append(energised)


class ModbusServer:
    """A pymodbus server of 8 coils on a thread of its own; ``device`` puts it on a serial line, else TCP."""

    def __init__(self, mood: Mood | None = None, *, device: str | None = None, port: int = 0) -> None:
        self.mood = mood or Mood()
        self.port = port
        self._device = device
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._server: ModbusTcpServer | ModbusSerialServer | None = None
        self._thread = threading.Thread(target=self._run, name="modbus-server", daemon=True)
        self._thread.start()
        if not self._up.wait(GENEROUS_S):
            raise AssertionError("the Modbus server did not start")

    def stop(self) -> None:
        """Kill it: connections are cut, the port is closed."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(GENEROUS_S)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._up.set()
        self._loop.run_forever()
        assert self._server is not None
        self._loop.run_until_complete(self._server.shutdown())  # type: ignore[no-untyped-call]
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))  # lets transports close
        self._loop.close()

    async def _serve(self) -> None:
        coils = [SimData(0, count=COILS, values=False, datatype=DataType.BITS)]
        unused = [SimData(0, datatype=DataType.BITS)]
        device = SimDevice(id=1, simdata=(coils, unused, unused, unused))
        if self._device is None:
            self._server = ModbusTcpServer(
                device,
                address=("127.0.0.1", self.port),
                trace_pdu=self._pdu,
                trace_packet=self._packet,
            )
        else:
            self._server = ModbusSerialServer(
                device,
                framer=FramerType.RTU,
                port=self._device,
                baudrate=115200,
                trace_pdu=self._pdu,
                trace_packet=self._packet,
            )
        await self._server.serve_forever(background=True)
        if self._device is None:
            assert isinstance(self._server.transport, asyncio.Server)
            self.port = self._server.transport.sockets[0].getsockname()[1]

    def _pdu(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if not sending and pdu.function_code == 5:
            self.mood.took(bool(pdu.bits[0]))
        if sending and self.mood.lying and pdu.function_code == 1:
            pdu.bits = [not bit for bit in pdu.bits]
        return pdu

    def _packet(self, sending: bool, data: bytes) -> bytes:
        if not sending:
            return b"" if self.mood.deaf else data
        if self.mood.slow_s:
            threading.Event().wait(self.mood.slow_s)
        return b"" if self.mood.silent else data


class Wire:
    """Two ptys joined end to end: what is a serial cable between ``near`` and ``far``."""

    def __init__(self) -> None:
        self._fds: list[int] = []
        paths = []
        for _ in range(2):
            master, slave = os.openpty()
            tty.setraw(slave)
            paths.append(os.ttyname(slave))
            self._fds += [master, slave]  # the slave stays open, so that the master never reads "hung up"
        self.near, self.far = paths
        self._reader, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._pump, name="wire", daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        a, b = self._fds[0], self._fds[2]
        while True:
            ready, _, _ = select.select([a, b, self._reader], [], [])
            if self._reader in ready:
                return
            for fd in ready:
                os.write(b if fd == a else a, os.read(fd, 1024))

    def close(self) -> None:
        os.write(self._stop, b"x")
        self._thread.join(GENEROUS_S)
        for fd in (*self._fds, self._reader, self._stop):
            os.close(fd)


def answer_bytes(state: list[bool]) -> bytes:
    """One byte per channel, as the 8-channel boards answer."""
    return bytes(state)


def answer_lines(state: list[bool]) -> bytes:
    """A line per channel, as the LCUS-4 answers."""
    return "".join(f"CH{n}: {'ON' if on else 'OFF'}\r\n" for n, on in enumerate(state, 1)).encode()


class LcBoard:
    """A USB-serial relay board of the LC kind behind a pty; ``channel`` is the one that `Mood` tells of."""

    def __init__(
        self, answer: Callable[[list[bool]], bytes] = answer_bytes, *, channels: int = 8, channel: int = 1
    ) -> None:
        self.mood = Mood()
        self._answer = answer
        self._channel = channel
        self._state = [False] * channels
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.device = os.ttyname(self._slave)
        self._reader, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, name="lc-board", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull the plug; idempotent."""
        if self._thread.is_alive():
            os.write(self._stop, b"x")
            self._thread.join(GENEROUS_S)
            for fd in (self._slave, self._master, self._reader, self._stop):
                os.close(fd)

    def _run(self) -> None:
        got = b""
        while True:
            ready, _, _ = select.select([self._master, self._reader], [], [])
            if self._reader in ready:
                return
            got += os.read(self._master, 64)
            while got:
                if got[:1] == ASK:
                    got = got[1:]
                    self._reply()
                elif got[0] != 0xA0:
                    got = got[1:]
                elif len(got) < 4:
                    break
                else:
                    self._take(got[:4])
                    got = got[4:]

    def _take(self, frame: bytes) -> None:
        _, channel, state, check = frame
        if self.mood.deaf or check != sum(frame[:3]) & 0xFF or not 1 <= channel <= len(self._state):
            return
        self._state[channel - 1] = bool(state)
        if channel == self._channel:
            self.mood.took(bool(state))

    def _reply(self) -> None:
        if self.mood.silent or self.mood.deaf:
            return
        if self.mood.slow_s:
            threading.Event().wait(self.mood.slow_s)
        state = [on is not self.mood.lying for on in self._state]
        os.write(self._master, self._answer(state))
