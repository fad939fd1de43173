"""Watches the hold loops from a thread of its own: tells systemd, and ends guard when a loop is dead.

This thread owes nothing to the network, the disk or the page, so that none of them can stop it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from hardware.controller import ControllerState
from vision.types import Clock

log = logging.getLogger(__name__)

LOOK_S: Final = 0.25  # between two looks
DEAD_S: Final = 1.0  # a hold loop without a tick for this long at two looks in a row is dead: 20 ticks
RELEASE_S: Final = 1.0  # how long a relay may take to let go before guard ends all the same
LOG_S: Final = 0.2  # for the log's own thread
HOPELESS_S: Final = 600.0
"""When every relay of the box has failed for so long, a new start is tried; see `Watch._worth_living`."""
EXIT_DEAD: Final = 70  # EX_SOFTWARE of sysexits.h; not 2, which the supervisor takes for a refusal


class Controller(Protocol):
    """What is watched."""

    @property
    def silent_s(self) -> float | None: ...  # noqa: D102
    @property
    def state(self) -> ControllerState: ...  # noqa: D102
    def stop(self, timeout_s: float) -> None: ...  # noqa: D102


class Supervisor(Protocol):
    """Who is told: systemd through `api.notify.Notifier`."""

    watchdog_s: float | None

    def ready(self) -> None: ...  # noqa: D102
    def alive(self) -> None: ...  # noqa: D102
    def stopping(self) -> None: ...  # noqa: D102
    def status(self, text: str) -> None: ...  # noqa: D102


class Watch:
    """Looks at every hold loop four times a second.

    Args:
        holds: the controller of each elevator, by its id.
        leave: ends the process at once with an exit code.
    """

    def __init__(
        self,
        holds: Mapping[str, Controller],
        supervisor: Supervisor,
        clock: Clock,
        leave: Callable[[int], object],
    ) -> None:
        self._holds = holds
        self._supervisor = supervisor
        self._clock = clock
        self._leave = leave
        self._suspects: frozenset[str] = frozenset()
        self._said = ""
        self._alive_due_s = 0.0
        self._failing_since_s: float | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Tell systemd that guard is ready, and begin."""
        self._thread = threading.Thread(target=self._loop, name="watch", daemon=True)
        self._thread.start()
        self._supervisor.ready()

    def stop(self) -> None:
        """Tell systemd that the end has begun, and look no more. Call it before stopping the hold loops."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._supervisor.stopping()
        if self._thread is not None:
            self._thread.join(5.0)

    def look(self) -> None:
        """Look once. A process that was frozen for a while gets one look's time to tick again."""
        silent = {name: hold.silent_s for name, hold in self._holds.items()}
        suspects = frozenset(name for name, s in silent.items() if s is not None and s > DEAD_S)
        dead = sorted(suspects & self._suspects)
        self._suspects = suspects
        if dead:
            said = ", ".join(f"{name} for {silent[name]:.1f} s" for name in dead)
            self._give_up(f"the hold loop has not ticked: {said}; guard lets every door go and ends")
        elif not suspects:  # a suspect may hang with its lock taken, and `state` would wait for it
            self._tell()

    def _tell(self) -> None:
        states = {name: hold.state for name, hold in self._holds.items()}
        now_s = self._clock()
        if self._worth_living(states, now_s) and now_s >= self._alive_due_s:
            self._alive_due_s = now_s + _interval_s(self._supervisor.watchdog_s)
            self._supervisor.alive()
        said = "; ".join(
            f"{name} {state.decision.phase}" + ("" if state.healthy else f", not well: {state.detail}")
            for name, state in states.items()
        )
        if said != self._said:
            self._said = said
            self._supervisor.status(said)

    def _worth_living(self, states: Mapping[str, ControllerState], now_s: float) -> bool:
        """Whether systemd is told that guard is alive. Asked only while every loop ticks.

        A relay that fails with an error is a fault of its elevator alone: its door is let go, its charge pump
        gets no edges, health says so, and every tick tries again. Ending guard for it would let every other
        door of the box go as well. Only when all of them fail, for longer than any board takes to come back,
        is there nothing to lose by starting anew.
        """
        if any(state.healthy for state in states.values()):
            self._failing_since_s = None
            return True
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        return now_s - self._failing_since_s < HOPELESS_S

    def _give_up(self, why: str) -> None:
        """Try to let every door go, each on a thread of its own because a relay may hang too; then end.

        The loops that are well are stopped as well: they would energise their relays again before the end.
        """
        self._stop.set()
        self._supervisor.status(why)
        log.critical("%s", why)
        threads = [
            threading.Thread(target=_let_go, args=(name, hold), name=f"let-go-{name}", daemon=True)
            for name, hold in self._holds.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(RELEASE_S)
        self._leave(EXIT_DEAD)

    def _loop(self) -> None:
        failing = False
        while not self._stop.wait(LOOK_S):
            try:
                self.look()
            except Exception:  # top of a loop that must go on; systemd hears nothing meanwhile
                if not failing:
                    log.exception("the hold loops could not be looked at")
                failing = True
            else:
                failing = False


def _interval_s(watchdog_s: float | None) -> float:
    """How often to say so: a third of what systemd waits, so that one or two may be late."""
    return 1.0 if watchdog_s is None else watchdog_s / 3


def _let_go(name: str, hold: Controller) -> None:
    try:
        hold.stop(timeout_s=RELEASE_S / 2)
    except Exception as exc:  # noqa: BLE001  the last try; whatever it says, guard ends
        log.critical("%s: the relay did not let go: %s", name, exc)


def leave_at_once(code: int) -> None:
    """End the process without waiting for any thread of it, but for a moment in which the log is written.

    `sys.exit` would wait in `atexit` for locks that the hung thread may hold.
    """
    threading.Event().wait(LOG_S)
    os._exit(code)
