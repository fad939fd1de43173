"""Plays a scenario on the page: this process is guard, web is a process of its own, the clock is ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from api.book import Write
from api.data_dir import StoreOpener, make_private
from api.elevator import Elevator
from api.guard import Guard
from api.link import GuardLink
from api.live import Command, ModelInfo, ReleaseReply
from api.load import load_settings
from api.port import check_port
from api.recorder import Recorder
from api.run_dir import current_run_dir
from api.settings import Settings
from api.simulate.box import MODEL
from api.simulate.camera import SIZE_WH
from api.simulate.play import Emit, Play
from api.simulate.schema import Scenario
from api.supervise import child_environment, end_with_parent

SPEED: Final = (0.1, 20.0)
PAUSE_S: Final = 0.02  # between two looks at the clock
BEHIND_S: Final = 1.0  # a machine this far behind plays on from where it is
STOP_S: Final = 8.0


class LiveBox:
    """Guard of a scenario as web sees it: silent while the box is down, and anew after each start."""

    def __init__(self, scenario: Scenario, settings: Settings, emit: Emit) -> None:
        self._settings = settings
        self._recorder = Recorder(StoreOpener(settings))
        self._recorder.start()
        self._link = GuardLink(current_run_dir(settings))
        self.play = Play(scenario, emit, sink=self._put, draw=True)
        self._guard: Guard | None = None
        self._of: Elevator | None = None
        self._link.serve_commands(self._command)

    def _put(self, write: Write) -> None:
        self._recorder.put(write)  # the one of this moment: a restart makes a new one

    def turn(self) -> None:
        """Tell web what is now."""
        elevator = self.play.box.elevator
        if elevator is not self._of:
            self._anew(elevator)
        if self._guard is not None:
            self._guard.turn(self.play.now_s)

    def close(self) -> None:
        """End guard in order."""
        if self.play.box.elevator is not None:
            self.play.box.end("stopped", self.play.now_s)
        self._recorder.stop()
        self._link.close()

    def _anew(self, elevator: Elevator | None) -> None:
        self._of, self._guard = elevator, None
        if elevator is None:
            return
        if self.play.box.starts > 1:  # as a new guard would: it closes the event that the last one left open
            self._recorder.stop()
            self._recorder = Recorder(StoreOpener(self._settings))
            self._recorder.start()
        box = self.play.box
        model = ModelInfo(name=MODEL[0], sha256=MODEL[1], imgsz=SIZE_WH[0])
        self._guard = Guard([elevator], self._recorder, self._link, model, box.metrics, box.times)

    def _command(self, command: Command) -> ReleaseReply:
        guard = self._guard
        if guard is None:
            return ReleaseReply(accepted=False, detail="guard does not run at this moment of the scenario")
        return guard.command(command)


def play_live(
    scenario: Scenario, emit: Emit, *, speed: float, host: str | None, port: int | None, stay: bool
) -> int:
    """Play ``speed`` times as fast as real time, beside the page. Returns 0, or 1 if not as expected.

    Events go into a folder of this run's own, which is removed at the end.

    Args: stay: keep the page after the end, until Ctrl-C.
    Raises: ConfigError if the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="liftguard-") as folder:
        overrides = {"data_dir": folder, "web.host": host, "web.port": port}
        chosen = {key: value for key, value in overrides.items() if value is not None}
        settings = load_settings(env={}, overrides=chosen)
        check_port(settings.web.host, settings.web.port)
        make_private(settings.data_dir)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        web = _start_web(Path(folder), chosen)  # first: this process has one thread so far
        live = None
        try:
            live = LiveBox(scenario, settings, emit)
            sys.stderr.write(f"The page is at http://{settings.web.host}:{settings.web.port}\n")
            _run(live, speed)
            ok = live.play.finish()
            if stay:
                sys.stderr.write("The scenario is over. The page stays until Ctrl-C.\n")
                while True:  # the last moment stays on the page
                    live.turn()
                    time.sleep(PAUSE_S)
            return 0 if ok else 1
        finally:
            if live is not None:
                live.close()
            _end(web)


def _stop(number: int, frame: object) -> None:  # noqa: ARG001  as `signal.signal` wants it
    """End in order, as after Ctrl-C: web and the folder do not stay behind."""
    raise KeyboardInterrupt


def _run(live: LiveBox, speed: float) -> None:
    begin_s = time.monotonic()
    while not live.play.over:
        due_s = (time.monotonic() - begin_s) * speed
        if due_s - live.play.now_s > BEHIND_S * max(1.0, speed):
            begin_s = time.monotonic() - live.play.now_s / speed
            due_s = live.play.now_s
        while live.play.now_s < due_s and not live.play.over:
            live.play.step()
        live.turn()
        time.sleep(PAUSE_S)


def _start_web(folder: Path, overrides: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    config = folder / "liftguard.toml"
    config.touch()  # no settings file of this machine decides
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LIFTGUARD_")}
    env = child_environment(config, {"log_level": "warning", **overrides}, kept)
    return subprocess.Popen(
        [sys.executable, "-m", "api", "web"],
        env=env,
        start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509  this process has one thread
    )


def _end(web: subprocess.Popen[bytes]) -> None:
    web.terminate()
    try:
        web.wait(STOP_S)
    except subprocess.TimeoutExpired:
        web.kill()
        web.wait()
