"""Killed, frozen, without power, disk or model: the relay lets go and the event log is whole.

`python -m benchmarks.faults` measures how long that takes; docs/safety.md has the table.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from api.live import ModelInfo, ReleaseRequest
from api.times import utc_now
from tests.support.failing_disk import FailingDisk
from tests.support.small_disk import SmallDisk
from tests.support.stage import LATE_S, Stage
from tests.support.tiny_world import tiny_manifest
from tests.support.waiting import eventually
from tests.support.wall_clock import WallClock

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


QUICK = {"PULSE_S": "2", "PAUSE_S": "4", "CAP_S": "5", "COOLDOWN_S": "20", "CONFIRM_S": "3"}


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["BLIND", "IDLE", "SUSPECT", "HOLDING", "PAUSED", "COOLDOWN", "INHIBITED"])
def test_guard_killed_in_every_phase(tmp_path: Path, phase: str) -> None:
    stage = Stage(tmp_path, empty_s=3.0)
    stage.whole.set({f"LIFTGUARD_ELEVATORS__0__HOLD__{key}": value for key, value in QUICK.items()})
    if phase == "SUSPECT":  # for as long as it may last
        stage.whole.set({"LIFTGUARD_VISION__CONFIRM_MIN_S": "3"})
    with stage:
        if phase == "INHIBITED":
            stage.until_phase("HOLDING")
            stage.ear.tell(ReleaseRequest(elevator_id="car-1", reason="told to", by="the test"))
        if phase == "BLIND":  # until its first picture; it has told the board to release by then
            eventually(lambda: stage.board.mood.exchanges > 0, LATE_S, stage.whole.said)
            before = stage.signal(signal.SIGKILL)
        else:
            before = stage.kill_in(phase)
        stage.until_restarted(before)
        stage.until(False, "let go")
        stage.until(True, "the next e-bike is held")
        eventually(lambda: bool(stage.log_is_whole(allow_open=True)), LATE_S, stage.whole.said)


@pytest.mark.slow
def test_guard_killed_before_it_has_opened_anything(stage: Stage) -> None:
    """Again and again in its first moments: no table may be there, and none is needed to hold a door."""
    for _ in range(3):
        eventually(lambda: stage.guard() is not None, LATE_S, stage.whole.said)
        before = stage.signal(signal.SIGKILL)
        assert stage.log_is_whole(allow_open=True) == []
        stage.until_restarted(before)
    stage.until(True, "held at last")
    eventually(lambda: stage.log_is_whole(allow_open=True) == ["open"], LATE_S, stage.whole.said)


@pytest.mark.slow
def test_a_guard_that_is_frozen_and_goes_on_lets_go_first(stage: Stage) -> None:
    stage.until(True, "held")
    stage.until_phase("HOLDING")
    pid = stage.signal(signal.SIGSTOP)
    eventually(lambda: stage.ear.silent_s > 3.0, LATE_S, stage.whole.said)  # thrice as long as stale_s
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


def test_a_model_that_is_read_again_in_a_hold_and_is_broken_gone_or_good(tmp_path: Path) -> None:
    stage = Stage(tmp_path, visit_s=60.0)
    (weights,) = (stage.model / "weights").glob("*.onnx")

    def model() -> ModelInfo | None:
        said = stage.ear.last()
        return None if said is None else said.model

    def refused(times: int) -> None:
        """SIGHUP, and wait until guard has said that it goes on with the model that it has."""
        stage.signal(signal.SIGHUP)
        eventually(
            lambda: stage.whole.said().count("could not be loaded again") == times, LATE_S, stage.whole.said
        )
        eventually(lambda: (said := model()) is not None and bool(said.refused), LATE_S, stage.whole.said)
        stage.until_phase("HOLDING", "PAUSED")

    with stage:
        stage.until(True, "held")
        stage.until_phase("HOLDING")
        before = stage.guard()
        weights.write_bytes(b"corrupted")
        refused(1)
        weights.unlink()
        refused(2)
        tiny_manifest(stage.model, "tiny-2", conf=0.95)
        stage.signal(signal.SIGHUP)
        eventually(lambda: (said := model()) is not None and said.name == "tiny-2", LATE_S, stage.whole.said)
        stage.until_phase("HOLDING", "PAUSED")
        assert stage.guard() == before
        # One event, from the first model to the last; guard may still be opening its store.
        eventually(lambda: stage.log_is_whole(allow_open=True) == ["open"], LATE_S, stage.whole.said)
        eventually(lambda: stage.whole.answers("/api/v1/health"), LATE_S, stage.whole.said)
        for line in ('{outcome="refused"} 2.0', '{outcome="taken"} 1.0'):
            counted = f"liftguard_model_reloads_total{line}"
            eventually(partial(lambda it: it in stage.whole.text("/metrics"), counted), LATE_S, counted)
        health = stage.whole.get("/api/v1/health")
        assert (health["model"]["name"], health["model"]["refused"]) == ("tiny-2", "")


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


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if sys.platform != "linux":
        pytest.skip("needs Linux to mount a file system")
    try:
        disk = SmallDisk(tmp_path / "disk")
    except OSError as exc:
        pytest.skip(str(exc))
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


@pytest.mark.slow
def test_a_disk_that_becomes_read_only_in_a_hold(tmp_path: Path, failing_disk: FailingDisk) -> None:
    stage = Stage(tmp_path, visit_s=6.0, data_dir=failing_disk.at / "var")
    with stage:
        stage.until(True, "held")
        eventually(lambda: bool(stage.log_is_whole(allow_open=True)), LATE_S, stage.whole.said)
        failing_disk.fail()
        stage.until(False, "let go when it has left")
        stage.until(True, "the next one is held, too")
        stage.until(False, "and let go")
        eventually(lambda: "events cannot be stored" in stage.whole.said(), LATE_S, stage.whole.said)
        stage.cut_power()  # with its end unwritten; what the next guard finds is what was synced
        failing_disk.after_restart()
        assert stage.log_is_whole(allow_open=True) == ["open"]
        stage.whole.start()
        eventually(lambda: "interrupted" in stage.log_is_whole(allow_open=True), LATE_S, stage.whole.said)
        stage.until(True, "held again")


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def told_of(stage: Stage, wall: datetime) -> bool:
    """Guard goes by about this wall time."""
    return abs(stage.ear.at() - wall) < HOUR / 2


@pytest.mark.slow
def test_a_wall_clock_that_jumps_in_a_hold(tmp_path: Path) -> None:
    try:
        clock = WallClock(tmp_path / "clock")
    except OSError as exc:
        pytest.skip(str(exc))
    stage = Stage(tmp_path, visit_s=30.0)
    stage.whole.set(clock.env)
    stage.whole.set({f"LIFTGUARD_ELEVATORS__0__HOLD__{key}": "2" for key in ("RELEASE_S", "STALE_S")})
    with stage:
        stage.until_phase("HOLDING")
        begun = utc_now()
        stage.ear.phases.clear()
        for away in (HOUR, -HOUR, DAY, -DAY, timedelta()):
            clock.jump_to(round(away.total_seconds()))
            eventually(partial(told_of, stage, begun + away), LATE_S, stage.whole.said)
        assert stage.ear.phases <= {"HOLDING", "PAUSED"}, "no jump was noticed"
        stage.until(False, "let go when it has left, or for a rest")
        eventually(lambda: "left" in stage.log_is_whole(allow_open=True), LATE_S, stage.whole.said)
        stage.until(True, "and the next one is held")


def test_a_disk_that_cannot_be_written_at_the_start(tmp_path: Path, disk: SmallDisk) -> None:
    disk.read_only(True)
    with Stage(tmp_path, visit_s=6.0, data_dir=disk.at / "var") as stage:
        stage.until(True, "held")
        stage.until(False, "let go when it has left")
        assert "the door is guarded all the same" in stage.whole.said().replace("\n", " ")
