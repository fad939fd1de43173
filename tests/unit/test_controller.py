"""The hold controller ticked by hand, and once on its own thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from hardware.controller import HoldController
from hardware.hold import EventEnded, EventStarted, HoldRules, Inputs, Phase, Signal
from hardware.relay import FakeRelay
from hardware.slot import PresenceSlot
from tests.support.waiting import eventually
from vision.types import Presence, Sighting

BIKE = (Sighting(1, "e_bike", "cabin", 0.95, True, 0.0, (0.0, 0.0, 10.0, 10.0)),)


class Bench:
    """A controller on a clock of its own, with a camera that sees what ``there`` says."""

    def __init__(self, rules: HoldRules | None = None) -> None:
        self.now_s = 100.0
        self.inputs = Inputs()
        self.relay = FakeRelay()
        self.slot = PresenceSlot()
        self.signals: list[Signal] = []
        self.relay_when_told: list[bool] = []
        self.controller = HoldController(
            self.relay,
            rules or HoldRules(),
            self.slot,
            read_inputs=lambda: self.inputs,
            clock=lambda: self.now_s,
            on_signal=self.hear,
        )

    def hear(self, signal: Signal) -> None:
        self.signals.append(signal)
        self.relay_when_told.append(self.relay.energised)

    def run(self, seconds: float, there: tuple[Sighting, ...] | None) -> None:
        """Tick at 20 Hz; None: the camera gives nothing new."""
        for _ in range(round(seconds * 20)):
            self.now_s += 0.05
            if there is not None:
                self.slot.put(Presence(self.now_s, there))
            self.controller.run_once(self.now_s)

    def phase(self) -> Phase:
        return self.controller.state.decision.phase


def test_a_slot_gives_the_latest_presence_and_keeps_it() -> None:
    slot = PresenceSlot()
    assert slot.get() is None
    slot.put(Presence(1.0))
    slot.put(Presence(2.0))
    assert slot.get() == slot.get() == Presence(2.0)


def test_holds_and_lets_go() -> None:
    bench = Bench()
    bench.run(1.0, ())
    bench.run(5.0, BIKE)
    assert bench.relay.energised
    assert bench.controller.state.open_event is not None
    bench.run(15.0, ())
    assert bench.relay.states == [False, True, False]
    assert [type(s) for s in bench.signals if isinstance(s, EventStarted | EventEnded)] == [
        EventStarted,
        EventEnded,
    ]
    assert bench.controller.state.open_event is None
    assert bench.controller.healthy


def test_the_relay_is_set_before_anybody_is_told() -> None:
    bench = Bench()
    bench.run(1.0, ())
    bench.run(1.0, BIKE)
    started = next(n for n, s in enumerate(bench.signals) if isinstance(s, EventStarted))
    assert bench.relay_when_told[started]


def test_a_hung_camera_lets_the_door_go() -> None:
    bench = Bench()
    bench.run(1.0, BIKE)
    assert bench.relay.energised
    bench.run(HoldRules().stale_s + 0.1, None)
    assert not bench.relay.energised
    assert bench.phase() is Phase.BLIND


@pytest.mark.parametrize("name", ["fire", "inspection", "maintenance", "schedule_off"])
def test_an_input_releases_on_the_next_tick(name: str) -> None:
    bench = Bench()
    bench.run(1.0, BIKE)
    bench.inputs = Inputs(**{name: True})
    bench.run(0.05, BIKE)
    assert not bench.relay.energised
    assert bench.controller.state.inhibit_reason == name


def test_a_remote_release_lets_go_for_its_time_and_this_vehicle_for_good() -> None:
    bench = Bench()
    bench.run(1.0, BIKE)
    bench.controller.release("a wheelchair user behind it", for_s=5.0)
    bench.run(0.05, BIKE)
    assert not bench.relay.energised
    assert bench.phase() is Phase.INHIBITED
    assert bench.controller.state.inhibit_reason == "remote_release"
    bench.run(6.0, BIKE)
    assert bench.phase() is Phase.COOLDOWN
    assert bench.controller.state.inhibit_reason is None
    bench.run(20.0, ())
    bench.run(1.0, BIKE)
    assert bench.relay.energised, "the next vehicle is held again"


def test_rearm_ends_a_release_early() -> None:
    bench = Bench()
    bench.run(1.0, ())
    bench.controller.release("test", for_s=3600.0)
    bench.run(1.0, ())
    assert bench.phase() is Phase.INHIBITED
    bench.controller.rearm()
    bench.run(4.0, ())
    bench.run(0.2, BIKE)
    assert bench.relay.energised


@pytest.mark.parametrize("for_s", [0.0, -1.0, 1e6, float("nan")])
def test_a_release_has_a_sensible_length(for_s: float) -> None:
    with pytest.raises(ValueError, match="release for"):
        Bench().controller.release("test", for_s=for_s)


def test_kind_a_never_energises_and_still_tells() -> None:
    bench = Bench(HoldRules(kind="A"))
    bench.run(1.0, ())
    bench.run(5.0, BIKE)
    assert bench.controller.state.decision.voice
    bench.run(15.0, ())
    assert bench.relay.states == [False]
    assert any(isinstance(s, EventEnded) and s.hold_s == 0.0 for s in bench.signals)


def test_a_late_tick_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.run(1.0, ())
    bench.now_s += 0.7
    with caplog.at_level(logging.WARNING):
        bench.run(0.5, ())
    assert bench.controller.state.missed_ticks == 1
    assert "after its last tick" in caplog.text


@pytest.mark.parametrize("tick_hz", [0.0, 1.0, 1000.0])
def test_the_tick_rate_is_checked(tick_hz: float) -> None:
    with pytest.raises(ValueError, match="tick_hz"):
        HoldController(
            FakeRelay(),
            HoldRules(),
            PresenceSlot(),
            read_inputs=Inputs,
            clock=time.monotonic,
            on_signal=lambda signal: None,
            tick_hz=tick_hz,
        )


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait on a real condition; 20 s is generous for a busy machine."""
    until_s = time.monotonic() + 20.0
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < until_s, f"never happened: {what}"
        pause.wait(0.005)


def test_on_its_own_thread_it_holds_lets_go_of_a_silent_camera_and_stops_released() -> None:
    relay, slot = FakeRelay(), PresenceSlot()
    controller = HoldController(
        relay,
        HoldRules(stale_s=0.5),
        slot,
        read_inputs=Inputs,
        clock=time.monotonic,
        on_signal=lambda signal: None,
    )

    def see() -> bool:
        slot.put(Presence(time.monotonic(), BIKE))
        return relay.energised

    controller.start()
    with pytest.raises(RuntimeError, match="started before"):
        controller.start()
    wait_for(see, "the door is held")
    wait_for(lambda: not relay.energised, "the camera is silent and the door is let go")
    wait_for(see, "the door is held again")
    controller.stop()
    controller.stop()
    assert not relay.energised
    assert relay.states.count(True) >= 2


def test_a_woken_loop_ticks_at_once() -> None:
    def clock() -> float:
        return time.monotonic() / 1000  # the loop's own timer would take more than a minute

    relay, slot, now = FakeRelay(), PresenceSlot(), [Inputs()]
    controller = HoldController(
        relay,
        HoldRules(),
        slot,
        read_inputs=lambda: now[0],
        clock=clock,
        on_signal=lambda signal: None,
        tick_hz=5.0,
    )
    slot.put(Presence(clock() - 1e-6, BIKE))
    controller.start()
    eventually(lambda: relay.energised, what=lambda: controller.state)
    now[0] = Inputs(fire=True)
    controller.wake()
    eventually(lambda: relay.states == [False, True, False], what=lambda: controller.state)
    assert controller.state.inhibit_reason == "fire"
    controller.stop()
