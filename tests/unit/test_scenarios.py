"""Scenario files: what they may say, what they come to, and that a broken promise is found."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from api.replay import json_line
from api.simulate.command import list_scenarios, play_fast
from api.simulate.load import load, shipped
from api.simulate.play import Play
from api.simulate.sentences import sentence
from hardware.hold import Decision, Phase
from hardware.hold import step as hold_step
from tests.support.fakes import MemoryStore
from vision.errors import ConfigError

LONG = {"weekday", "stubborn", "everybody-else", "doorway"}
"""Played with `make test-slow`; they take seconds each."""
HEAD = "name: a test\nabout: nothing much\nstart: 2026-03-02 08:00:00\nlength: 0:20\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def play(path: Path, **more: Any) -> list[dict[str, Any]]:
    """All lines of a scenario."""
    lines: list[dict[str, Any]] = []
    performance = Play(load(path), lines.append, draw=False, **more)
    while not performance.over:
        performance.step()
    performance.finish()
    return lines


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in shipped()],
)
def test_every_shipped_scenario_comes_to_what_it_expects(name: str) -> None:
    lines = play(shipped()[name])
    summary = lines[-1]
    assert [line for line in lines if line["type"] == "check" and not line["ok"]] == []
    assert summary["ok"], summary
    assert summary["name"] == name, "the file is called as the scenario"
    assert all(sentence(line) and json.loads(json_line(line)) == line for line in lines)


def test_the_same_scenario_gives_the_same_lines() -> None:
    assert play(shipped()["e-bike"]) == play(shipped()["e-bike"])


def test_events_reach_the_store_as_guard_writes_them(tmp_path: Path) -> None:
    store = MemoryStore()
    play(shipped()["e-bike"], sink=lambda write: write.do(store))
    [event] = store.started
    assert (event.class_name, event.simulated, event.model_name) == ("e_bike", True, "scenario")
    assert (event.door, event.floor) == ("opening", 1)
    assert store.ended[event.id].outcome == "left"
    assert event.started_at.isoformat() == "2026-03-02T00:00:04+00:00", "08:00:04 in Shanghai"


def test_pictures_show_what_the_detector_says(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "happenings: [{at: 1, enters: {who: e_bike}}]\n")
    performance = Play(load(path), lambda line: None, draw=True)
    empty = None
    while not performance.over:
        performance.step()
        camera = performance.box.camera
        assert camera is not None
        if performance.now_s == 0.5:
            empty = camera._last[0]
    assert performance.box.elevator is not None
    live = performance.box.elevator.live()
    assert live is not None
    info, seen = live
    [box] = info.boxes
    assert (box.class_name, box.blocked) == ("e_bike", True)
    x1, y1, x2, y2 = (round(v) for v in box.xyxy)
    assert empty is not None
    inside = seen.frame.image[y1:y2, x1:x2].astype(int) - empty[y1:y2, x1:x2]
    assert abs(inside).max() > 50, "somebody is drawn where the box is"


def test_fast_gives_lines_and_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    good = write(tmp_path, HEAD + "expect: {events: 0}\n")
    out = io.StringIO()
    assert play_fast(str(good), json_lines=True, stdout=out, progress=False) == 0
    lines = [json.loads(text) for text in out.getvalue().splitlines()]
    assert [lines[0]["type"], lines[-1]["type"]] == ["scenario", "summary"]
    bad = write(tmp_path, HEAD + "expect: {events: 1, checks: [{at: 5, phase: HOLDING}]}\n")
    out = io.StringIO()
    assert play_fast(str(bad), json_lines=False, stdout=out, progress=True) == 1
    assert "FAILED at 5: phase HOLDING; seen: t_s 5.0, phase IDLE" in out.getvalue()
    assert out.getvalue().endswith("not as expected: events\nNOT as expected.\n")


def test_the_list_names_every_shipped_scenario() -> None:
    out = io.StringIO()
    list_scenarios(out)
    assert [line.split()[0] for line in out.getvalue().splitlines()] == list(shipped())


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("happenings: [{at: 1, explodes: true}]", 5, r"happenings\[1\]\.explodes: there is no such key"),
        ("happenings:\n  - {at: 1, enters: {who: elephant}}", 6, r"enters\.who: Input should be 'person'"),
        ("happenings:\n  - {at: 1}", 6, "say one thing per happening, got none"),
        ("happenings:\n  - {at: 1, fire: true, call: 2}", 6, "got call, fire"),
        ("happenings:\n  - {at: soon, fire: true}", 6, "'soon' is no time"),
        ("happenings:\n  - {at: 1, fire: yes}", 6, "valid boolean"),
        ("happenings:\n  - {at: 0:30, fire: true}", 1, "comes at 30 s, after the end at 20 s"),
        ("happenings:\n  - {at: 1, call: 99}", 1, "floor 99: this house has 1 to 6"),
        ("happenings:\n  - {at: 1, leaves: nobody}", 1, "'nobody' leaves and never enters"),
        ("happenings:\n  - {at: 1, clock: a bit}", 6, "'a bit' is no jump of the clock"),
        ("elevator: {wings: 2}", 5, "no such key: wings"),
        ("elevator: {travel_s: -1}", 5, r"elevator\.travel_s is -1"),
        ("elevator: {travel_s: fast}", 5, "wrong type"),
        ("box: {hold: {pulse_s: 60}}", 5, "pulse_s"),
        ("box: {schedule: {off: [noon]}}", 5, "schedule days 'noon'"),
        ("expect:\n  checks:\n    - {at: 1, phase: SLEEPING}", 7, "no phase 'SLEEPING'"),
        ("expect:\n  checks:\n    - {from: 9, to: 3, relay: held}", 7, "must come after"),
        ("expect:\n  checks:\n    - {at: 3}", 7, "say what is expected"),
        ("expect:\n  checks:\n    - {relay: held}", 7, "say when"),
        ("time_zone: Mars/Base", 5, "no time zone"),
        ("length: 0:30", 5, "'length' is there twice"),
    ],
)
def test_what_is_not_right_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load(write(tmp_path, HEAD + text + "\n"))
    assert f"line {line}:" in str(caught.value)


@pytest.mark.parametrize("text", ["", "just words", "name: [", "name: x"])
def test_what_is_no_scenario_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"scenario\.yaml"):
        load(write(tmp_path, text))


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"no scenario 'nope': give a file, or one of alarm-only"):
        play_fast("nope", json_lines=True, stdout=io.StringIO(), progress=False)


def test_times_may_be_written_in_three_ways(tmp_path: Path) -> None:
    text = HEAD + "happenings: [{at: 7, call: 1}, {at: 0:08, call: 1}, {at: 0:00:09.5, call: 1}]\n"
    assert [happening.at for happening in load(write(tmp_path, text)).happenings] == [7.0, 8.0, 9.5]


# --- a hold that breaks its promises is found ---------------------------------------------------------------


def broken_by(monkeypatch: pytest.MonkeyPatch, path: Path, energise: Any) -> list[str]:
    """The promises that are broken when ``energise(decision, inputs)`` decides about the relay."""

    def step(hold: Any, seen: Any, inputs: Any, now_s: float, rules: Any) -> Any:
        hold, decision = hold_step(hold, seen, inputs, now_s, rules)
        wrong = energise(decision, inputs)
        said = Decision(wrong, decision.voice, decision.phase, decision.t_s, decision.signals)
        return hold, said

    monkeypatch.setattr("hardware.controller.step", step)
    found: list[str] = play(path)[-1]["broken"]
    return found


BIKE = HEAD.replace("0:20", "1:20") + "happenings: [{at: 1, enters: {who: e_bike, stays: 25}}]\n"


def test_a_hold_that_never_lets_go_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = broken_by(monkeypatch, write(tmp_path, BIKE), lambda decision, inputs: True)
    assert set(broken) >= {
        "held only in SUSPECT and HOLDING",
        "at most 20 s in a row",
        "released within 3 s after the e-bike is out",
        "no protective stop by the relay alone",
    }


def test_a_hold_that_does_not_heed_fire_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = BIKE.replace("]\n", ", {at: 10, fire: true}]\n")
    broken = broken_by(
        monkeypatch, write(tmp_path, text), lambda decision, inputs: decision.energise or inputs.fire
    )
    assert "never held while an input says hands off" in broken


def test_a_kind_a_that_holds_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = BIKE + "box: {kind: A}\n"
    broken = broken_by(
        monkeypatch, write(tmp_path, text), lambda decision, inputs: decision.phase is Phase.HOLDING
    )
    assert broken == ["kind A never holds"]


def test_a_promise_that_should_break_and_does_not_is_no_success(tmp_path: Path) -> None:
    text = HEAD + "expect: {breaks: [no protective stop by the relay alone]}\n"
    assert play(write(tmp_path, text))[-1]["ok"] is False
