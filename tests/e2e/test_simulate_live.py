"""`liftguard simulate` on the page: the real command, its web process, and what a browser would be told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from tests.support.waiting import eventually
from tests.support.whole import START_S, Timeline, children_of, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STORY = """
name: short
about: An e-bike comes, guard is killed, comes back, and the e-bike leaves.
start: 2026-03-02 08:00:00
length: 2:00
box: {restart_s: 10}
happenings:
  - {at: 2, enters: {who: e_bike, name: bike, stays: 600}}
  - {at: 40, guard: killed}
  - {at: 90, leaves: bike}
expect:
  events: {at_least: 2}
  checks:
    - {from: 30, to: 39, phase: [HOLDING, PAUSED]}
"""


class Simulated:
    """The running command."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.base = f"http://127.0.0.1:{free_port()}"
        scenario = folder / "short.yaml"
        scenario.write_text(STORY, encoding="utf-8")
        self.log = folder / "simulate.log"
        port = self.base.rpartition(":")[2]
        command = [sys.executable, "-m", "api", "simulate", str(scenario), "--json", "--port", port, *more]
        env = {**os.environ, "PYTHONPATH": str(Path.cwd()), "TMPDIR": str(folder)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=env, start_new_session=True
            )

    def get(self, path: str) -> Any:
        with urlopen(self.base + path, timeout=10) as reply:
            return json.load(reply)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.said()
        try:
            self.get("/api/v1/elevators")
        except (URLError, OSError):
            return False
        return True

    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    def outcomes(self) -> list[str | None]:
        return [event["outcome"] for event in self.get("/api/v1/events")["events"]]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")  # a short path, for the sockets


@pytest.fixture
def simulated(folder: Path) -> Iterator[Simulated]:
    running = Simulated(folder, "--speed", "3")
    yield running
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGINT)
        running.process.wait(30)


def test_the_page_shows_door_phases_and_events_and_the_code_says_how_it_went(
    simulated: Simulated, folder: Path
) -> None:
    eventually(simulated.answers, START_S, simulated.said)
    seen = Timeline(lambda: simulated.get("/api/v1/elevators")["elevators"][0])
    eventually(lambda: "left" in simulated.outcomes(), START_S * 2, simulated.said)
    assert simulated.outcomes() == ["left", "interrupted"], "newest first"
    web = list(children_of(simulated.process.pid).values())
    assert web, "web is a process of its own"
    assert simulated.process.wait(START_S * 2) == 0, simulated.said()
    states = seen.stop()
    assert {"HOLDING", "IDLE"} <= {state["phase"] for state in states}
    assert {("open", True), ("closed", True)} <= {
        (state["door"]["position"], state["door"]["simulated"]) for state in states
    }
    assert "live" in {state["camera"]["state"] for state in states}
    lines = [json.loads(line) for line in simulated.said().splitlines() if line.startswith("{")]
    assert lines[-1]["ok"] is True
    assert not any(Path(f"/proc/{pid}").exists() for pid in web)
    assert not list(folder.glob("liftguard-*")), "its folder is removed"


def test_a_manager_lets_the_door_go_on_the_page(simulated: Simulated, folder: Path) -> None:
    eventually(simulated.answers, START_S, simulated.said)

    def holding() -> bool:
        return bool(simulated.get("/api/v1/elevators/car-1")["phase"] == "HOLDING")

    eventually(holding, START_S, simulated.said)
    body = json.dumps({"reason": "a test"}).encode()
    request = Request(
        f"{simulated.base}/api/v1/elevators/car-1/release", body, {"content-type": "application/json"}
    )
    with urlopen(request, timeout=10) as reply:
        assert json.load(reply)["accepted"]
    eventually(
        lambda: simulated.get("/api/v1/elevators/car-1")["inhibit_reason"] == "remote_release",
        START_S,
        simulated.said,
    )
    web = list(children_of(simulated.process.pid).values())
    simulated.process.send_signal(signal.SIGTERM)
    assert simulated.process.wait(60) == 130
    assert web
    assert not any(Path(f"/proc/{pid}").exists() for pid in web), "nothing stays behind"
    assert not list(folder.glob("liftguard-*"))
