"""The replay format is a contract, and the same pictures give the same lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.replay import Replay, ReplaySummary, json_line
from api.replay_command import sentence
from hardware.hold import HoldRules
from tests.support.fakes import Box, ScriptedDetector, make_frames
from vision.perceive import Perceiver
from vision.types import E_BIKE, WHEELCHAIR

E_BIKE_BOX: Box = (E_BIKE, 0.9, (10.0, 10.0, 40.0, 40.0))
WHEELCHAIR_BOX: Box = (WHEELCHAIR, 0.9, (10.0, 10.0, 40.0, 40.0))


def run(
    script: Any, frames: int, fps: float = 10.0, **rules: Any
) -> tuple[list[dict[str, Any]], ReplaySummary]:
    lines: list[dict[str, Any]] = []
    perceiver = Perceiver(ScriptedDetector(script), operating_conf=lambda _: 0.4)
    summary = Replay(perceiver, HoldRules(**rules), lines.append).run(make_frames(frames, fps))
    return lines, summary


def visit(first: int, last: int, box: Box = E_BIKE_BOX) -> Any:
    return lambda n: [box] if first <= n < last else []


def test_a_visit_is_one_event_from_suspicion_to_release() -> None:
    lines, summary = run(visit(20, 60), 200)
    assert [(x["before"], x["after"], x["reason"]) for x in lines if x["type"] == "phase"] == [
        ("BLIND", "IDLE", "presence_fresh"),
        ("IDLE", "SUSPECT", "suspected"),
        ("SUSPECT", "HOLDING", "confirmed"),
        ("HOLDING", "IDLE", "not_seen"),
    ]
    started, ended = [x for x in lines if x["type"] == "event"]
    assert list(started) == [
        "type",
        "t_s",
        "frame",
        "event",
        "number",
        "class",
        "zone",
        "score",
        "track_id",
        "xyxy",
    ]
    assert (started["event"], started["number"], started["class"], started["zone"]) == (
        "started",
        1,
        "e_bike",
        "cabin",
    )
    assert list(ended) == [
        "type",
        "t_s",
        "frame",
        "event",
        "number",
        "outcome",
        "hold_s",
        "pulses",
        "last_seen_s",
    ]
    assert (ended["event"], ended["outcome"], ended["pulses"]) == ("ended", "left", 1)
    assert summary.events == 1
    assert summary.false_pre_holds == 0
    held_s = next(x for x in lines if x.get("reason") == "not_seen")["t_s"] - 2.0
    assert summary.hold_s == pytest.approx(held_s, abs=0.051)


def test_lines_come_in_order_of_time_and_are_one_line_each() -> None:
    lines, _ = run(visit(20, 60), 200)
    times = [x["t_s"] for x in lines]
    assert times == sorted(times)
    for line in lines:
        text = json_line(line)
        assert "\n" not in text
        assert json.loads(text) == line


def test_a_wheelchair_is_left_alone() -> None:
    lines, summary = run(visit(20, 100, WHEELCHAIR_BOX), 150)
    assert [x["after"] for x in lines] == ["IDLE"]
    assert (summary.events, summary.hold_s, summary.false_pre_holds) == (0, 0, 0)


def test_a_flicker_is_a_counted_false_pre_hold() -> None:
    lines, summary = run(visit(20, 21), 100)
    assert [x["after"] for x in lines if x["type"] == "phase"] == ["IDLE", "SUSPECT", "IDLE"]
    assert (summary.events, summary.false_pre_holds) == (0, 1)
    assert 0 < summary.hold_s <= 1.1


def test_a_vehicle_that_stays_to_the_end_ends_its_event() -> None:
    lines, summary = run(visit(20, 1000), 100)
    assert lines[-1]["event"] == "ended"
    assert lines[-1]["outcome"] == "end_of_input"
    assert summary.events == 1


def test_a_long_stay_escalates() -> None:
    lines, summary = run(visit(0, 10_000), 500, cap_s=20.0, pulse_s=8.0)
    assert [x["event"] for x in lines if x["type"] == "event"] == ["started", "escalated", "ended"]
    assert summary.events == 1
    assert any(x["type"] == "phase" and x["after"] == "PAUSED" for x in lines)


@pytest.mark.parametrize("fps", [1.0, 5.0, 10.0, 25.0, 30.0, 60.0])
def test_simulated_time_is_the_frames_time_at_any_rate(fps: float) -> None:
    frames = int(20 * fps)
    lines, summary = run(visit(int(5 * fps), int(12 * fps)), frames, fps)
    assert summary.duration_s == pytest.approx((frames - 1) / fps)
    if fps >= 5:
        started = next(x for x in lines if x.get("event") == "started")
        assert 5.0 <= started["t_s"] <= 6.0
        assert started["frame"] == pytest.approx(started["t_s"] * fps, abs=0.06 * fps + 1)


def test_replays_are_deterministic() -> None:
    assert run(visit(20, 60), 200)[0] == run(visit(20, 60), 200)[0]


def test_the_summary_line_is_complete() -> None:
    _, summary = run(visit(20, 60), 100)
    line = summary.line(skipped=0, model="m", model_sha256="0" * 64)
    assert list(line) == [
        "type",
        "frames",
        "inferred",
        "duration_s",
        "events",
        "hold_s",
        "false_pre_holds",
        "skipped",
        "model",
        "model_sha256",
    ]
    assert line["frames"] == 100


def test_every_line_can_be_read_by_a_person() -> None:
    lines, summary = run(visit(0, 10_000), 500, cap_s=20.0, pulse_s=8.0)
    lines.append(summary.line(skipped=2, model="m", model_sha256="0" * 64))
    said = "\n".join(sentence(line) for line in lines)
    assert "E-BIKE confirmed, event 1" in said
    assert "escalated" in said
    assert "2 unreadable left out" in said


def test_nothing_to_replay_is_no_event() -> None:
    lines, summary = run(visit(0, 1), 0)
    assert lines == []
    assert summary.frames == 0


def test_the_documented_examples_have_the_keys_of_real_lines() -> None:
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    section = text.split("## `liftguard replay --json`")[1].split("\n## ")[0]
    documented = {}
    for line in section.splitlines():
        if line.startswith("{"):
            example = json.loads(line)
            documented[example["type"], example.get("event")] = list(example)
    lines, summary = run(visit(20, 60), 200)
    lines.append(summary.line(skipped=0, model="m", model_sha256="0" * 64))
    assert documented == {(x["type"], x.get("event")): list(x) for x in lines}
