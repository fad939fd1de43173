"""Plays a scenario: happenings, people, box and elevator on one simulated clock, 20 ticks a second.

Everything is decided by the file: the same scenario gives the same lines, however fast it is played.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from api.book import Sink, Write
from api.guard import RELEASE_FOR_S
from api.simulate.box import JumpingClock, SimulatedBox
from api.simulate.camera import FPS
from api.simulate.checks import TICK_S, Checks, Judged, Promises, View, totals
from api.simulate.scene import Actor, Scene
from api.simulate.schema import Happening, Release, Scenario
from hardware.hold import EventEnded, EventEscalated, EventStarted, FalsePreHold, PhaseChanged, Signal
from hardware.rig.elevator import SimulatedElevator
from hardware.rig.state import ElevatorSim

Line = dict[str, Any]
Emit = Callable[[Line], None]
WORLD: Final = frozenset({"enters", "leaves", "call", "door_button", "obstacle", "fire"})
FRAME_TICKS: Final = round(1.0 / FPS / TICK_S)


def _nowhere(write: Write) -> None:
    """Nothing is stored."""


@dataclass(slots=True)
class Tally:
    """What it came to."""

    outcomes: list[str] = field(default_factory=list)  # of every event, in order; "open" until it ends
    false_pre_holds: int = 0
    protective_stops: int = 0
    held_s: float = 0.0
    failed: list[str] = field(default_factory=list)  # checks and totals that did not hold


class Play:
    """One performance. `step` plays one tick; `finish` judges.

    Args:
        emit: gets a line (docs/formats.md) for everything that happens, in order.
        sink: gets the writes for the store.
        draw: whether the camera's pictures are drawn.
    """

    def __init__(self, scenario: Scenario, emit: Emit, *, sink: Sink = _nowhere, draw: bool) -> None:
        self.scenario = scenario
        self._emit = emit
        self.now_s = 0.0
        self._ticks = 0
        self._zone = ZoneInfo(scenario.time_zone)
        start = scenario.start.replace(tzinfo=self._zone)
        self.wall = JumpingClock(start.astimezone(ZoneInfo("UTC")), lambda: self.now_s)
        self.scene = Scene()
        self.tally = Tally()
        self._todo = sorted(scenario.happenings, key=lambda happening: happening.at)
        self._fire = False
        self._press_until_s = self._obstacle_until_s = 0.0
        self._camera = "live"
        self.box = SimulatedBox(scenario.box, lambda: self.now_s, self.wall, self._signal, sink, draw=draw)
        self.rig = SimulatedElevator(
            self._button, lambda: self.now_s, scenario.rules(), blocked=self._blocked, fire=lambda: self._fire
        )
        self.box.start(self.rig)
        self._shown: tuple[object, ...] = ()
        self._held = self._voice = False
        rules = self.rig.rules
        self._promises = Promises(
            scenario.box.kind, rules, scenario.box.charge_pump, "fire" in scenario.box.wired, self._broken
        )
        self._checks = Checks(scenario.expect.checks, rules, self._judged)
        emit(
            {
                "type": "scenario",
                "name": scenario.name,
                "about": " ".join(scenario.about.split()),
                "start": start.isoformat(),
                "length_s": scenario.length,
            }
        )

    @property
    def over(self) -> bool:
        """The end is reached."""
        return self.now_s >= self.scenario.length - TICK_S / 2

    def step(self) -> None:
        """Play one tick."""
        self._ticks += 1
        self.now_s = round(self._ticks * TICK_S, 6)
        while self._todo and self._todo[0].at <= self.now_s:
            self._happen(self._todo.pop(0))
        elevator = self.rig.state
        for actor, place in self.scene.step(self.now_s, TICK_S, elevator, voice=self._voice):
            self._person(actor, place, elevator)
        for floor in self.scene.calls:
            self.rig.call(floor)
        box = self.box
        due = self._ticks % FRAME_TICKS == 0
        if due and box.camera and box.camera.look(self.scene, elevator, self.now_s, self._camera):
            box.look()
        box.tick(self.now_s, self.rig)
        now = self.rig.tick(self.now_s)
        self._door(now)
        self._relay()
        state = box.state
        self._voice = state is not None and state.decision.voice
        view = View(
            now_s=self.now_s,
            phase=state.decision.phase if state else None,
            held=self._held,
            inhibit=state.inhibit_reason if state else None,
            voice=self._voice,
            elevator=now,
            open_wires=box.open_wires,
            suspects=self._suspects,
            frozen=self._camera == "frozen",
            blocked=self._blocked(),
            pressed=self.now_s < self._press_until_s,
            fire=self._fire,
        )
        self._promises.tick(view)
        self._checks.tick(view)

    def finish(self) -> bool:
        """Judge, and say the last line. Returns: whether every promise and every expectation held."""
        self._checks.finish()
        tally = self.tally
        for name, ok, seen in totals(
            self.scenario.expect, tally.outcomes, tally.false_pre_holds, tally.protective_stops
        ):
            self._expectation(name, ok, seen)
        meant = set(self.scenario.expect.breaks)
        if meant - set(self._promises.broken):
            missing = ", ".join(sorted(meant - set(self._promises.broken)))
            self._expectation(f"breaks: {missing}", ok=False, seen="not broken")
        ok = not tally.failed and not set(self._promises.broken) - meant
        self._emit(
            {
                "type": "summary",
                "name": self.scenario.name,
                "ok": ok,
                "duration_s": round(self.now_s, 2),
                "events": len(tally.outcomes),
                "outcomes": tally.outcomes,
                "false_pre_holds": tally.false_pre_holds,
                "held_s": round(tally.held_s, 2),
                "protective_stops": tally.protective_stops,
                "guard_starts": self.box.starts,
                "broken": self._promises.broken,
                "failed": tally.failed,
            }
        )
        return ok

    # --- what happens ------------------------------------------------------------------------------------

    def _happen(self, happening: Happening) -> None:
        what = happening.what
        value = getattr(happening, what)
        if what != "enters":
            said = value.model_dump() if what == "release" else value
            self._say({"type": "happening", "what": what, "value": said})
        if what in WORLD:
            self._to_world(what, value)
        else:
            self._to_box(what, value)

    def _to_world(self, what: str, value: Any) -> None:
        match what:
            case "enters":
                floor = self.rig.state.floor if value.floor is None else value.floor
                actor = self.scene.enters(value, floor)
                self._person(actor, "landing", self.rig.state)
            case "leaves":
                self.scene.leaves(value)
            case "call":
                self.rig.call(value)
            case "door_button":
                self._press_until_s = self.now_s + value
            case "obstacle":
                self._obstacle_until_s = self.now_s + value
            case "fire":
                self._fire = value
                self.box.wire("fire", is_open=value)

    def _to_box(self, what: str, value: Any) -> None:
        match what:
            case "inspection" | "maintenance":
                self.box.wire(what, is_open=value)
            case "cut_wire" | "mend_wire":
                self.box.wire(value, is_open=what == "cut_wire")
            case "camera":
                self._camera = value
            case "power":
                if value:
                    self.box.power_back(self.now_s)
                else:
                    self._end("power")
            case "guard":
                self._end(value)
            case "clock":
                self.wall.jumped_s += value
            case "release":
                self._release(value)

    def _release(self, said: Release) -> None:
        if self.box.elevator is not None:  # as from the page
            self.box.elevator.release(said.reason, said.by, RELEASE_FOR_S)

    def _end(self, how: Any) -> None:
        self.box.end(how, self.now_s)
        if self.tally.outcomes and self.tally.outcomes[-1] == "open":
            self.tally.outcomes[-1] = "stopped" if how == "stopped" else "interrupted"
            self._say(
                {
                    "type": "event",
                    "event": "ended",
                    "number": len(self.tally.outcomes),
                    "outcome": self.tally.outcomes[-1],
                }
            )

    # --- what is seen ------------------------------------------------------------------------------------

    @property
    def _suspects(self) -> bool:
        return any(actor.in_car and actor.looks.get("e_bike", 0.0) > 0.0 for actor in self.scene.actors)

    def _button(self) -> bool:
        return self.box.contact(self.now_s) or self.now_s < self._press_until_s

    def _blocked(self) -> bool:
        return self.scene.blocked or self.now_s < self._obstacle_until_s

    def _door(self, now: ElevatorSim) -> None:
        shown = (now.position, now.floor, now.nudging, now.fire)
        if shown == self._shown:
            return
        if now.position == "protective_stop" and self._shown[:1] != ("protective_stop",):
            self.tally.protective_stops += 1
        self._shown = shown
        more = {"nudging": True} if now.nudging else {}
        self._say({"type": "door", "position": now.position, "floor": now.floor, **more})

    def _relay(self) -> None:
        held = self.box.contact(self.now_s)
        self.tally.held_s += TICK_S if held else 0.0
        if held is not self._held:
            self._held = held
            self._say({"type": "relay", "held": held})

    def _person(self, actor: Actor, place: str, elevator: ElevatorSim) -> None:
        floor = actor.floor if place == "landing" else elevator.floor
        self._say({"type": "person", "name": actor.name, "who": actor.does.who, "is": place, "floor": floor})

    def _signal(self, signal: Signal) -> None:
        number = len(self.tally.outcomes)
        match signal:
            case PhaseChanged():
                said = {"before": str(signal.before), "after": str(signal.after), "reason": signal.reason}
                self._say({"type": "phase", **said})
            case EventStarted():
                self.tally.outcomes.append("open")
                self._promises.event(self._suspects or self._camera == "frozen")
                best = signal.sighting
                self._say(
                    {
                        "type": "event",
                        "event": "started",
                        "number": number + 1,
                        "class": best.class_name,
                        "zone": best.zone,
                        "score": round(best.score, 3),
                    }
                )
            case EventEscalated():
                self._say({"type": "event", "event": "escalated", "number": number})
            case EventEnded():
                self.tally.outcomes[-1] = signal.outcome
                self._say(
                    {
                        "type": "event",
                        "event": "ended",
                        "number": number,
                        "outcome": signal.outcome,
                        "hold_s": round(signal.hold_s, 2),
                        "pulses": signal.pulses,
                    }
                )
            case FalsePreHold():
                self.tally.false_pre_holds += 1
                self._say({"type": "false_pre_hold", "held_s": round(signal.held_s, 2)})

    def _broken(self, promise: str, seen: str) -> None:
        self._say({"type": "broken", "promise": promise, "seen": seen})

    def _judged(self, judged: Judged, ok: bool) -> None:
        check = judged.check
        when = f"at {check.at:g}" if check.at is not None else f"{check.from_s:g} to {check.to:g} {check.how}"
        want = ", ".join(f"{n} {'|'.join(w) if isinstance(w, tuple) else w}" for n, w in check.asked.items())
        self._expectation(f"{when}: {want}", ok, ", ".join(f"{n} {v}" for n, v in judged.seen.items()))

    def _expectation(self, name: str, ok: bool, seen: str) -> None:
        if not ok:
            self.tally.failed.append(name)
        self._say({"type": "check", "ok": ok, "expected": name, "seen": seen})

    def _say(self, line: Line) -> None:
        kind = line.pop("type")
        clock = self.wall().astimezone(self._zone).strftime("%H:%M:%S")
        self._emit({"type": kind, "t_s": round(self.now_s, 2), "clock": clock, **line})
