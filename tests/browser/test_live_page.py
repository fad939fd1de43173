"""The live page in headless Chromium, with a real web server, the real link and a guard to play a story."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from api.live import DoorState
from hardware.hold import Phase
from tests.browser.fake_guard import past_event
from tests.browser.sites import Site
from tests.support.chromium import CHROMIUM, WHY_NOT
from tests.support.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)]


CANVAS_COLOURS = """() => {
  const shown = document.querySelector('canvas');
  const c = document.createElement('canvas');
  [c.width, c.height] = [shown.width, shown.height];
  const pen = c.getContext('2d', { willReadFrequently: true });
  pen.drawImage(shown, 0, 0);
  const d = pen.getImageData(0, 0, c.width, c.height).data;
  const seen = new Map();
  for (let i = 0; i < d.length; i += 4) {
    const key = [d[i], d[i + 1], d[i + 2]].join();
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  return { colours: seen.size, blocked: seen.get('255,122,69') ?? 0 };
}"""


def test_an_e_bike_comes_and_goes(bare: Site, page: Page, complaints: list[str]) -> None:
    guard = bare.start_guard()
    page.goto(f"{bare.base}/")
    card = page.locator('[data-elevator="car-1"]')
    expect(card.locator(".sentence")).to_have_text("No e-bike in the elevator.")
    expect(card.locator(".position")).to_have_text("Closed · Floor 3")
    expect(card.locator(".release")).to_be_hidden()
    expect(page.locator("#events")).to_contain_text("No events yet.")
    expect(page.locator(".picture")).to_have_attribute("data-live", "yes")
    before = page.evaluate(CANVAS_COLOURS)
    assert before["colours"] > 50, "the canvas shows no picture"
    assert before["blocked"] == 0

    event_id = guard.hold()
    expect(card).to_have_attribute("data-phase", "HOLDING")
    expect(card.locator(".sentence")).to_have_text("Door held: e-bike in the elevator. Please take it out.")
    expect(page.locator("#announce")).to_contain_text("Door held")
    expect(page).to_have_title("● Elevator 1 · Door held")
    expect(card.locator(".door")).to_have_attribute("data-opening", "1.00")
    assert "translateX(-43px)" in (card.locator(".leaf.left").get_attribute("style") or "")
    expect(card.locator(".lamp.relay")).to_have_attribute("data-on", "yes")
    expect(page.locator("canvas")).to_have_attribute("aria-label", "In the picture: e-bike")
    assert page.evaluate(CANVAS_COLOURS)["blocked"] > 200, "no box around the e-bike"
    row = page.locator(f'tr[data-event="{event_id}"]')
    expect(row).to_contain_text("Going on")

    guard.leave()
    expect(card.locator(".sentence")).to_have_text("No e-bike in the elevator.")
    expect(row).to_contain_text("Left")
    expect(row).to_contain_text("12 s")
    assert complaints == []


def test_a_manager_lets_the_door_go(bare: Site, page: Page, complaints: list[str]) -> None:
    guard = bare.start_guard()
    guard.hold()
    page.goto(f"{bare.base}/?lang=en")
    page.get_by_role("button", name="Let the door go").press("Enter")
    expect(page.locator('input[name="reason"]')).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".release-form")).to_be_hidden()
    page.get_by_role("button", name="Let the door go").click()
    page.get_by_role("button", name="Let go now").click()  # a reason is required: nothing is sent
    assert guard.released == []
    page.get_by_role("button", name="Resident needs the elevator now").click()
    page.get_by_role("button", name="Let go now").click()
    expect(page.locator(".release-said")).to_have_text("The door was let go.")
    assert [(r.elevator_id, r.reason) for r in guard.released] == [
        ("car-1", "Resident needs the elevator now")
    ]
    expect(page.locator(".sentence")).to_contain_text("Hands off")
    expect(page.locator(".why")).to_have_text("Released by hand")
    expect(page.locator(".release")).to_be_hidden()
    assert complaints == []


def test_what_fails_is_said_and_what_comes_back_is_shown(
    bare: Site, page: Page, complaints: list[str]
) -> None:
    page.goto(f"{bare.base}/?lang=en")
    expect(page.locator("#guard-off")).to_be_visible()
    expect(page.locator("#guard")).to_have_text("Not running")

    guard = bare.start_guard()
    expect(page.locator(".picture")).to_have_attribute("data-live", "yes")
    expect(page.locator("#guard-off")).to_be_hidden()

    guard.camera = "lost"
    guard.go(Phase.BLIND, opening=0.0, bike=False)
    expect(page.locator(".camera")).to_have_text("Lost, connecting again")
    expect(page.locator(".nopicture")).to_be_visible()
    expect(page.locator(".sentence")).to_have_text("No usable picture. The door works as usual.")

    guard.close()
    bare.guards.clear()
    expect(page.locator("#guard-off")).to_be_visible()
    expect(page.locator(".elevator")).to_have_attribute("data-reachable", "no")
    expect(page.locator(".sentence")).to_have_text("Not known right now.")
    expect(page.locator(".elevator .body")).to_be_hidden()  # what it said is no longer known to be true
    expect(page.locator("#announce")).to_contain_text("Guard is not running.")

    bare.start_guard()
    expect(page.locator(".elevator")).to_have_attribute("data-reachable", "yes")
    expect(page.locator(".picture")).to_have_attribute("data-live", "yes")
    assert complaints == []


def test_an_event_in_chinese_and_in_local_time(bare: Site, page: Page, complaints: list[str]) -> None:
    event_id = past_event(bare.store, timedelta(days=3), "left", 24.6)
    page.goto(f"{bare.base}/?lang=zh")
    link = page.locator(f'tr[data-event="{event_id}"] a')
    event = bare.store.event(event_id)
    assert event is not None
    local = event.started_at + timedelta(hours=8)
    expect(link).to_contain_text(f"{local:%H:%M:%S}")
    link.click()
    expect(page.locator(".event-title")).to_contain_text("电动自行车")
    expect(page.locator("time").first).to_contain_text(f"{local:%H:%M:%S}")
    assert page.locator(".curve .score").get_attribute("points")
    expect(page.locator(".timeline li")).to_have_count(6)
    page.locator(".lang").click()
    expect(page.locator("h3").last).to_have_text("What happened")
    assert complaints == []


LABELS = """() => {
  const pen = CanvasRenderingContext2D.prototype;
  const { clearRect, fillRect, fillText } = pen;
  let rects = [], texts = [];
  pen.clearRect = function (...a) {
    window.drawn = { rects, texts };
    [rects, texts] = [[], []];
    return clearRect.apply(this, a);
  };
  pen.fillRect = function (...a) { rects.push(a); return fillRect.apply(this, a); };
  pen.fillText = function (...a) { texts.push(a[0]); return fillText.apply(this, a); };
}"""
"""Notes what is written on each picture, and on which rectangles."""


@pytest.mark.parametrize("width", [320, 1280])
def test_labels_cover_each_other_nowhere_and_say_how_sure_only_where_it_counts(
    bare: Site, page: Page, width: int, complaints: list[str]
) -> None:
    guard = bare.start_guard()
    guard.crowd = True
    guard.hold()
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{bare.base}/?lang=en")
    page.evaluate(LABELS)
    eventually(lambda: page.evaluate("window.drawn?.texts.length") == 4, what="four labels")
    drawn = page.evaluate("window.drawn")
    assert sorted(drawn["texts"]) == ["e-bike 97 %", "person", "person", "wheelchair"]
    rects = drawn["rects"]
    assert len(rects) == 4
    for i, (ax, ay, aw, ah) in enumerate(rects):
        for bx, by, bw, bh in rects[:i]:
            apart = ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
            assert apart, f"labels cover each other: {rects}"
    assert complaints == []


def test_an_elevator_that_is_gone_leaves_nothing_behind(
    bare: Site, page: Page, complaints: list[str]
) -> None:
    page.add_init_script(
        """window.timers = new Set();
        const [set, clear] = [window.setInterval, window.clearInterval];
        window.setInterval = (...a) => { const id = set(...a); timers.add(id); return id; };
        window.clearInterval = (id) => { timers.delete(id); clear(id); };"""
    )
    guard = bare.start_guard()
    page.goto(f"{bare.base}/?lang=en")
    expect(page.locator(".elevator")).to_have_count(1)
    timers = page.evaluate("timers.size")
    guard.second = True
    expect(page.locator(".elevator")).to_have_count(2)
    eventually(lambda: guard.link.frames_wanted("car-2"), what="pictures of car-2 to be wanted")
    assert page.evaluate("timers.size") > timers
    guard.second = False
    expect(page.locator(".elevator")).to_have_count(1)
    eventually(lambda: not guard.link.frames_wanted("car-2"), what="the place to be free")
    assert page.evaluate("timers.size") == timers
    assert complaints == []


def test_a_voice_is_shown_only_where_there_is_one(bare: Site, page: Page) -> None:
    guard = bare.start_guard()
    guard.hold()
    page.goto(f"{bare.base}/?lang=en")
    expect(page.locator(".relay-text")).to_have_text("On")
    expect(page.locator(".voice-row")).to_be_hidden()
    guard.changes = {"voice_installed": True}
    expect(page.locator(".voice-row")).to_be_visible()
    expect(page.locator(".voice-text")).to_have_text("On")
    guard.changes = {"voice_installed": True, "voice_detail": "the player ended with code 1"}
    expect(page.locator(".voice-trouble")).to_be_visible()
    expect(page.locator(".voice-row")).to_be_hidden()  # "On" would not be true


def test_a_door_as_its_contacts_tell_it(bare: Site, page: Page) -> None:
    guard = bare.start_guard()
    page.goto(f"{bare.base}/?lang=en")
    guard.changes = {"door": DoorState(position="moving", floor=-1, simulated=False)}
    expect(page.locator(".position")).to_have_text("Moving · Floor -1")
    expect(page.locator(".door")).to_have_attribute("data-opening", "0.50")
    expect(page.locator(".door-trouble")).to_be_hidden()
    expect(page.locator(".simulated")).to_be_hidden()
    guard.changes = {"door": DoorState(position="fault", simulated=False, detail="both are closed")}
    expect(page.locator(".position")).to_have_text("Contacts are not right")
    expect(page.locator(".door .floor")).to_have_text("–")
    expect(page.locator(".door-trouble")).to_be_visible()
    expect(page.locator(".door-trouble")).to_have_attribute("title", "both are closed")
    guard.changes = {"door": DoorState(position="open", opening=1.0, floor=12, simulated=False)}
    expect(page.locator(".position")).to_have_text("Open · Floor 12")
    expect(page.locator(".door-trouble")).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (1280, 800), (2560, 1440)])
def test_nothing_sticks_out_at_any_size(bare: Site, page: Page, width: int, height: int) -> None:
    past_event(bare.store, timedelta(days=1), "interrupted", 8)
    bare.start_guard().hold()
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{bare.base}/?lang=en")
    expect(page.locator(".picture")).to_have_attribute("data-live", "yes")
    page.get_by_role("button", name="Let the door go").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
