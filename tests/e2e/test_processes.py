"""`liftguard run` for real: two processes, a clip, a mock pin, events in SQLite, and what gets killed."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.tiny_world import tiny_manifest, visit_clip
from tests.support.waiting import eventually
from tests.support.whole import START_S, Timeline, Whole

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LATE_S = 60.0
QUICK = {
    "LIFTGUARD_DETECTOR__THREADS": "1",
    "LIFTGUARD_ELEVATORS__0__HOLD__REJOIN_S": "2",
    "LIFTGUARD_ELEVATORS__0__HOLD__RELEASE_S": "1",
    "LIFTGUARD_ELEVATORS__0__CAMERA__LOOP": "true",
}


@pytest.fixture
def world(tmp_path: Path) -> dict[str, str]:
    clip = visit_clip(tmp_path / "visit.mp4", empty_s=2.0, visit_s=4.0, after_s=5.0)
    return {
        **QUICK,
        "LIFTGUARD_DETECTOR__MANIFEST": str(tiny_manifest(tmp_path / "model")),
        "LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE": str(clip),
    }


@pytest.fixture
def whole(tmp_path: Path, world: dict[str, str]) -> Iterator[Whole]:
    with Whole(tmp_path, world) as running:
        yield running


def ended(whole: Whole, outcome: str) -> list[str]:
    return [e["id"] for e in whole.get("/api/v1/events")["events"] if e["outcome"] == outcome]


def test_killing_web_does_not_disturb_guard(whole: Whole) -> None:
    before = whole.pids()
    eventually(lambda: whole.elevator()["phase"] == "HOLDING", LATE_S, whole.said)
    started = whole.get("/api/v1/health")["guard_started_at"]
    os.kill(before["web"], signal.SIGKILL)
    eventually(lambda: whole.pids().get("web") not in {None, before["web"]}, LATE_S, whole.said)
    eventually(lambda: whole.answers("/api/v1/health"), START_S, whole.said)
    assert whole.pids()["guard"] == before["guard"]
    assert whole.get("/api/v1/health")["guard_started_at"] == started
    eventually(lambda: len(ended(whole, "left")) >= 2, LATE_S, whole.said)
    detail = whole.get(f"/api/v1/events/{ended(whole, 'left')[-1]}")  # the one during which web was dead
    assert detail["pulses"] == 1
    assert 4.0 <= detail["hold_s"] <= 8.0
    offsets = [row["t_offset_s"] for row in detail["evidence"]]
    assert offsets == sorted(offsets)
    assert max(b - a for a, b in pairwise(offsets)) < 2.0


def test_killing_guard_in_a_hold_keeps_the_event_and_starts_released(whole: Whole) -> None:
    before = whole.pids()
    eventually(lambda: bool(whole.elevator()["open_event_id"]), LATE_S, whole.said)
    id_ = whole.elevator()["open_event_id"]
    eventually(lambda: bool(whole.get("/api/v1/events")["events"]), LATE_S, whole.said)
    os.kill(before["guard"], signal.SIGKILL)
    eventually(lambda: whole.pids().get("guard") not in {None, before["guard"]}, LATE_S, whole.said)
    eventually(lambda: id_ in ended(whole, "interrupted"), START_S, whole.said)
    first = whole.get(f"/api/v1/events/{id_}")
    assert first["class_name"] == "e_bike"
    eventually(lambda: bool(ended(whole, "left")), LATE_S, whole.said)  # and it goes on
    assert "guard ended with code -9" in whole.said()


def test_a_manager_lets_the_door_go_over_the_api(whole: Whole) -> None:
    timeline = Timeline(lambda: (whole.elevator()["phase"], whole.elevator()["energised"]))
    eventually(lambda: whole.elevator()["phase"] == "HOLDING", LATE_S, whole.said)
    reply = whole.post("/api/v1/elevators/car-1/release", {"reason": "a wheelchair has to get in"})
    assert reply["accepted"] is True
    eventually(lambda: whole.elevator()["phase"] == "INHIBITED", LATE_S, whole.said)
    assert whole.elevator()["energised"] is False
    timeline.stop()


def test_an_orderly_stop_says_so_and_leaves_nothing(tmp_path: Path, world: dict[str, str]) -> None:
    with Whole(tmp_path, world) as whole:
        eventually(lambda: whole.elevator()["phase"] == "HOLDING", LATE_S, whole.said)
        pids = whole.pids()
        assert whole.stop() == 0
    said = whole.said()
    assert "door held" in said
    assert "Traceback" not in said
    for pid in pids.values():
        assert not Path(f"/proc/{pid}").exists()
    with Whole(tmp_path, world) as again:  # the same data folder: events are still there
        assert len(ended(again, "stopped")) == 1


def test_a_second_run_on_the_same_folder_is_refused(whole: Whole, world: dict[str, str]) -> None:
    other = Whole(whole.folder, world)
    other.start()
    assert other.exit_code() == 2
    assert "another guard is running" in whole.said().replace("\n", " ")
    assert whole.get("/api/v1/health")["status"] == "ok"


def test_a_broken_model_is_refused_at_start(tmp_path: Path, world: dict[str, str]) -> None:
    (tmp_path / "model" / "weights" / "tiny.onnx").write_bytes(b"altered")
    whole = Whole(tmp_path, world)
    whole.start()
    assert whole.exit_code() == 2
    assert "sha256" in whole.said()
    assert "Traceback" not in whole.said()


def test_a_port_in_use_is_refused_with_advice(tmp_path: Path, world: dict[str, str]) -> None:
    whole = Whole(tmp_path, world)
    with socket.socket() as other:
        other.bind(("127.0.0.1", whole.port))
        other.listen()
        whole.start()
        assert whole.exit_code() == 2
    assert "choose another with --port" in whole.said().replace("\n", " ")
