"""The Liftguard box under a scenario: guard's own parts on a simulated clock; power, crashes, restarts.

The parts are those of `api.main.build_elevator`, ticked by the scenario instead of by threads: controller,
hold, inputs, schedule, tracks, presence, event book. The relay is a mock pin, and what its contact does when
the program dies is played: a pin keeps its level, a charge pump does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from api.about import version
from api.book import EventBook, Identity, Sink
from api.elevator import Elevator, Parts, whereabouts
from api.latency import LatencyWindow
from api.live import DoorState
from api.main import build_rules
from api.metrics import GuardMetrics
from api.relays import with_schedule
from api.settings import ElevatorSettings
from api.simulate.camera import OPERATING_CONF, SceneCamera
from api.simulate.schema import PINS, Box, Wire
from api.times import WallTime
from hardware.controller import ControllerState, HoldController
from hardware.hold import Signal
from hardware.inputs import GpioInputs, InputReader, NoInputs
from hardware.output import OutputPin
from hardware.relay_gpio import GpioRelay, pin_factory
from hardware.rig.elevator import SimulatedElevator
from hardware.slot import PresenceSlot
from hardware.watchdog import WatchdogPin
from vision.gate import OpenGate
from vision.perceive import Perceiver
from vision.types import Clock
from vision.zones import Zone

RELAY_PIN: Final = 17
WATCHDOG_PIN: Final = 27
PUMP_S: Final = 1.0
"""The charge pump lets go when there was no edge for this long; docs/safety.md asks that of one."""
MODEL: Final = ("scenario", "0" * 64)

Running = Literal["on", "down", "off"]


class RigDoor:
    """The rig's door as the page shows it."""

    def __init__(self, rig: SimulatedElevator) -> None:
        self._rig = rig

    def door(self) -> DoorState:
        """Where it stands."""
        now = self._rig.state
        return DoorState(position=now.position, opening=now.opening, floor=now.floor, simulated=True)

    def close(self) -> None:
        """Nothing to free: the elevator outlives the box."""


class SimulatedBox:
    """Guard of one elevator, as often as it is started.

    Args:
        box: the scenario's settings of the box.
        wall: the wall clock, which may jump.
        on_signal: hears every signal of the hold after the elevator did.
        sink: gets the writes for the store.
        draw: whether pictures are drawn.
    """

    def __init__(
        self,
        box: Box,
        clock: Clock,
        wall: Callable[[], datetime],
        on_signal: Callable[[Signal], None],
        sink: Sink,
        *,
        draw: bool,
    ) -> None:
        self._box = box
        self.settings: ElevatorSettings = box.settings()
        self.times = WallTime(clock, wall)
        self.metrics = GuardMetrics()
        self._on_signal = on_signal
        self._sink = sink
        self._draw = draw
        self._open_wires: set[Wire] = set()
        self._latched = False  # the level that the pin kept when guard was killed
        self._edge_s = -PUMP_S
        self._pump_level = False
        self._factory: Any = None
        self._pins: dict[int, Any] = {}  # as the factory gives them; asking it each time is slow
        self.camera: SceneCamera | None = None
        self.elevator: Elevator | None = None
        self.running: Running = "down"
        self._due_s: float | None = None  # when it runs again
        self.starts = 0

    # --- what happens to it ------------------------------------------------------------------------------

    def start(self, rig: SimulatedElevator) -> None:
        """Guard begins: every pin is claimed anew, the relay released."""
        self._latched, self._due_s, self.running = False, None, "on"
        self.starts += 1
        clock = self.times.clock
        self._factory, self._pins = pin_factory("mock"), {}
        relay = GpioRelay(RELAY_PIN, pin_factory=self._factory)
        inputs = self._inputs(clock)
        slot = PresenceSlot()
        ear: list[Elevator] = []

        def hear(signal: Signal) -> None:
            for listener in ear:
                listener.hear(signal)
            self._on_signal(signal)

        rules = build_rules(self.settings)
        controller = HoldController(
            relay,
            rules,
            slot,
            read_inputs=inputs.read,
            clock=clock,
            on_signal=hear,
            heartbeat=WatchdogPin(OutputPin(WATCHDOG_PIN, "watchdog", pin_factory=self._factory)),
        )
        self.camera = SceneCamera(draw=self._draw)
        zones = tuple(Zone(zone.kind, zone.polygon) for zone in self.settings.zones)
        identity = Identity(
            elevator_id=self.settings.id,
            camera_id=f"{self.settings.id}/cabin",
            model_name=MODEL[0],
            model_sha256=MODEL[1],
            rules_version=hashlib.sha256(repr(rules).encode()).hexdigest()[:12],
            software_version=version(),
            simulated=True,
        )
        door = RigDoor(rig)
        parts = Parts(
            settings=self.settings,
            source=self.camera,
            perceiver=Perceiver(
                self.camera,
                zones=zones,
                operating_conf=lambda class_id: OPERATING_CONF,  # noqa: ARG005
                gate=OpenGate(),
            ),
            slot=slot,
            relay=relay,
            controller=controller,
            book=EventBook(identity, self.times.utc, self._sink, where=lambda: whereabouts(door)),
            door=door,
            inputs=inputs,
        )
        self.elevator = Elevator(parts, LatencyWindow(), self.metrics, self.times)
        ear.append(self.elevator)

    def end(self, how: Literal["killed", "stopped", "power"], now_s: float) -> None:
        """Guard ends: in order, by `kill -9`, or because the box has no power."""
        if self.running == "on" and self.elevator is not None:
            if how == "stopped":
                self.elevator.stop()
            elif how == "killed":
                self._latched = bool(self._pin(RELAY_PIN).state)
            self.elevator, self.camera = None, None
        if how == "power":
            self.running, self._due_s, self._latched = "off", None, False
        elif self.running != "off":
            self.running, self._due_s = "down", now_s + self._box.restart_s

    def power_back(self, now_s: float) -> None:
        """The box boots."""
        if self.running == "off":
            self.running, self._due_s = "down", now_s + self._box.boot_s

    def wire(self, name: Wire, *, is_open: bool) -> None:
        """An inhibiting contact opens or closes, or its wire breaks."""
        (self._open_wires.add if is_open else self._open_wires.discard)(name)
        if self.running == "on" and name in self._box.wired:
            pin = self._pin(PINS[name])
            (pin.drive_high if is_open else pin.drive_low)()

    # --- what it does ------------------------------------------------------------------------------------

    def tick(self, now_s: float, rig: SimulatedElevator) -> None:
        """One tick of the hold, or the start of guard when it is due."""
        if self._due_s is not None and now_s >= self._due_s:
            self.start(rig)
        if self.elevator is not None:
            self.elevator.parts.controller.run_once(now_s)
            self.elevator.flush()
            level = bool(self._pin(WATCHDOG_PIN).state)
            if level is not self._pump_level:
                self._pump_level, self._edge_s = level, now_s

    def look(self) -> None:
        """Look at the picture that the camera has taken."""
        if self.elevator is not None:
            self.elevator.look(0.0)

    def contact(self, now_s: float) -> bool:
        """Whether the relay's contact presses the door-open button."""
        if self.running == "off":
            return False
        if self._box.charge_pump and now_s - self._edge_s > PUMP_S:
            return False
        if self.elevator is None:
            return self._latched
        return bool(self._pin(RELAY_PIN).state)

    @property
    def state(self) -> ControllerState | None:
        """The hold as of the latest tick; None while guard does not run."""
        return self.elevator.parts.controller.state if self.elevator is not None else None

    @property
    def open_wires(self) -> frozenset[Wire]:
        """Inhibiting contacts that are wired and open."""
        return frozenset(self._open_wires & set(self._box.wired))

    def _pin(self, number: int) -> Any:
        if number not in self._pins:
            self._pins[number] = self._factory.pin(number)
        return self._pins[number]

    def _inputs(self, clock: Clock) -> InputReader:
        inputs: InputReader = NoInputs()
        wired = {name: PINS[name] for name in self._box.wired}
        if wired:
            inputs = GpioInputs(
                fire=wired.get("fire"),
                inspection=wired.get("inspection"),
                maintenance=wired.get("maintenance"),
                settle_s=self.settings.inputs.settle_s,
                pin_factory=self._factory,
                clock=clock,
            )
            for name, pin in wired.items():
                if name not in self._open_wires:
                    self._factory.pin(pin).drive_low()
        return with_schedule(self.settings, inputs, self.times.wall)


class JumpingClock:
    """A wall clock that starts at a moment and jumps when told to. Seconds come from the scenario."""

    def __init__(self, start: datetime, clock: Clock) -> None:
        self._start = start
        self._clock = clock
        self.jumped_s = 0.0

    def __call__(self) -> datetime:
        """Now, with zone."""
        return self._start + timedelta(seconds=self._clock() + self.jumped_s)
