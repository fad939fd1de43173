"""Killed, frozen, without power, disk or model: the relay lets go and the event log is whole.

`python -m benchmarks.faults` measures how long that takes; docs/safety.md has the table.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stage import LATE_S, Stage
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as stage:
        yield stage


def test_guard_killed_in_a_hold_is_started_again_and_the_board_let_go(stage: Stage) -> None:
    stage.until(True, "held")
    eventually(lambda: bool(stage.log_is_whole(allow_open=True)), LATE_S, stage.whole.said)
    before = stage.signal(signal.SIGKILL)
    stage.until(False, "let go by the next guard")
    stage.until_restarted(before)
    stage.until(True, "and held again: the e-bike is still there")
    eventually(lambda: "interrupted" in stage.log_is_whole(allow_open=True), LATE_S, stage.whole.said)


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["BLIND", "IDLE", "SUSPECT", "HOLDING", "PAUSED", "COOLDOWN", "INHIBITED"])
def test_guard_killed_in_every_phase(tmp_path: Path, phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path)
    quick = {"PULSE_S": "2", "PAUSE_S": "4", "CAP_S": "5", "COOLDOWN_S": "20", "CONFIRM_S": "3"}
    stage.whole.set({f"LIFTGUARD_ELEVATORS__0__HOLD__{key}": value for key, value in quick.items()})
    with stage:
        if phase == "INHIBITED":
            stage.until_phase("HOLDING")
            stage.whole.post("/api/v1/elevators/car-1/release", {"reason": "told to"})
        if phase not in {
            "BLIND",
            "SUSPECT",
        }:  # too short to be seen on the page: killed at once, or when held
            stage.until_phase(phase)
        elif phase == "SUSPECT":
            stage.until(True, "held")
        else:
            eventually(lambda: stage.guard() is not None, LATE_S, stage.whole.said)
        before = stage.signal(signal.SIGKILL)
        stage.until_restarted(before)
        stage.until(False, "let go")
        stage.until(True, "the next e-bike is held")
        stage.log_is_whole(allow_open=True)


@pytest.mark.slow
def test_a_guard_that_is_frozen_and_goes_on_lets_go_first(stage: Stage) -> None:
    stage.until(True, "held")
    stage.signal(signal.SIGSTOP)
    pid = stage.guard()
    assert pid is not None
    eventually(lambda: not stage.whole.answers("/api/v1/elevators"), LATE_S, stage.whole.said)
    seen = len(stage.board.mood.levels)
    os.kill(pid, signal.SIGCONT)
    # Nothing that was seen before counts any more: it begins BLIND, released, whatever the picture shows.
    eventually(lambda: len(stage.board.mood.levels) > seen, LATE_S, stage.whole.said)
    assert stage.board.mood.levels[seen] is False
    stage.until(True, "held again")
    stage.log_is_whole(allow_open=True)


def test_power_cut_in_a_hold(stage: Stage) -> None:
    stage.until(True, "held")
    eventually(lambda: bool(stage.log_is_whole(allow_open=True)), LATE_S, stage.whole.said)
    stage.cut_power()
    assert stage.log_is_whole(allow_open=True)[0] == "open"
    stage.whole.start()
    stage.until(False, "let go at the start")
    eventually(lambda: "interrupted" in stage.log_is_whole(allow_open=True), LATE_S, stage.whole.said)


@pytest.mark.slow
def test_a_model_that_disappears_matters_at_the_next_start_only(stage: Stage) -> None:
    stage.until(True, "held")
    (weights,) = (stage.model / "weights").glob("*.onnx")
    weights.write_bytes(b"corrupted")
    eventually(lambda: "left" in stage.log_is_whole(allow_open=True), LATE_S, stage.whole.said)
    stage.until(True, "the next e-bike is held with the model in memory")
    stage.signal(signal.SIGKILL)
    stage.until(False, "let go: relays are opened before the model is refused")
    eventually(lambda: "sha256" in stage.whole.said(), LATE_S, stage.whole.said)
    stage.log_is_whole(allow_open=True)


class SmallDisk:
    """A file system of its own in memory, which can be filled and made read-only."""

    def __init__(self, at: Path, size: str = "8m") -> None:
        self.at = at
        at.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at))

    def _mount(self, *options: str) -> None:
        done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here (are you root?): {done.stderr.strip()}")

    def read_only(self, yes: bool) -> None:
        self._mount("-o", f"remount,{'ro' if yes else 'rw'}", str(self.at))

    def fill(self) -> None:
        try:
            with (self.at / "filler").open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
        except OSError:
            pass

    def empty(self) -> None:
        (self.at / "filler").unlink()

    def gone(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.at)], check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if sys.platform != "linux":
        pytest.skip("needs Linux to mount a file system")
    disk = SmallDisk(tmp_path / "disk")
    yield disk
    disk.gone()


@pytest.mark.slow
def test_a_full_disk_in_a_hold_costs_no_release_and_no_event(tmp_path: Path, disk: SmallDisk) -> None:
    with Stage(tmp_path, visit_s=6.0, data_dir=disk.at / "var") as stage:
        stage.until(True, "held")
        eventually((disk.at / "var" / "liftguard.db").exists, LATE_S, stage.whole.said)
        eventually(lambda: bool(stage.log_is_whole(allow_open=True)), LATE_S, stage.whole.said)
        disk.fill()
        stage.until(False, "let go when it has left")
        stage.until(True, "the next one is held, too")
        stage.until(False, "and let go")
        disk.empty()
        eventually(lambda: stage.log_is_whole(allow_open=True).count("left") >= 2, LATE_S, stage.whole.said)


def test_a_disk_that_cannot_be_written_at_the_start(tmp_path: Path, disk: SmallDisk) -> None:
    disk.read_only(True)
    with Stage(tmp_path, visit_s=6.0, data_dir=disk.at / "var") as stage:
        stage.until(True, "held")
        stage.until(False, "let go when it has left")
        assert "the door is guarded all the same" in stage.whole.said().replace("\n", " ")
