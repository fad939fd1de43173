"""The hardware watchdog: edges for an external charge pump, made by nothing but a hold loop that is well.

A charge pump passes edges and blocks a steady level, so a relay fed through it drops out when the edges stop,
whatever level the pin is left at: after `kill -9`, with a frozen kernel or a thread that hangs in a call.
"""

from __future__ import annotations

from typing import Protocol

from hardware.output import Output


class Heartbeat(Protocol):
    """What the hold loop tells about itself, on its own thread. Neither call may block."""

    def beat(self) -> None:
        """A tick is done: inputs read, relay set and read back, signals handed over."""
        ...

    def rest(self) -> None:
        """A tick failed, or the loop is not yet well again after one that did."""
        ...


class NoHeartbeat:
    """An installation without watchdog output."""

    def beat(self) -> None:
        """Nobody listens."""

    def rest(self) -> None:
        """Nobody listens."""


class WatchdogPin:
    """Turns its output over on each `beat`, and keeps it low otherwise.

    One edge per tick: 20 edges a second, which is a square wave of 10 Hz, as long as the loop ticks in time.
    An edge comes after its tick, so a late tick makes a late edge and none is made up for.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._high = False

    def beat(self) -> None:
        """One edge. Raises: RelayError if the pin does not take it; the hold then lets go."""
        self._high = not self._high
        self._output.set(self._high)

    def rest(self) -> None:
        """Low, and no edge before the next `beat`. Raises: RelayError if the pin does not take it."""
        self._high = False
        self._output.set(False)
