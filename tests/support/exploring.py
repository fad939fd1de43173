"""Walks through every state that the hold can reach, with every promise checked on every step.

The hold knows differences of times only, so a state is kept with its times relative to now and cut off where
no rule looks any further back. With times on a grid and a handful of things that can be seen and said, what
is left is finite: a breadth-first walk ends, and then nothing has been left out but other grids.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Final

from hardware.hold import Decision, Hold, HoldRules, Inputs, Phase, initial
from hardware.hold import step as hold_step
from tests.property.test_hold_properties import Ledger, sighting
from vision.types import Presence, Sighting

TICK_S: Final = 0.5  # exact in binary, as all times below: no rounding hides a state
NEWEST_S: Final = 1.5  # longer than `RULES.stale_s` and `RULES.release_s`
EVENT_S: Final = 3.0  # longer than `RULES.rejoin_s` and `RULES.confirm_s` together, and any other time

RULES: Final = HoldRules(
    confirm_s=1.0,
    release_s=1.0,
    pulse_s=1.0,
    pause_s=1.0,
    cap_s=2.5,
    cooldown_s=1.0,
    rejoin_s=1.5,
    stale_s=0.5,
    rearm_s=1.0,
)
"""As short as they may be: all that happens within a few ticks, and every limit is reached in every order."""

EMPTY: Final[tuple[Sighting, ...]] = ()
SEEN: Final[dict[str, tuple[Sighting, ...] | None]] = {
    "no picture": None,
    "nothing": EMPTY,
    "doubtful": (sighting(False, 1),),
    "another doubtful": (sighting(False, 2),),
    "e-bike": (sighting(True, 1),),
    "on the landing": (sighting(True, 1, "landing"),),
}
SAID: Final[dict[str, Inputs]] = {
    "": Inputs(),
    "fire": Inputs(fire=True),
    "released by hand": Inputs(remote_release=True),
}
Step = Callable[[Hold, Presence | None, Inputs, float, HoldRules], tuple[Hold, Decision]]
Letter = tuple[str, str]
LETTERS: Final[tuple[Letter, ...]] = tuple((seen, said) for seen in SEEN for said in SAID)


@dataclass(frozen=True, slots=True)
class Explored:
    """How far the walk came."""

    states: int
    steps: int
    depth: int  # ticks from the start to the state farthest from it
    phases: frozenset[str]
    energised: int  # states in which the relay holds the door


def explore(
    rules: HoldRules = RULES,
    letters: Sequence[Letter] = LETTERS,
    step: Step = hold_step,
    *,
    most: int | None = None,
) -> Explored:
    """Walk until no new state is found, or ``most`` states are.

    Raises: AssertionError of the promise that was broken, with the way that leads there.
    """
    hold, ledger = initial(0.0), Ledger(rules)
    start = _Node(_hold_now(hold, rules), _ledger_now(ledger, rules))
    known: dict[Hashable, tuple[Hashable, Letter] | None] = {start.key(): None}
    depth = {start.key(): 0}
    todo = deque([start])
    steps = energised = deepest = 0
    phases: set[str] = set()
    while todo:
        node = todo.popleft()
        here = node.key()
        deepest = max(deepest, depth[here])
        phases.add(str(node.hold.phase))
        energised += node.ledger.energised
        for letter in letters:
            steps += 1
            try:
                following = node.after(letter, rules, step)
            except AssertionError as exc:
                raise AssertionError(f"{exc} after {way(known, here, letter)}") from exc
            key = following.key()
            if key not in known:
                if most is not None and len(known) >= most:
                    continue
                known[key] = (here, letter)
                depth[key] = depth[here] + 1
                todo.append(following)
    return Explored(len(known), steps, deepest, frozenset(phases), energised)


def way(known: dict[Hashable, tuple[Hashable, Letter] | None], at: Hashable, last: Letter) -> str:
    """What was seen and said, tick by tick, from the start to the failure."""
    letters = [last]
    while (before := known[at]) is not None:
        at, letter = before
        letters.append(letter)
    return " | ".join(" + ".join(part for part in letter if part) for letter in reversed(letters))


class _Node:
    """The hold and the independent account of it, both with now at 0."""

    def __init__(self, hold: Hold, ledger: Ledger) -> None:
        self.hold, self.ledger = hold, ledger

    def after(self, letter: Letter, rules: HoldRules, step: Step) -> _Node:
        seen, inputs = SEEN[letter[0]], SAID[letter[1]]
        presence = None if seen is None else Presence(TICK_S, seen)
        ledger = copy(self.ledger)
        ledger.told(presence, inputs, TICK_S)
        hold, decision = step(self.hold, presence, inputs, TICK_S, rules)
        ledger.check(decision, inputs, TICK_S)
        return _Node(_hold_now(hold, rules), _ledger_now(ledger, rules))

    def key(self) -> Hashable:
        return self.hold, tuple(_values(vars(self.ledger).items()))


def _values(items: Iterable[tuple[str, Any]]) -> Iterable[Hashable]:
    return (value for name, value in items if name != "rules")


def _ago(t_s: float, floor_s: float) -> float:
    """A time as seen from one tick later, cut off where no rule tells it from longer ago."""
    return max(t_s - TICK_S, -floor_s)


def _hold_now(h: Hold, rules: HoldRules) -> Hold:
    newest_s = _ago(h.newest_s, NEWEST_S)
    event = h.event and replace(
        h.event,
        start_s=0.0,  # no rule looks at it
        last_seen_s=_ago(h.event.last_seen_s, EVENT_S),
        hold_s=0.0,  # nor at this; the property tests check what is told of it
        pulses=min(h.event.pulses, 1),
    )
    return replace(
        h,
        since_s=_ago(h.since_s, EVENT_S) if h.phase is Phase.SUSPECT else 0.0,
        now_s=0.0,
        newest_s=newest_s,
        there_s=_ago(h.there_s, NEWEST_S),
        clear_since_s=_clear(h.clear_since_s, newest_s, rules),
        rest_s=min(h.rest_s, rules.pause_s),
        event=event,
        cool_since_s=_ago(h.cool_since_s, EVENT_S) if h.barred else 0.0,
        false_since_s=_ago(h.false_since_s, EVENT_S),
    )


def _clear(since_s: float | None, newest_s: float, rules: HoldRules) -> float | None:
    """Since when nothing was there: it ends with the freshness of the picture, and full is full."""
    if since_s is None or newest_s < -rules.stale_s:
        return None
    return max(since_s - TICK_S, newest_s - rules.release_s)


def _ledger_now(ledger: Ledger, rules: HoldRules) -> Ledger:
    ledger.now_s = 0.0
    ledger.newest_s = _ago(ledger.newest_s, NEWEST_S)
    ledger.any_s, ledger.sure_s = _ago(ledger.any_s, NEWEST_S), _ago(ledger.sure_s, EVENT_S)
    ledger.event_seen_s = _ago(ledger.event_seen_s, EVENT_S)
    ledger.empty_since_s = _clear(ledger.empty_since_s, ledger.newest_s, rules)
    ledger.off_s = min(ledger.off_s, rules.pause_s)
    if not ledger.open:
        ledger.used_s = 0.0  # begins anew with the next event
    ledger.starts, ledger.ends = int(ledger.open), 0
    ledger.false_pre_holds = ledger.suspects_failed = 0
    return ledger
