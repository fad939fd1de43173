"""A whole Liftguard (both processes) that holds a door by a Modbus board which the test itself plays.

What the relay does is seen from outside, whatever becomes of guard: the board keeps its state, as real ones
do.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path
from types import TracebackType

from api.store import Store
from tests.support.guard_ear import GuardEar
from tests.support.relay_boards import ModbusServer
from tests.support.tiny_world import tiny_manifest, visit_clip
from tests.support.waiting import eventually
from tests.support.whole import Whole

LATE_S = 90.0  # for a machine that is busy with other tests
TRIES = 5
HEARD_S = 0.3  # what guard said before it was frozen has been heard
EXPECTED = frozenset({"left", "interrupted", "blind", "escalated", "inhibited", "stopped"})


class Stage:
    """Use as a context manager: on leaving it everything is stopped.

    Args: visit_s: how long the e-bike stays in each round of the clip, ``empty_s``: before it comes.
    data_dir: None: in ``folder``.
    """

    def __init__(
        self, folder: Path, *, visit_s: float = 30.0, empty_s: float = 1.5, data_dir: Path | None = None
    ) -> None:
        self.folder = folder
        self.data_dir = data_dir or folder / "var"
        self.board = ModbusServer()
        self.model = folder / "model"
        clip = visit_clip(folder / "visit.mp4", empty_s=empty_s, visit_s=visit_s, after_s=4.0)
        env = {
            "LIFTGUARD_DATA_DIR": str(self.data_dir),
            "LIFTGUARD_DETECTOR__THREADS": "1",
            "LIFTGUARD_DETECTOR__MANIFEST": str(tiny_manifest(self.model)),
            "LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE": str(clip),
            "LIFTGUARD_ELEVATORS__0__CAMERA__LOOP": "true",
            "LIFTGUARD_ELEVATORS__0__HOLD__RELEASE_S": "1",
            "LIFTGUARD_ELEVATORS__0__HOLD__REJOIN_S": "2",
            "LIFTGUARD_ELEVATORS__0__RELAY__DRIVER": "modbus-tcp",
            "LIFTGUARD_ELEVATORS__0__RELAY__HOST": "127.0.0.1",
            "LIFTGUARD_ELEVATORS__0__RELAY__PORT": str(self.board.port),
            "LIFTGUARD_ELEVATORS__0__VOICE__ENABLED": "false",
        }
        self.whole = Whole(folder, env)

    def __enter__(self) -> Stage:
        self.ear = GuardEar(self.whole.env)
        self.ear.start()
        self.whole.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.whole.stop()
        finally:
            self.ear.stop()
            self.board.stop()

    @property
    def held(self) -> bool:
        """The board's contact is closed."""
        return self.board.mood.levels[-1]

    def until(self, held: bool, what: str) -> float:
        """Wait for the contact. Returns: seconds that took."""
        begun_s = time.monotonic()
        eventually(lambda: self.held is held, LATE_S, lambda: f"{what}\n{self.whole.said()}")
        return time.monotonic() - begun_s

    def until_phase(self, *phases: str, of: int = 0) -> None:
        """Wait until guard says one of these phases. Args: of: which elevator."""
        eventually(
            lambda: self.ear.phase(of) in phases,
            LATE_S,
            lambda: f"{' or '.join(phases)}, not {self.ear.phase(of)!r}\n{self.whole.said()}",
        )

    def kill_in(self, phase: str) -> int:
        """Kill guard while it is in this phase, not a moment after it. Returns: its process id.

        It is frozen first, and killed only if it was still there: a test that was kept from the processor
        between hearing and killing would kill it in another phase.
        """
        for _ in range(TRIES):
            self.until_phase(phase)
            pid = self.signal(signal.SIGSTOP)
            eventually(partial(stopped, pid), LATE_S, self.whole.said)
            eventually(lambda: self.ear.silent_s > HEARD_S, LATE_S, "all that it has said")
            state = self.ear.last()
            if state is not None and str(state.elevators[0].phase) == phase:
                os.kill(pid, signal.SIGKILL)
                return pid
            os.kill(pid, signal.SIGCONT)
        raise AssertionError(f"guard could not be caught in {phase}\n{self.whole.said()}")

    def guard(self) -> int | None:
        """Process id of guard; None while there is none."""
        return self.whole.pids().get("guard")

    def signal(self, number: int) -> int:
        """Send guard a signal. Returns: its process id."""
        pid = self.guard()
        assert pid is not None, self.whole.said()
        os.kill(pid, number)
        return pid

    def until_restarted(self, before: int) -> None:
        """Wait until guard runs as another process than ``before``."""
        eventually(lambda: self.guard() not in {None, before}, LATE_S, self.whole.said)

    def cut_power(self) -> None:
        """Kill all of it at once: nobody gets to write or let go of anything."""
        supervisor, children = self.whole.supervisor(), self.whole.pids()
        for pid in (supervisor, *children.values()):
            os.kill(pid, signal.SIGKILL)
        self.whole.reaped()

    def log_is_whole(self, *, allow_open: bool) -> list[str]:
        """Check the event log. Returns: the outcomes, newest first ("open" for one that goes on).

        Whole is: SQLite finds nothing wrong, of each elevator at most one event is open (none, unless
        ``allow_open``), every other one has an end after its begin and one of the known outcomes, and
        evidence is in time order.
        """
        store = Store(self.data_dir / "liftguard.db")
        try:
            if not store.made():  # guard looks at its camera first; killed before that, it has stored nothing
                return []
            assert store.integrity_check() == "ok"
            events = store.events(200).events
            for event in events:
                if event.ended_at is None:
                    continue
                assert event.outcome in EXPECTED
                assert event.suspected_at <= event.started_at <= event.ended_at
                assert event.hold_s >= 0
                offsets = [row.t_offset_s for row in store.evidence(event.id)]
                assert offsets == sorted(offsets)
            still_open = Counter(e.elevator_id for e in events if e.ended_at is None)
            assert all(count <= allow_open for count in still_open.values()), still_open
            return [e.outcome or "open" for e in events]
        finally:
            store.close()


def stopped(pid: int) -> bool:
    """The process has been frozen by a signal, and all its threads with it (proc_pid_stat(5))."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "T"
