"""`liftguard run`: starts guard and web as two processes, restarts what ends, and says where to look.

Each is restarted by itself: killing or upgrading web does not move the door.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from api.about import version
from api.again import AGAIN, SUPERVISED
from api.hang_up import has_terminal
from api.load import CONFIG_ENV, ENV_PREFIX
from api.settings import Settings
from api.wiring import relay_name
from vision.sources import redact
from vision.types import Clock

NAMES: Final = ("guard", "web")
NICE: Final = {"guard": 0, "web": 10}
"""Steps behind this process on the processor: fifty people who look must not delay a door. Under systemd the
units say so. What a busy web costs guard: benchmarks/reports/api.md."""
AUTOGROUP: Final = Path("/proc/self/autogroup")
AUTOGROUP_TRIES: Final = 5
POLL_S: Final = 0.2
STOP_S: Final = 8.0  # after this a process that was asked to end is killed
RESTART_S: Final = (0.5, 30.0)  # pause before a restart: the first, doubled each time, at most the second
STEADY_S: Final = 60.0  # a process that ran this long starts with the first pause again
REFUSED: Final = 2
"""Exit code of an error of ours: settings, model, port.

At the first start a person is there to mend it, so the run ends. Later nobody may be, so it is tried again
like any other end, and guard never ends because web cannot start.
"""


class Child(Protocol):
    """A started process."""

    def poll(self) -> int | None: ...  # noqa: D102
    def terminate(self) -> None: ...  # noqa: D102
    def kill(self) -> None: ...  # noqa: D102
    def wait(self, timeout: float | None = None) -> int: ...  # noqa: D102
    def send_signal(self, sig: int) -> None: ...  # noqa: D102


Spawn = Callable[[str], Child]


class Supervisor:
    """Keeps one process per name running until asked to stop.

    Args: spawn starts the process of a name. say tells a person one sentence.
    """

    def __init__(self, spawn: Spawn, clock: Clock, say: Callable[[str], None]) -> None:
        self._spawn = spawn
        self._clock = clock
        self._say = say
        self._children: dict[str, Child] = {}
        self._started_s: dict[str, float] = {}
        self._pause_s = dict.fromkeys(NAMES, RESTART_S[0])
        self._due_s: dict[str, float] = {}
        self._starts = dict.fromkeys(NAMES, 0)

    def start(self) -> None:
        """Start every process."""
        for name in NAMES:
            self._start(name)

    def watch(self) -> int | None:
        """Look once. Returns an exit code when nothing more can be done, else None."""
        now_s = self._clock()
        for name in NAMES:
            child = self._children.get(name)
            if child is None:
                if now_s >= self._due_s[name]:
                    self._start(name)
                continue
            code = child.poll()
            if code is None:
                continue
            if code == REFUSED and self._starts[name] == 1:
                self._say(f"{name} cannot start; see its message above")
                return REFUSED
            self._children.pop(name)
            if code == AGAIN:  # it was asked to: no pause, and no pause that grows
                self._say(f"{name} starts again as it was asked to")
                self._start(name)
                continue
            if now_s - self._started_s[name] >= STEADY_S:
                self._pause_s[name] = RESTART_S[0]
            self._due_s[name] = now_s + self._pause_s[name]
            self._say(f"{name} ended with code {code}; starting it again in {self._pause_s[name]:.1f} s")
            self._pause_s[name] = min(RESTART_S[1], self._pause_s[name] * 2)
        return None

    def reload(self) -> None:
        """Have guard load its model again (`api.reload`). While it is down nothing: the next one reads it."""
        guard = self._children.get("guard")
        if guard is not None:
            guard.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End every process, guard first: it lets the doors go."""
        for child in self._children.values():
            child.terminate()
        for name, child in self._children.items():
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._say(f"{name} did not end within {STOP_S:.0f} s and is killed")
                child.kill()
                child.wait()
        self._children.clear()

    def _start(self, name: str) -> None:
        self._children[name] = self._spawn(name)
        self._started_s[name] = self._clock()
        self._starts[name] += 1


def child_environment(
    config: Path | None, overrides: Mapping[str, Any], env: Mapping[str, str]
) -> dict[str, str]:
    """The environment that gives a child the same settings.

    Options travel here and not as arguments, because a camera address may hold a password and arguments are
    shown to every user of the machine.
    """
    child = dict(env) | {SUPERVISED: "1"}
    if config is not None:
        child[CONFIG_ENV] = str(config)
    for dotted, value in overrides.items():
        child[ENV_PREFIX + dotted.upper().replace(".", "__")] = str(value)
    return child


def supervise(settings: Settings, config: Path | None, overrides: Mapping[str, Any]) -> int:
    """Run both processes until Ctrl-C or SIGTERM. Returns the exit code."""
    console = Console(stderr=True, highlight=False)
    env = child_environment(config, overrides, os.environ)

    def spawn(name: str) -> Child:
        return start_process([sys.executable, "-m", "api", name], env, NICE[name])

    stop, reload = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    hung_up = stop if has_terminal() else reload
    signal.signal(signal.SIGHUP, lambda *_: hung_up.set())
    console.print(banner(settings))
    supervisor = Supervisor(spawn, time.monotonic, lambda text: console.print(f"[yellow]run   {text}[/]"))
    supervisor.start()
    code = None
    try:
        while code is None and not stop.wait(POLL_S):
            code = supervisor.watch()
            if reload.is_set():
                reload.clear()
                supervisor.reload()
    finally:
        console.print("run   stopping: every door is let go")
        supervisor.stop()
    return code or 0


def start_process(command: Sequence[str], env: Mapping[str, str], nice: int = 0) -> subprocess.Popen[bytes]:
    """Start one of the two processes, ``nice`` steps behind this one on the processor."""

    def before() -> None:
        _as_child()
        _stand_back(nice)

    # In a session of its own, so that Ctrl-C reaches this process alone and the order of ending is ours.
    return subprocess.Popen(
        command,
        env=env,
        start_new_session=True,
        preexec_fn=before,  # noqa: PLW1509  this process has one thread
    )


def end_with_parent() -> None:
    """Have the kernel end the child when this process is killed: no guard is left that nobody watches.

    prctl(2), PR_SET_PDEATHSIG = 1; guard takes SIGTERM as "let every door go and end".
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _stand_back(steps: int) -> None:
    """Behind others on the processor, as a process and as a session.

    Where Linux shares the processor out by session (`sched_autogroup`, on with most desktops), `nice` counts
    within a session only, and each of the two has one of its own: their sessions must differ, see sched(7).
    """
    os.nice(steps)
    for _ in range(AUTOGROUP_TRIES if steps else 0):
        try:
            AUTOGROUP.write_text(str(os.nice(0)), "ascii")
        except BlockingIOError:  # one such write in a tenth of a second on the whole machine
            time.sleep(0.1)
        except OSError:  # no such thing in this kernel
            return
        else:
            return


def _as_child() -> None:
    """Deaf to SIGHUP until guard listens to it: one that comes too early must not end it."""
    end_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def banner(settings: Settings) -> Panel:
    """What is about to run and where to look."""
    lines = []
    for elevator in settings.elevators:
        source = elevator.camera.source
        camera = "the bundled sample clip" if source == "sample" else redact(source)
        relay = escape(relay_name(elevator))
        alarm = ", alarm only" if elevator.kind == "A" else ""
        lines.append(f"[bold]{escape(elevator.name)}[/]: {escape(camera)} → {relay}{alarm}")
    lines += [
        f"Events are kept in {settings.data_dir}",
        "",
        f"Open [bold cyan]{escape(settings.web.address)}[/]",
    ]
    lines += ["Ctrl-C stops and lets every door go."]
    return Panel("\n".join(lines), title=f"Liftguard {version()}", expand=False)
