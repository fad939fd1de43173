"""A simulated elevator: its door, its floor, its door-open button and its protective stop.

The relay's contact is wired to it when there is no elevator: in the demo and in tests, a door shows what the
relay did. `step` is pure; `SimulatedElevator` ticks it on a thread.

The times are typical of passenger elevators with automatic doors, not taken from one make or from a standard.
That a door held for about 20 s makes the controller give up the button, sound a buzzer and close slowly
("nudging") is common practice. EN 81-20 lets a blocked door detector be disregarded after a set time, with a
sound and a closing energy of at most 4 J (Avire, "Implementing EN81 Lift Standards for Door Edges").
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from vision.errors import ConfigError, RelayError
from vision.types import Clock

Position = Literal["open", "opening", "closing", "closed", "protective_stop"]

_SUBSTEP_S: Final = 0.05  # long ticks are cut into these, so that no event in between is skipped
_CATCH_UP_S: Final = 60.0  # after a longer gap the time between is not made up for


@dataclass(frozen=True, slots=True)
class ElevatorRules:
    """How the simulated elevator behaves. Raises ConfigError if a time is negative or there is no stop."""

    opening_s: float = 2.5  # closed to fully open
    closing_s: float = 3.0  # fully open to closed
    dwell_s: float = 4.0  # open and undisturbed before it closes
    pause_s: float = 3.0  # closed at a floor before it opens again or drives on
    travel_s: float = 3.0  # from one floor to the next
    protective_stop_s: float = (
        20.0  # button pressed or doorway blocked for this long in a row: protective stop
    )
    ignore_s: float = 5.0  # protective stop: time that the button is ignored and the buzzer sounds, door open
    nudge_s: float = 6.0  # then fully open to closed, button still ignored
    stops: tuple[int, ...] = (1,)  # floors served in turn, again and again; one: it stays there

    def __post_init__(self) -> None:
        for name in ("opening_s", "closing_s", "travel_s", "nudge_s", "protective_stop_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    f"elevator.{name} is {getattr(self, name)!r}: use a positive time in seconds"
                )
        for name in ("dwell_s", "pause_s", "ignore_s"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"elevator.{name} is {getattr(self, name)!r}: use 0 s or more")
        if not self.stops:
            raise ConfigError("elevator.stops is empty: name at least one floor")


@dataclass(frozen=True, slots=True)
class ElevatorSim:
    """The simulated elevator at one moment."""

    t_s: float
    position: Position
    opening: float  # 0 closed, 1 fully open
    floor: int
    moving: bool = False  # on the way to the next stop, door closed
    nudging: bool = False  # closing slowly, button ignored
    since_s: float = 0.0  # seconds in this position, or undisturbed if open
    held_s: float = 0.0  # seconds that the button has been pressed or the doorway blocked, in a row
    stop_index: int = 0  # of `ElevatorRules.stops`: where it stands or goes


def initial(now_s: float, rules: ElevatorRules) -> ElevatorSim:
    """Standing at the first stop with its door closed."""
    return ElevatorSim(now_s, "closed", 0.0, rules.stops[0])


def step(
    sim: ElevatorSim,
    now_s: float,
    rules: ElevatorRules,
    *,
    button: bool = False,
    blocked: bool = False,
    call: bool = False,
) -> ElevatorSim:
    """Advance to ``now_s``; a step back in time changes nothing.

    Args:
        button: the door-open contact is closed (the relay is energised, or somebody presses).
        blocked: something stands in the light curtain.
        call: somebody calls the car to the landing where it stands.
    """
    left_s = now_s - sim.t_s
    if left_s < 0:
        return replace(sim, t_s=now_s)
    left_s = min(left_s, _CATCH_UP_S)
    while left_s > _SUBSTEP_S / 1000:  # not a rounding residue
        dt_s = min(left_s, _SUBSTEP_S)
        left_s -= dt_s
        sim = _substep(sim, dt_s, rules, button, blocked, call)
    return replace(sim, t_s=now_s)


def _substep(
    sim: ElevatorSim, dt_s: float, rules: ElevatorRules, button: bool, blocked: bool, call: bool
) -> ElevatorSim:
    held_s = sim.held_s + dt_s if button or blocked else 0.0
    sim = replace(sim, since_s=sim.since_s + dt_s, held_s=held_s)
    match sim.position:
        case "closed":
            return _closed(sim, rules, open_it=button or call)
        case "opening":
            opening = min(1.0, sim.opening + dt_s / rules.opening_s)
            return replace(sim, opening=opening) if opening < 1.0 else _to(sim, "open", opening=1.0)
        case "open":
            return _open(sim, rules, hold=button or blocked or call)
        case "protective_stop":
            if sim.since_s < rules.ignore_s:
                return sim
            return replace(_to(sim, "closing"), nudging=button or blocked)
        case "closing":
            return _closing(sim, dt_s, rules, hold=button or blocked or call, blocked=blocked)


def _to(sim: ElevatorSim, position: Position, opening: float | None = None) -> ElevatorSim:
    opening = sim.opening if opening is None else opening
    return replace(sim, position=position, opening=opening, since_s=0.0, nudging=False)


def _open(sim: ElevatorSim, rules: ElevatorRules, *, hold: bool) -> ElevatorSim:
    if sim.held_s >= rules.protective_stop_s:
        return replace(_to(sim, "protective_stop"), held_s=0.0)
    if hold:
        return replace(sim, since_s=0.0)
    return _to(sim, "closing") if sim.since_s >= rules.dwell_s else sim


def _closing(
    sim: ElevatorSim, dt_s: float, rules: ElevatorRules, *, hold: bool, blocked: bool
) -> ElevatorSim:
    if sim.nudging and blocked:
        return sim  # it stands against what is in the way, and does not open
    if hold and not sim.nudging:
        return _to(sim, "opening")
    opening = max(0.0, sim.opening - dt_s / (rules.nudge_s if sim.nudging else rules.closing_s))
    return replace(sim, opening=opening) if opening > 0.0 else _to(sim, "closed", opening=0.0)


def _closed(sim: ElevatorSim, rules: ElevatorRules, *, open_it: bool) -> ElevatorSim:
    if sim.moving:
        if sim.since_s < rules.travel_s:
            return sim
        goal = rules.stops[sim.stop_index]
        floor = sim.floor + (1 if goal > sim.floor else -1)
        sim = replace(sim, floor=floor, since_s=0.0)
        return sim if floor != goal else replace(_to(sim, "opening"), moving=False)
    if open_it:
        return _to(sim, "opening")
    if sim.since_s < rules.pause_s:
        return sim
    index = (sim.stop_index + 1) % len(rules.stops)
    sim = replace(sim, stop_index=index, since_s=0.0)
    return _to(sim, "opening") if rules.stops[index] == sim.floor else replace(sim, moving=True)


class SimulatedElevator:
    """Ticks an `ElevatorSim` against a door-open contact.

    Args:
        button: whether the contact is closed, read from the relay's pin: ``lambda: relay.energised``.
        clock: monotonic seconds.
        rules: how the elevator behaves.
        blocked: whether something stands in the light curtain.
        tick_hz: of the thread that `start` begins.
    """

    def __init__(
        self,
        button: Callable[[], bool],
        clock: Clock,
        rules: ElevatorRules | None = None,
        *,
        blocked: Callable[[], bool] = lambda: False,
        tick_hz: float = 20.0,
    ) -> None:
        self._button = button
        self._clock = clock
        self._rules = rules or ElevatorRules()
        self._blocked = blocked
        self._period_s = 1.0 / tick_hz
        self._lock = threading.Lock()
        self._sim = initial(clock(), self._rules)
        self._called = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> ElevatorSim:
        """The elevator at its latest tick. Thread-safe."""
        with self._lock:
            return self._sim

    def call(self) -> None:
        """Somebody presses the landing button where the car stands (demo: the clip begins). Thread-safe."""
        with self._lock:
            self._called = True

    def tick(self, now_s: float) -> ElevatorSim:
        """Advance to ``now_s``. For a caller with a loop of its own; otherwise use `start`."""
        try:
            button = self._button()
        except RelayError:  # a contact that cannot be read is an open one
            button = False
        blocked = self._blocked()
        with self._lock:
            called, self._called = self._called, False
            self._sim = step(self._sim, now_s, self._rules, button=button, blocked=blocked, call=called)
            return self._sim

    def start(self) -> None:
        """Tick on a thread of its own, in real time."""
        if self._thread is not None:
            raise RuntimeError("the simulated elevator was started before: make a new one")
        self._thread = threading.Thread(target=self._loop, name="simulated-elevator", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread; idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _loop(self) -> None:
        while not self._stop.wait(self._period_s):
            self.tick(self._clock())
