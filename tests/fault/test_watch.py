"""A dead hold loop: systemd hears no more, every door is let go, guard ends for its supervisor to restart."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from api.watch import EXIT_DEAD, HOPELESS_S, Watch
from hardware.controller import ControllerState, HoldController
from hardware.hold import EventStarted, HoldRules, Inputs, Signal
from hardware.relay import FakeRelay
from hardware.slot import PresenceSlot
from tests.support.fakes import FakeClock
from tests.support.waiting import eventually
from vision.types import Presence, Sighting

BIKE = (Sighting(1, "e_bike", "cabin", 0.95, True, 0.0, (0.0, 0.0, 10.0, 10.0)),)


class FakeSystemd:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.watchdog_s: float | None = 3.0

    def ready(self) -> None:
        self.heard.append("READY")

    def alive(self) -> None:
        self.heard.append("WATCHDOG")

    def stopping(self) -> None:
        self.heard.append("STOPPING")

    def status(self, text: str) -> None:
        self.heard.append(text)


class Car:
    """A real controller on its own thread, in front of an e-bike; `hang` stops it in a call."""

    def __init__(self) -> None:
        self.relay = FakeRelay()
        self.slot = PresenceSlot()
        self.hang, self.go_on = False, threading.Event()
        self.controller = HoldController(
            self.relay,
            HoldRules(),
            self.slot,
            read_inputs=self.read,
            clock=self.clock,
            on_signal=self.hear,
        )

    def clock(self) -> float:
        now_s = time.monotonic()
        self.slot.put(Presence(now_s, BIKE))
        return now_s

    def read(self) -> Inputs:
        if self.hang:
            self.go_on.wait(60.0)
        return Inputs()

    def hear(self, signal: Signal) -> None:
        if isinstance(signal, EventStarted):
            assert self.relay.energised


class Bench:
    def __init__(self, cars: int = 2) -> None:
        self.cars = [Car() for _ in range(cars)]
        self.systemd = FakeSystemd()
        self.codes: list[int] = []
        self.left = threading.Event()
        self.watch = Watch(
            {f"car-{n}": car.controller for n, car in enumerate(self.cars, 1)},
            self.systemd,
            time.monotonic,
            self.leave,
        )

    def leave(self, code: int) -> None:
        self.codes.append(code)
        self.left.set()

    def start(self) -> None:
        for car in self.cars:
            car.controller.start()
        self.watch.start()
        for car in self.cars:
            eventually(lambda car=car: car.relay.energised, what="held")  # type: ignore[misc]

    def stop(self) -> None:
        for car in self.cars:
            car.go_on.set()
            car.controller.stop()
        self.watch.stop()


def test_while_all_is_well_systemd_hears_it_and_the_end_is_announced() -> None:
    bench = Bench()
    bench.start()
    eventually(lambda: bench.systemd.heard.count("WATCHDOG") >= 2)
    bench.watch.stop()
    bench.stop()
    assert "READY" in bench.systemd.heard
    assert bench.systemd.heard[-1] == "STOPPING"
    assert bench.systemd.heard.count("STOPPING") == 1
    assert any("car-1 HOLDING" in text and "car-2 HOLDING" in text for text in bench.systemd.heard)
    assert bench.codes == []


def test_a_loop_that_hangs_lets_every_door_go_and_ends_guard(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.start()
    bench.cars[0].hang = True
    assert bench.left.wait(30.0)
    assert bench.codes == [EXIT_DEAD]
    assert [car.relay.energised for car in bench.cars] == [False, False], "the one that was well too"
    assert "car-1 for" in caplog.text
    told = len([h for h in bench.systemd.heard if h == "WATCHDOG"])
    bench.cars[0].go_on.set()
    bench.stop()
    assert told == len([h for h in bench.systemd.heard if h == "WATCHDOG"])
    assert bench.cars[0].relay.energised is False, "a loop that comes back late does not hold again"


def test_a_loop_that_died_ends_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)  # its death is the point
    bench = Bench(cars=1)
    bench.start()

    def die() -> Inputs:
        raise SystemExit

    monkeypatch.setattr(bench.cars[0].controller, "_read_inputs", die)
    assert bench.left.wait(30.0)
    assert bench.codes == [EXIT_DEAD]
    assert bench.cars[0].relay.energised is False
    bench.stop()


class Scripted:
    """A controller that says what it is told to say."""

    def __init__(self) -> None:
        self.silent_s: float | None = 0.0
        self.stopped = False
        self._real = Car().controller
        self.hangs = False

    @property
    def state(self) -> ControllerState:
        return self._real.state

    def fail(self) -> None:
        self._real._detail = "RelayError: the board is gone"

    def mend(self) -> None:
        self._real._detail = ""

    def stop(self, timeout_s: float) -> None:
        if self.hangs:
            threading.Event().wait(60.0)
        self.stopped = True


def scripted() -> tuple[Scripted, FakeSystemd, list[int], Watch]:
    codes: list[int] = []
    hold, systemd = Scripted(), FakeSystemd()
    return hold, systemd, codes, Watch({"car-1": hold}, systemd, lambda: 0.0, codes.append)


def vouched(watch: Watch, systemd: FakeSystemd) -> bool:
    """Whether systemd hears of a living guard at this look."""
    before = systemd.heard.count("WATCHDOG")
    watch.look()
    return systemd.heard.count("WATCHDOG") > before


def test_one_relay_that_fails_does_not_end_guard_for_the_others() -> None:
    clock, systemd, codes = FakeClock(), FakeSystemd(), list[int]()
    broken, well = Scripted(), Scripted()
    watch = Watch({"car-1": broken, "car-2": well}, systemd, clock, codes.append)
    broken.fail()
    for _ in range(100):  # a week
        clock.now_s += 6048.0
        assert vouched(watch, systemd)
    assert "not well: RelayError: the board is gone" in " ".join(systemd.heard)
    assert not well.stopped
    assert codes == []


def test_when_every_relay_has_failed_for_long_a_new_start_is_tried() -> None:
    clock, systemd, codes = FakeClock(), FakeSystemd(), list[int]()
    holds = [Scripted(), Scripted()]
    watch = Watch({"car-1": holds[0], "car-2": holds[1]}, systemd, clock, codes.append)
    for hold in holds:
        hold.fail()
    assert vouched(watch, systemd)
    clock.now_s = HOPELESS_S - 1
    assert vouched(watch, systemd)
    clock.now_s = HOPELESS_S + 1
    assert not vouched(watch, systemd), "systemd waits WatchdogSec more and starts guard again"
    holds[0].mend()
    clock.now_s += 1
    assert vouched(watch, systemd), "one came back in time"
    holds[0].fail()
    clock.now_s += HOPELESS_S - 1
    assert vouched(watch, systemd), "counted anew"
    assert codes == []


def test_new_starts_for_relays_alone_stay_below_the_limit_of_the_unit() -> None:
    unit = (Path(__file__).parents[2] / "deploy" / "systemd" / "liftguard-guard.service").read_text("utf-8")
    limits = dict(line.split("=", 1) for line in unit.splitlines() if line.startswith("StartLimit"))
    starts = float(limits["StartLimitIntervalSec"]) / HOPELESS_S
    assert starts + 1 < float(limits["StartLimitBurst"]), "or guard would stay down for a broken relay"


def test_one_late_look_after_a_frozen_process_ends_nothing() -> None:
    hold, _, codes, watch = scripted()
    hold.silent_s = 500.0
    watch.look()
    hold.silent_s = 0.02
    watch.look()
    hold.silent_s = 500.0
    watch.look()
    assert (codes, hold.stopped) == ([], False)
    watch.look()
    assert (codes, hold.stopped) == ([EXIT_DEAD], True)


def test_a_loop_that_is_being_stopped_is_not_dead() -> None:
    hold, systemd, codes, watch = scripted()
    hold.silent_s = None
    watch.look()
    watch.look()
    assert codes == []
    assert "WATCHDOG" in systemd.heard


def test_a_relay_that_hangs_too_does_not_keep_guard_from_ending() -> None:
    hold, _, codes, watch = scripted()
    hold.hangs, hold.silent_s = True, 5.0
    watch.look()
    watch.look()
    assert codes == [EXIT_DEAD]


def test_it_really_ends_the_process_whatever_its_threads_do() -> None:
    code = (
        "import atexit, threading\n"
        "from api.watch import EXIT_DEAD, leave_at_once\n"
        "lock = threading.Lock(); lock.acquire(); atexit.register(lock.acquire)\n"
        "threading.Thread(target=lock.acquire).start()\n"
        "leave_at_once(EXIT_DEAD)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], timeout=120, check=False)
    assert ended.returncode == EXIT_DEAD
