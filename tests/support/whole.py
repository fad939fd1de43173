"""`liftguard run` as a subprocess: the real command, both processes, its own port and data folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.support.waiting import eventually

START_S = 90.0  # imports and model loading on a busy machine


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children_of(pid: int) -> dict[str, int]:
    """Process ids of the guard and the web process below a supervisor, by name."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == pid and b"api" in arguments:
            found[arguments[arguments.index(b"api") + 1].decode()] = int(folder.name)
    return found


class Whole:
    """The running command. Use as a context manager; leaving it stops everything."""

    def __init__(self, folder: Path, env: Mapping[str, str], source: str | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "run.log"
        config = folder / "empty.toml"  # a settings file of this machine must not decide
        config.touch()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("LIFTGUARD_")}
        own = {"LIFTGUARD_CONFIG": str(config), "LIFTGUARD_DATA_DIR": str(folder / "var")}
        self._env = {**kept, **own, **env}
        self._source = source

    def __enter__(self) -> Whole:
        self.start()
        try:
            eventually(lambda: self.answers("/api/v1/health"), START_S, self.said)
        except BaseException:  # nobody else would stop it
            self.stop()
            raise
        return self

    def start(self) -> None:
        """Start it without waiting for an answer."""
        command = [sys.executable, "-m", "api", "run", "--port", str(self.port)]
        if self._source:
            command += ["--source", self._source]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )

    def exit_code(self) -> int:
        """Wait until it ends by itself. Returns: its exit code."""
        return self._process.wait(START_S)

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Ask it to end, as Ctrl-C does. Returns: its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            for pid in self.pids().values():
                os.kill(pid, signal.SIGKILL)
            raise

    def set(self, env: Mapping[str, str]) -> None:
        """Change settings before the start."""
        self._env |= env

    @property
    def env(self) -> Mapping[str, str]:
        """The environment that it is started with."""
        return self._env

    def supervisor(self) -> int:
        """Process id of the command itself."""
        return self._process.pid

    def reaped(self) -> None:
        """Wait until the command, killed from outside, is gone."""
        self._process.wait(30)

    def said(self) -> str:
        """All that it has printed."""
        return self.log.read_text("utf-8", errors="replace")

    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return children_of(self._process.pid)

    def get(self, path: str) -> Any:
        """The JSON body of a GET."""
        with urlopen(self.url(path), timeout=10) as reply:
            return json.load(reply)

    def text(self, path: str) -> str:
        """The text of a GET."""
        with urlopen(self.url(path), timeout=10) as reply:
            return str(reply.read().decode())

    def post(self, path: str, body: object) -> Any:
        """The JSON body of a POST."""
        request = Request(
            self.url(path), json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
        )
        with urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def url(self, path: str = "/") -> str:
        """The address of a page."""
        return f"http://127.0.0.1:{self.port}{path}"

    def elevator(self) -> dict[str, Any]:
        """The state of the only elevator."""
        found: dict[str, Any] = self.get("/api/v1/elevators")["elevators"][0]
        return found

    def listens(self) -> None:
        """Wait until web answers at all, also on a site where everything needs a sign-in."""
        eventually(lambda: self.answers("/api/v1/health/live"), START_S, self.said)

    def answers(self, path: str) -> bool:
        """Whether a GET is answered with success. Raises: AssertionError if the command has ended."""
        if self._process.poll() is not None:
            raise AssertionError(f"it ended with code {self._process.returncode}:\n{self.said()}")
        try:
            self.get(path)
        except (URLError, OSError):
            return False
        return True


class Timeline:
    """Samples one value many times a second on a thread of its own and keeps its changes."""

    def __init__(self, read: Any, period_s: float = 0.03) -> None:
        self._read = read
        self._period_s = period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self.changes: list[Any] = []
        self.samples = 0
        self._thread.start()

    def _loop(self) -> None:
        while not self._stop.wait(self._period_s):
            try:
                value = self._read()
            except OSError:
                continue
            self.samples += 1
            if not self.changes or self.changes[-1] != value:
                self.changes.append(value)

    def stop(self) -> list[Any]:
        """End, and give the changes in order."""
        self._stop.set()
        self._thread.join(20)
        return self.changes
