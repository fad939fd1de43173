"""The simulated elevator: door and car in one pure step, and the thread that ticks them against the relay.

The relay's contact is wired to it when there is no elevator: in the demo, in scenarios and in tests a door
shows what the relay did.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from hardware.rig.car import step_car
from hardware.rig.door import step_door
from hardware.rig.rules import ElevatorRules
from hardware.rig.state import Acts, ElevatorSim, initial
from vision.errors import RelayError
from vision.types import Clock

_SUBSTEP_S: Final = 0.05  # long ticks are cut into these, so that no event in between is skipped
_CATCH_UP_S: Final = 60.0  # after a longer gap the time between is not made up for


def step(
    sim: ElevatorSim,
    now_s: float,
    rules: ElevatorRules,
    *,
    button: bool = False,
    blocked: bool = False,
    calls: Collection[int] = (),
    fire: bool = False,
) -> ElevatorSim:
    """Advance to ``now_s``; a step back in time changes nothing.

    Args:
        button: the door-open contact is closed (the relay is energised, or somebody presses).
        blocked: something stands in the doorway.
        calls: floors called since the last step, at landings or in the car. Outside the building: not heard.
        fire: the building's fire recall is on.
    """
    left_s = now_s - sim.t_s
    if left_s < 0:
        return replace(sim, t_s=now_s)
    sim = _hear(sim, rules, calls, fire)
    here = sim.floor in calls and not sim.moving and not fire
    acts = Acts(button, blocked, here, fire)
    left_s = min(left_s, _CATCH_UP_S)
    while left_s > _SUBSTEP_S / 1000:  # not a rounding residue
        dt_s = min(left_s, _SUBSTEP_S)
        left_s -= dt_s
        sim = _substep(sim, dt_s, rules, acts)
    return replace(sim, t_s=now_s)


def _hear(sim: ElevatorSim, rules: ElevatorRules, calls: Collection[int], fire: bool) -> ElevatorSim:
    """Take calls and the recall. Fire recall forgets every call and takes no new one."""
    if fire:
        return replace(sim, calls=frozenset(), fire=True, fire_s=sim.fire_s if sim.fire else 0.0)
    heard = {floor for floor in calls if rules.lowest <= floor <= rules.highest}
    if not sim.moving:
        heard.discard(sim.floor)  # the door says yes at once
    return replace(sim, calls=sim.calls | heard, fire=False)


def _substep(sim: ElevatorSim, dt_s: float, rules: ElevatorRules, acts: Acts) -> ElevatorSim:
    held_s = sim.held_s + dt_s if acts.button or acts.blocked else 0.0
    fire_s = sim.fire_s + dt_s if sim.fire and sim.position != "closed" else 0.0
    sim = replace(sim, since_s=sim.since_s + dt_s, held_s=held_s, fire_s=fire_s)
    return step_car(sim, rules, acts) if sim.position == "closed" else step_door(sim, dt_s, rules, acts)


class SimulatedElevator:
    """Ticks an `ElevatorSim` against a door-open contact.

    Args:
        button: whether the contact is closed, read from the relay's pin: ``lambda: relay.energised``.
        clock: monotonic seconds.
        rules: how the elevator behaves.
        blocked: whether something stands in the doorway.
        fire: whether the building's fire recall is on.
        tick_hz: of the thread that `start` begins.
    """

    def __init__(
        self,
        button: Callable[[], bool],
        clock: Clock,
        rules: ElevatorRules | None = None,
        *,
        blocked: Callable[[], bool] = lambda: False,
        fire: Callable[[], bool] = lambda: False,
        tick_hz: float = 20.0,
    ) -> None:
        self._button = button
        self._clock = clock
        self.rules = rules or ElevatorRules()
        self._blocked = blocked
        self._fire = fire
        self._period_s = 1.0 / tick_hz
        self._lock = threading.Lock()
        self._sim = initial(clock(), self.rules)
        self._called: set[int | None] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> ElevatorSim:
        """The elevator at its latest tick. Thread-safe."""
        with self._lock:
            return self._sim

    def call(self, floor: int | None = None) -> None:
        """Somebody calls it to a floor, or (None) where it stands. Thread-safe."""
        with self._lock:
            self._called.add(floor)

    def tick(self, now_s: float) -> ElevatorSim:
        """Advance to ``now_s``. For a caller with a loop of its own; otherwise use `start`."""
        try:
            button = self._button()
        except RelayError:  # a contact that cannot be read is an open one
            button = False
        blocked, fire = self._blocked(), self._fire()
        with self._lock:
            here = self._sim.floor
            calls = {here if floor is None else floor for floor in self._called}
            self._called.clear()
            self._sim = step(
                self._sim, now_s, self.rules, button=button, blocked=blocked, calls=calls, fire=fire
            )
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
