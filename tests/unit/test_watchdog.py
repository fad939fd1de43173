"""The watchdog output makes edges only while the hold loop is well."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from hardware.controller import RECOVER_S, HoldController
from hardware.hold import HoldRules, Inputs
from hardware.output import OutputPin
from hardware.relay import FakeRelay
from hardware.relay_gpio import pin_factory
from hardware.slot import PresenceSlot
from hardware.watchdog import WatchdogPin
from tests.support.waiting import eventually
from vision.errors import RelayError

PIN = 27


class Bench:
    """A controller with a watchdog on a mock pin, ticked by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.inputs_fail = False
        self.relay = FakeRelay()
        factory = pin_factory("mock")
        self.pin: Any = factory.pin(PIN)
        self.output = OutputPin(PIN, "watchdog", pin_factory=factory)
        self.controller = HoldController(
            self.relay,
            HoldRules(),
            PresenceSlot(),
            read_inputs=self.read,
            clock=lambda: self.now_s,
            on_signal=lambda signal: None,
            heartbeat=WatchdogPin(self.output),
        )

    def read(self) -> Inputs:
        if self.inputs_fail:
            raise RelayError("the input board is gone")
        return Inputs()

    def run(self, ticks: int) -> int:
        """Tick, and return the edges that were made."""
        before = len(self.pin.states)
        for _ in range(ticks):
            self.now_s += 0.05
            self.controller.run_once(self.now_s)
        return len(self.pin.states) - before


def test_every_good_tick_is_one_edge() -> None:
    bench = Bench()
    assert bench.run(20) == 20, "20 edges a second: 10 Hz"


def test_a_raising_relay_stops_the_edges_until_all_is_well_for_a_second() -> None:
    bench = Bench()
    bench.run(21)
    bench.relay.fail = True
    assert bench.run(100) <= 1, "at most the fall to low"
    assert bench.pin.state is False
    bench.relay.fail = False
    assert bench.run(round(RECOVER_S * 20)) == 0
    assert bench.run(20) == 20


def test_a_raising_input_stops_the_edges() -> None:
    bench = Bench()
    bench.run(20)
    bench.inputs_fail = True
    assert bench.run(100) <= 1
    assert bench.pin.state is False


def test_a_loop_that_stops_ends_low_and_makes_no_more_edges() -> None:
    bench = Bench()
    bench.run(21)
    bench.controller.stop()
    assert bench.run(5) <= 1
    assert bench.pin.state is False


def test_a_watchdog_output_that_fails_lets_the_door_go_and_is_told() -> None:
    bench = Bench()
    bench.run(20)
    bench.output.close()
    bench.run(50)
    assert not bench.controller.healthy
    assert "GPIO 27 for the watchdog is closed" in bench.controller.state.detail


def test_closing_is_low_idempotent_and_final() -> None:
    bench = Bench()
    bench.run(21)
    bench.output.close()
    bench.output.close()
    assert bench.pin.state is False
    with pytest.raises(RelayError, match="closed"):
        bench.output.set(True)


def test_a_pin_that_is_taken_is_refused() -> None:
    factory = pin_factory("mock")
    OutputPin(PIN, "beacon", pin_factory=factory)
    with pytest.raises(RelayError, match="GPIO 27 for the watchdog"):
        OutputPin(PIN, "watchdog", pin_factory=factory)


def test_a_loop_that_hangs_makes_no_more_edges() -> None:
    factory = pin_factory("mock")
    pin: Any = factory.pin(PIN)
    hang, hung = threading.Event(), threading.Event()
    reads = 0

    def read() -> Inputs:
        nonlocal reads
        reads += 1
        if reads > 10:
            hung.set()
            hang.wait(60.0)
        return Inputs()

    controller = HoldController(
        FakeRelay(),
        HoldRules(),
        PresenceSlot(),
        read_inputs=read,
        clock=time.monotonic,
        on_signal=lambda signal: None,
        heartbeat=WatchdogPin(OutputPin(PIN, "watchdog", pin_factory=factory)),
    )
    controller.start()
    assert hung.wait(20.0)
    assert len(pin.states) - 1 == 10, "one edge for each tick that ended"
    eventually(lambda: (controller.silent_s or 0.0) > 0.3, what="the silence is seen")
    assert len(pin.states) - 1 == 10
    hang.set()
    controller.stop()
    assert controller.silent_s is None
    assert pin.state is False
