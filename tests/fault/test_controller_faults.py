"""Whatever fails, the relay lets go and stays released until all is well again."""

from __future__ import annotations

import logging
import math
import threading
import time

import pytest

from hardware.controller import RECOVER_S, HoldController
from hardware.hold import EventEnded, EventStarted, HoldRules, Inputs, Phase, PhaseChanged, Signal
from hardware.relay import FakeRelay
from hardware.slot import PresenceSlot
from vision.errors import RelayError
from vision.types import Presence, Sighting

BIKE = (Sighting(1, "e_bike", "cabin", 0.95, True, 0.0, (0.0, 0.0, 10.0, 10.0)),)


class Bench:
    """A controller holding a door, and switches that break one part each."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.inputs_fail = self.listener_fails = False
        self.relay = FakeRelay()
        self.slot = PresenceSlot()
        self.signals: list[Signal] = []
        self.controller = HoldController(
            self.relay,
            HoldRules(),
            self.slot,
            read_inputs=self.read,
            clock=lambda: self.now_s,
            on_signal=self.hear,
        )
        self.run(1.0)
        assert self.relay.energised

    def read(self) -> Inputs:
        if self.inputs_fail:
            raise RelayError("the input board is gone")
        return Inputs()

    def hear(self, signal: Signal) -> None:
        if self.listener_fails:
            raise RuntimeError("the queue is full")
        self.signals.append(signal)

    def run(self, seconds: float, there: tuple[Sighting, ...] = BIKE) -> list[bool]:
        levels = []
        for _ in range(round(seconds * 20)):
            self.now_s += 0.05
            self.slot.put(Presence(self.now_s, there))
            self.controller.run_once(self.now_s)
            levels.append(self.relay.energised)
        return levels


def test_inputs_that_cannot_be_read_let_the_door_go(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.inputs_fail = True
    assert not any(bench.run(5.0))
    state = bench.controller.state
    assert (state.healthy, state.failures, state.inhibit_reason) == (False, 100, "fault")
    assert "the input board is gone" in state.detail
    assert state.decision.phase is Phase.INHIBITED
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1, "logged once, not per tick"


def test_after_a_fault_the_door_is_held_only_once_all_has_been_well_for_a_while() -> None:
    bench = Bench()
    bench.inputs_fail = True
    bench.run(1.0)
    bench.inputs_fail = False
    assert not any(bench.run(RECOVER_S))
    assert bench.controller.healthy
    assert any(bench.run(1.0))
    assert sum(isinstance(s, EventStarted) for s in bench.signals) == 1, "still the same event"


def test_a_relay_that_fails_is_told_to_let_go_on_every_tick_until_it_does() -> None:
    bench = Bench()
    bench.relay.fail = True
    assert all(bench.run(2.0)), "nothing here can move a stuck relay"
    assert not bench.controller.healthy
    assert "told to fail" in bench.controller.state.detail
    assert bench.controller.state.decision.energise is False
    bench.relay.fail = False
    assert not any(bench.run(RECOVER_S))
    assert bench.controller.healthy


def test_an_event_does_not_stay_open_behind_a_dead_relay() -> None:
    bench = Bench()
    bench.relay.fail = True
    bench.run(1.0)
    bench.run(20.0, ())
    assert [s.outcome for s in bench.signals if isinstance(s, EventEnded)] == ["inhibited"]


def test_a_listener_that_raises_lets_the_door_go_and_loses_only_that_signal() -> None:
    bench = Bench()
    bench.run(20.0)  # PAUSED: the next signal is the end of the pause
    bench.listener_fails = True
    assert not any(bench.run(2.0))
    assert bench.controller.state.failures >= 2  # the end of the pause, and the fault that this was
    bench.listener_fails = False
    assert bench.run(3.0)[-1]


@pytest.mark.parametrize("now_s", [math.nan, math.inf])
def test_a_broken_clock_lets_the_door_go(now_s: float) -> None:
    bench = Bench()
    bench.controller.run_once(now_s)
    assert not bench.relay.energised
    assert not bench.controller.healthy
    assert "finite" in bench.controller.state.detail


def test_a_clock_that_goes_back_lets_the_door_go() -> None:
    bench = Bench()
    bench.controller.run_once(bench.now_s - 0.5)
    assert not bench.relay.energised
    changed = [s for s in bench.signals if isinstance(s, PhaseChanged)]
    assert changed[-1].after is Phase.BLIND


def test_a_loop_that_hangs_is_not_healthy_and_stop_releases() -> None:
    hang, hung = threading.Event(), threading.Event()
    relay, slot = FakeRelay(), PresenceSlot()
    now = [0.0]

    def hear(signal: Signal) -> None:
        if isinstance(signal, EventStarted):
            hung.set()
            hang.wait(60.0)

    def clock() -> float:
        slot.put(Presence(now[0], BIKE))
        return now[0]

    controller = HoldController(relay, HoldRules(), slot, read_inputs=Inputs, clock=clock, on_signal=hear)
    controller.start()
    assert hung.wait(20.0)
    assert relay.energised
    assert controller.healthy
    now[0] = 1.0
    assert not controller.healthy
    assert "has not ticked for 1.0 s" in controller.state.detail
    controller.stop(timeout_s=0.01)
    assert not relay.energised
    hang.set()


def test_a_thread_that_dies_has_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)  # its death is the point
    relay, slot = FakeRelay(), PresenceSlot()
    died = threading.Event()

    def hear(signal: Signal) -> None:
        if isinstance(signal, EventStarted):
            assert relay.energised
            died.set()
            raise SystemExit  # not an Exception: the loop does not survive it

    def clock() -> float:
        slot.put(Presence(time.monotonic(), BIKE))
        return time.monotonic()

    controller = HoldController(relay, HoldRules(), slot, read_inputs=Inputs, clock=clock, on_signal=hear)
    controller.start()
    assert died.wait(20.0)
    until_s, pause = time.monotonic() + 20.0, threading.Event()
    while relay.energised:
        assert time.monotonic() < until_s
        pause.wait(0.005)
    controller.stop(timeout_s=20.0)  # join it while its death is still expected


def test_stop_says_if_the_relay_does_not_let_go() -> None:
    bench = Bench()
    bench.relay.fail = True
    with pytest.raises(RelayError):
        bench.controller.stop()
