"""Judges a scenario tick by tick: promises that hold in every scenario, and what this one expects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from api.simulate.schema import Check, Count, Expect
from hardware.hold import Phase
from hardware.rig.rules import EFFECTIVE_S, ElevatorRules
from hardware.rig.state import ElevatorSim

TICK_S: Final = 0.05
PULSE_S: Final = 20.0  # design: a hold is made of pulses of at most 20 s
OUT_S: Final = 3.0  # design: released within 3 s after the e-bike is out of the zone
PUMP_OFF_S: Final = 1.0 + 2 * TICK_S  # a charge pump's own time, see docs/safety.md
_MARGIN_S: Final = 2 * TICK_S


@dataclass(frozen=True, slots=True)
class View:
    """Everything at one tick."""

    now_s: float
    phase: Phase | None  # None: guard does not run
    held: bool  # the relay's contact is closed
    inhibit: str | None
    voice: bool
    elevator: ElevatorSim
    open_wires: frozenset[str]
    suspects: bool  # somebody the detector could take for an e-bike is in the car or its doorway
    frozen: bool  # the camera shows the same picture again and again
    blocked: bool  # something stands in the doorway
    pressed: bool  # somebody presses the door-open button
    fire: bool


@dataclass(slots=True)
class Promises:
    """What always holds (docs/safety.md), looked at from outside: relay, door and people, not the hold."""

    kind: str
    rules: ElevatorRules
    charge_pump: bool
    wired: bool  # the fire input is wired
    say: Callable[[str, str], None]  # promise, what was seen
    broken: list[str] = field(default_factory=list)
    checked: int = 0
    _held_s: float = 0.0
    _down_s: float = 0.0
    _out_s: float = 0.0
    _others_s: float = -1e9
    _fire_s: float = 0.0
    _before: ElevatorSim | None = None

    def tick(self, view: View) -> None:
        """Look once."""
        self.checked += 1
        self._held_s = self._held_s + TICK_S if view.held else 0.0
        self._down_s = 0.0 if view.phase is not None else self._down_s + TICK_S
        self._out_s = 0.0 if view.suspects or view.frozen else self._out_s + TICK_S
        if (view.blocked or view.pressed) and not view.held:
            self._others_s = view.now_s
        self._relay(view)
        self._elevator(view)
        self._before = view.elevator

    def _relay(self, view: View) -> None:
        if not view.held:
            return
        if view.phase is None:
            if self.charge_pump and self._down_s > PUMP_OFF_S:
                self._break("released when guard ends", f"held {self._down_s:.1f} s after it ended")
            return
        self._need("kind A never holds", self.kind == "B", "the relay holds")
        self._need("held only in SUSPECT and HOLDING", view.phase in HOLDS, f"held in {view.phase}")
        self._need(
            "never held while an input says hands off",
            not view.open_wires and view.inhibit is None,
            f"held with {', '.join(sorted(view.open_wires)) or view.inhibit}",
        )
        self._need(
            "at most 20 s in a row", self._held_s <= PULSE_S + _MARGIN_S, f"held for {self._held_s:.1f} s"
        )
        self._need(
            "released within 3 s after the e-bike is out",
            self._out_s <= OUT_S + _MARGIN_S,
            f"held {self._out_s:.1f} s after",
        )

    def _elevator(self, view: View) -> None:
        now = view.elevator
        if now.position == "protective_stop" and self._before and self._before.position != now.position:
            self._need(
                "no protective stop by the relay alone",
                view.now_s - self._others_s <= EFFECTIVE_S + _MARGIN_S,
                "nobody was in the doorway and nobody pressed",
            )
        recalled = now.recalled(self.rules)
        waits = not view.fire or recalled or view.blocked
        self._fire_s = 0.0 if not view.fire or recalled else self._fire_s + (0.0 if waits else TICK_S)
        self._need(
            "fire recall arrives in time",
            self._fire_s <= self.rules.fire_limit_s + _MARGIN_S,
            f"not there after {self._fire_s:.0f} s with a clear doorway",
        )

    def event(self, view_suspects: bool) -> None:
        """An event was started."""
        self._need("nobody but an e-bike makes an event", view_suspects, "no such vehicle was there")

    def _need(self, promise: str, kept: bool, seen: str) -> None:
        if not kept:
            self._break(promise, seen)

    def _break(self, promise: str, seen: str) -> None:
        if promise not in self.broken:  # said once
            self.broken.append(promise)
            self.say(promise, seen)


HOLDS: Final = frozenset({Phase.SUSPECT, Phase.HOLDING})


@dataclass(slots=True)
class Judged:
    """One check and how it stands."""

    check: Check
    seen: dict[str, Any] = field(default_factory=dict)  # what failed it, or the latest
    once: bool = False
    failed: bool = False
    done: bool = False


class Checks:
    """The checks of one scenario. ``say`` hears of each when it is decided, and whether it holds."""

    def __init__(
        self, checks: tuple[Check, ...], rules: ElevatorRules, say: Callable[[Judged, bool], None]
    ) -> None:
        self.all = [Judged(check) for check in checks]
        self._rules = rules
        self._say = say

    def tick(self, view: View) -> None:
        """Look once."""
        for judged in self.all:
            if judged.done:
                continue
            check = judged.check
            if check.at is not None:
                if view.now_s >= check.at:
                    judged.failed = not self._fits(judged, view)
                    self._decide(judged)
            elif check.from_s is not None and check.to is not None and view.now_s >= check.from_s:
                if view.now_s >= check.to:
                    judged.failed = judged.failed or (check.how == "once" and not judged.once)
                    self._decide(judged)
                    continue
                fits = self._fits(judged, view)
                judged.once = judged.once or fits
                judged.failed = (check.how == "always" and not fits) or (check.how == "never" and fits)
                if judged.failed or (check.how == "once" and fits):
                    self._decide(judged)

    def finish(self) -> None:
        """The scenario is over: what is still open ends here."""
        for judged in self.all:
            if not judged.done:
                never_looked = judged.check.at is not None
                judged.failed = (
                    judged.failed or never_looked or (judged.check.how == "once" and not judged.once)
                )
                self._decide(judged)

    def _decide(self, judged: Judged) -> None:
        judged.done = True
        self._say(judged, not judged.failed)

    def _fits(self, judged: Judged, view: View) -> bool:
        now: dict[str, Any] = {
            "phase": str(view.phase) if view.phase else "off",
            "relay": "held" if view.held else "released",
            "door": view.elevator.position,
            "floor": view.elevator.floor,
            "inhibit": view.inhibit,
            "voice": view.voice,
            "recalled": view.elevator.recalled(self._rules),
        }
        asked = judged.check.asked
        judged.seen = {"t_s": round(view.now_s, 2), **{name: now[name] for name in asked}}
        return all(now[n] in want if isinstance(want, tuple) else now[n] == want for n, want in asked.items())


def totals(
    expect: Expect, outcomes: list[str], false_pre_holds: int, stops: int
) -> list[tuple[str, bool, str]]:
    """What the scenario came to against what it expects: name, whether it holds, what was seen."""
    found: list[tuple[str, bool, str]] = []
    for name, want, seen in (
        ("events", expect.events, len(outcomes)),
        ("false_pre_holds", expect.false_pre_holds, false_pre_holds),
        ("protective_stops", expect.protective_stops, stops),
    ):
        if want is not None:
            found.append((name, _in(want, seen), str(seen)))
    if expect.outcomes is not None:
        found.append(("outcomes", list(expect.outcomes) == outcomes, ", ".join(outcomes) or "none"))
    return found


def _in(want: Count, seen: int) -> bool:
    return want.at_least <= seen and (want.at_most is None or seen <= want.at_most)
