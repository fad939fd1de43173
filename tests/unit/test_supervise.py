"""The supervisor: each process is restarted by itself, with pauses that grow, and refusal ends the run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from api.again import AGAIN, is_started_again
from api.load import load_settings
from api.supervise import (
    NAMES,
    NICE,
    REFUSED,
    RESTART_S,
    STEADY_S,
    Supervisor,
    banner,
    child_environment,
    start_process,
)
from tests.support.fakes import FakeClock


class FakeChild:
    def __init__(self) -> None:
        self.code: int | None = None
        self.signals: list[str] = []
        self.stubborn = False

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.signals.append("terminate")
        if not self.stubborn:
            self.code = 0

    def kill(self) -> None:
        self.signals.append("kill")
        self.code = -9

    def send_signal(self, sig: int) -> None:
        self.signals.append(signal.Signals(sig).name)

    def wait(self, timeout: float | None = None) -> int:
        if self.code is None:
            raise subprocess.TimeoutExpired("child", timeout or 0)
        return self.code


class Rig:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.started: list[str] = []
        self.children: dict[str, FakeChild] = {}
        self.said: list[str] = []
        self.supervisor = Supervisor(self._spawn, self.clock, self.said.append)
        self.supervisor.start()

    def _spawn(self, name: str) -> FakeChild:
        self.started.append(name)
        self.children[name] = FakeChild()
        return self.children[name]

    def pass_s(self, seconds: float) -> int | None:
        self.clock.now_s += seconds
        return self.supervisor.watch()


def test_guard_comes_first() -> None:
    assert Rig().started == ["guard", "web"]


def test_killing_web_restarts_web_alone() -> None:
    rig = Rig()
    rig.children["web"].code = -9
    assert rig.pass_s(1.0) is None
    assert rig.started == ["guard", "web"]
    rig.pass_s(RESTART_S[0])
    assert rig.started == ["guard", "web", "web"]
    assert rig.children["guard"].signals == []


def test_pauses_grow_and_start_over_after_a_steady_run() -> None:
    rig = Rig()
    pauses: list[float] = []
    for _ in range(8):
        rig.children["guard"].code = 1
        rig.pass_s(0.0)
        at = rig.clock.now_s
        while rig.started.count("guard") == len(pauses) + 1:
            rig.pass_s(0.25)
        pauses.append(rig.clock.now_s - at)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    rig.pass_s(STEADY_S)
    rig.children["guard"].code = 1
    rig.pass_s(0.0)
    rig.pass_s(RESTART_S[0])
    assert rig.started.count("guard") == 10


def test_a_process_that_refuses_its_settings_ends_the_run() -> None:
    rig = Rig()
    rig.children["guard"].code = REFUSED
    assert rig.pass_s(0.1) == REFUSED
    assert "cannot start" in rig.said[-1]


def test_a_refusal_later_is_tried_again_and_does_not_end_guard() -> None:
    rig = Rig()
    rig.children["web"].code = -9
    rig.pass_s(1.0)
    rig.pass_s(RESTART_S[0])
    rig.children["web"].code = REFUSED  # the port was taken meanwhile
    assert rig.pass_s(1.0) is None
    rig.pass_s(RESTART_S[1])
    assert rig.started == ["guard", "web", "web", "web"]
    assert rig.children["guard"].signals == []


def test_a_process_that_asks_to_start_again_does_so_at_once_every_time() -> None:
    rig = Rig()
    for _ in range(3):
        rig.children["guard"].code = AGAIN
        assert rig.pass_s(0.2) is None
    assert rig.started.count("guard") == 4
    assert rig.children["web"].signals == []


def test_guard_knows_whether_somebody_starts_it_again() -> None:
    assert is_started_again(child_environment(None, {}, {}))
    assert is_started_again({"NOTIFY_SOCKET": "/run/systemd/notify"})
    assert not is_started_again({"PATH": "/bin"})


def test_stopping_kills_only_who_does_not_listen() -> None:
    rig = Rig()
    rig.children["web"].stubborn = True
    children = dict(rig.children)
    rig.supervisor.stop()
    assert children["guard"].signals == ["terminate"]
    assert children["web"].signals == ["terminate", "kill"]


def test_children_get_the_same_settings_without_arguments() -> None:
    overrides = {"elevators.0.camera.source": "rtsp://u:p@h/1", "web.port": 9000}
    env = child_environment(Path("x.toml"), overrides, {"PATH": "/bin"})
    assert env["LIFTGUARD_CONFIG"] == "x.toml"
    assert env["PATH"] == "/bin"
    del env["LIFTGUARD_CONFIG"]
    settings = load_settings(env=env)
    assert settings == load_settings(env={}, overrides=overrides)


def test_the_banner_says_where_to_look_and_no_password() -> None:
    settings = load_settings(env={}, overrides={"elevators.0.camera.source": "rtsp://admin:hunter2@cam/1"})
    text = str(banner(settings).renderable)
    assert "http://127.0.0.1:8080" in text
    assert "hunter2" not in text
    assert "simulated elevator" in text


def test_guard_alone_is_told_to_load_its_model_again() -> None:
    rig = Rig()
    rig.supervisor.reload()
    assert [rig.children[name].signals for name in ("guard", "web")] == [["SIGHUP"], []]
    rig.children["guard"].code = 1
    rig.pass_s(0.0)
    rig.supervisor.reload()
    assert rig.children["guard"].signals == ["SIGHUP"], "it is down, and reads the model when it starts"


def test_web_is_behind_guard_on_the_processor(tmp_path: Path) -> None:
    found = {}
    for name in NAMES:
        out = tmp_path / name
        code = f"import os, pathlib; pathlib.Path({str(out)!r}).write_text(str(os.nice(0)))"
        assert start_process([sys.executable, "-c", code], dict(os.environ), NICE[name]).wait(60) == 0
        found[name] = int(out.read_text())
    own = os.nice(0)
    assert found == {"guard": own, "web": min(19, own + 10)}


def test_web_is_behind_guard_where_the_processor_is_shared_out_by_session(tmp_path: Path) -> None:
    out = tmp_path / "group"
    code = f"import pathlib as p; p.Path({str(out)!r}).write_text(p.Path('/proc/self/autogroup').read_text())"
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this kernel knows no autogroup")
    assert start_process([sys.executable, "-c", code], dict(os.environ), NICE["web"]).wait(60) == 0
    assert out.read_text().split()[-1] == str(min(19, os.nice(0) + NICE["web"]))
