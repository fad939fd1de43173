"""The bundled clip goes the whole way, with the shipped model: camera, relay, event, page.

An e-bike is pushed in, stays and leaves; then a wheelchair and a stroller come and go. What is when comes
from the renderer (`vision/samples/elevator.json`), not from what some detector once saw.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from api import cli
from tests.support.chromium import CHROMIUM, WHY_NOT, headless
from tests.support.rtsp_server import RtspServer, repeated, why_not
from tests.support.waiting import eventually
from tests.support.whole import Timeline, Whole

SAMPLES = Path(__file__).parents[2] / "vision" / "samples"
TRUTH: dict[str, Any] = json.loads((SAMPLES / "elevator.json").read_text("utf-8"))
BIKE = TRUTH["intervals"]["e_bike"]
FULLY_S = BIKE["last_fully_s"] - BIKE["first_fully_s"]
PARTLY_S = BIKE["last_partly_s"] - BIKE["first_partly_s"]
CONFIRM_S = 3.0
"""Latest confirmation after the first full view, when the e-bike still stands small on the landing.

The design's 0.7 s is a goal for the first full view inside the car; benchmarks measure it, no test does.
"""
DOUBT_S = 1.1  # a pre-hold that is not confirmed lasts a second, and is seen to end in the next picture
RELEASE_S = 3.0  # design: let go within this of being out of view

LATE_S = 150.0
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@cache
def first_replay() -> list[dict[str, Any]]:
    return replay()


def replay() -> list[dict[str, Any]]:
    result = CliRunner().invoke(cli.app, ["replay", "sample", "--json"])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_on_a_simulated_clock_the_door_is_held_for_the_e_bike_and_for_nothing_else() -> None:
    lines = first_replay()
    summary = lines[-1]
    assert summary["frames"] == TRUTH["frames"]
    assert summary["events"] == 1
    assert summary["false_pre_holds"] <= 1, "it may doubt once: at an e-bike far away, at half a stroller"
    phases = [(x["t_s"], x["after"]) for x in lines if x["type"] == "phase"]
    assert phases[0] == (0.0, "IDLE")
    assert phases[-1][1] == "IDLE"
    held = max(n for n, (_, after) in enumerate(phases) if after == "HOLDING")
    released_s, _ = next(phase for phase in phases[held:] if phase[1] == "IDLE")
    assert BIKE["first_partly_s"] <= phases[1][0]
    assert BIKE["last_fully_s"] <= released_s <= BIKE["last_partly_s"] + RELEASE_S
    # So it was let go before the wheelchair and the stroller came, and for these it was at most doubted:
    assert released_s < TRUTH["intervals"]["wheelchair"]["first_partly_s"]
    later = [(t_s, after) for t_s, after in phases if t_s > released_s]
    assert [after for _, after in later] in ([], ["SUSPECT", "IDLE"])
    assert all(b - a <= DOUBT_S for (a, _), (b, _) in pairwise(later))
    started = next(x for x in lines if x.get("event") == "started")
    assert (started["class"], started["zone"]) == ("e_bike", "cabin")
    assert BIKE["first_partly_s"] <= started["t_s"] <= BIKE["first_fully_s"] + CONFIRM_S
    ended = next(x for x in lines if x.get("event") == "ended")
    assert (ended["outcome"], ended["pulses"]) == ("left", 1)


def test_the_replay_of_the_clip_is_the_same_every_time() -> None:
    assert replay() == first_replay()


class Watch:
    """Samples the elevator while the clip plays."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole
        self.timeline = Timeline(self._sample)

    def _sample(self) -> tuple[str, bool, str, str]:
        now = self._whole.elevator()
        return now["phase"], now["energised"], now["door"]["position"], now["camera"]["state"]

    def stop(self) -> list[tuple[str, bool, str, str]]:
        return [tuple(change) for change in self.timeline.stop()]


def check_event(whole: Whole) -> dict[str, Any]:
    """The one event of the first pass, as the API tells it."""
    (event,) = [e for e in whole.get("/api/v1/events")["events"] if e["outcome"] == "left"]
    assert (event["class_name"], event["zone"], event["simulated"]) == ("e_bike", "cabin", True)
    assert event["pulses"] == 1
    assert FULLY_S - CONFIRM_S <= event["hold_s"] <= PARTLY_S + RELEASE_S
    assert event["escalated_at"] is None
    detail: dict[str, Any] = whole.get(f"/api/v1/events/{event['id']}")
    assert max(row["score"] for row in detail["evidence"]) > 0.9
    assert {row["phase"] for row in detail["evidence"]} >= {"HOLDING"}
    return detail


def check_files(whole: Whole, event: dict[str, Any]) -> None:
    """The event's clip begins before it, shows all of it and plays; its pictures are there."""

    def files() -> dict[str, dict[str, Any]]:
        found = whole.get(f"/api/v1/events/{event['id']}/files")["files"]
        return {file["kind"]: file for file in found}

    eventually(lambda: all(f["state"] == "stored" for f in files().values()), LATE_S, files)
    found = files()
    assert set(found) == {"clip", "snapshot", "snapshot_boxes", "thumbnail"}
    began = datetime.fromisoformat(event["started_at"]) - datetime.fromisoformat(found["clip"]["started_at"])
    # The first e-bike may be confirmed sooner than 5 s after the first picture: then with that one.
    first_s = min(3.0, BIKE["first_partly_s"])
    assert first_s <= began.total_seconds() <= 8, "5 s before the event, back to a key frame"
    (path,) = (whole.folder / "var" / "evidence").rglob("*-clip-0.mp4")
    with av.open(str(path)) as clip:
        shown = [frame.time or 0.0 for frame in clip.decode(video=0)]
    assert shown[-1] >= began.total_seconds() + event["hold_s"]
    assert len(shown) >= 0.9 * 10 * shown[-1], "ten pictures a second"


def check_relay(changes: list[tuple[str, bool, str, str]]) -> None:
    """Energised exactly while suspecting or holding, the door open meanwhile, never a protective stop."""
    for phase, energised, door, _ in changes:
        assert energised == (phase in {"SUSPECT", "HOLDING"})
        assert door != "protective_stop"
    assert changes[-1][1] is False
    holding = [phase == "HOLDING" for phase, _, _, _ in changes]
    # Guard may hold before web, which tells us, has come up: then the first sample is in the hold already.
    assert holding[0] + sum(b and not a for a, b in pairwise(holding)) == 1, "one hold"
    doors = [door for phase, _, door, _ in changes if phase == "HOLDING"]
    assert doors[-1] == "open"
    assert set(doors) <= {"closed", "opening", "open"}, "a held door never closes"


def check_page(page: Page) -> None:
    """What a property manager sees after the e-bike has left."""
    row = page.locator("tr[data-event]").first
    expect(row).to_contain_text("Left", timeout=60_000)
    expect(row).to_contain_text("E-bike", ignore_case=True)
    row.get_by_role("link").first.click()
    expect(page.locator("h1, h2").first).to_be_visible()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
def test_both_processes_hold_the_door_store_the_event_and_show_it(tmp_path: Path) -> None:
    # The stale limit is wide because CI machines stall; that the limit works is tested elsewhere.
    env = {"LIFTGUARD_ELEVATORS__0__HOLD__STALE_S": "2", "LIFTGUARD_DETECTOR__THREADS": "1"}
    with Whole(tmp_path, env) as whole, headless() as browser:
        watch = Watch(whole)
        page = browser.new_page(locale="en-GB")
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(whole.url("/"))
        card = page.locator('[data-elevator="car-1"]')
        expect(card.locator(".sentence")).to_contain_text("Door held", timeout=LATE_S * 1000)
        expect(card.locator(".lamp.relay")).to_have_attribute("data-on", "yes")
        expect(page.locator("canvas")).to_have_attribute("aria-label", re.compile("e-bike"), timeout=20_000)
        expect(card.locator(".sentence")).to_have_text("No e-bike in the elevator.", timeout=LATE_S * 1000)
        eventually(lambda: left(whole), LATE_S, whole.said)
        check_page(page)
        # the wheelchair and the stroller have passed once the clip begins again
        eventually(lambda: whole.elevator()["camera"]["frames"] >= TRUTH["frames"] - 20, LATE_S, whole.said)
        changes = watch.stop()
        state = whole.elevator()
        check_files(whole, check_event(whole))
        assert complaints == []
    check_relay(changes)
    assert state["false_pre_holds"] <= 1
    assert state["events"] == 1
    said = whole.said()
    assert "E-BIKE in the cabin, door held" in said
    assert "the e-bike is out, door let go" in said


@pytest.mark.rtsp
def test_the_clip_over_a_real_rtsp_camera(tmp_path: Path) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    clip = repeated(SAMPLES / TRUTH["file"], 3, tmp_path / "repeated.mp4")
    env = {"LIFTGUARD_ELEVATORS__0__HOLD__STALE_S": "2", "LIFTGUARD_DETECTOR__THREADS": "1"}
    with RtspServer(clip, login=("guard", "hunter2")) as camera:
        env["LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE"] = camera.url.replace("//", "//guard:hunter2@")
        check_lost_and_back(camera, tmp_path, env)


def check_lost_and_back(camera: RtspServer, folder: Path, env: dict[str, str]) -> None:
    with Whole(folder, env) as whole:
        eventually(lambda: whole.elevator()["phase"] == "HOLDING", LATE_S, whole.said)
        assert whole.elevator()["camera"]["state"] == "live"
        camera.kill()
        eventually(lambda: whole.elevator()["phase"] == "BLIND", LATE_S, whole.said)
        assert whole.elevator()["energised"] is False
        camera.start()
        eventually(lambda: whole.elevator()["camera"]["state"] == "live", LATE_S, whole.said)
        eventually(lambda: whole.elevator()["phase"] == "HOLDING", LATE_S, whole.said)
        assert "hunter2" not in whole.said()


def left(whole: Whole) -> bool:
    """Whether an event has ended because the vehicle left."""
    return any(e["outcome"] == "left" for e in whole.get("/api/v1/events")["events"])
