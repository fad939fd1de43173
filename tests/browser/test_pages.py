"""Every page in headless Chromium: nothing sticks out, nothing breaks the policy, axe-core finds nothing;
what a manager does in the morning works by key and by thumb.
"""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from api import overlay
from tests.browser.looks import DESK, PHONE, too_small
from tests.browser.sites import Site
from tests.support.chromium import CHROMIUM, WHY_NOT
from tests.support.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)]


def test_every_page_fits_and_can_be_read_by_everybody(site: Site, page: Page, complaints: list[str]) -> None:
    axe = Axe()
    places = ["/", "/review", f"/events/{site.ids[0]}", "/statistics", "/devices", "/settings", "/audit"]
    for n, place in enumerate(places):
        for scheme, (width, height) in (("light", DESK), ("dark", PHONE)):
            page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
            page.set_viewport_size({"width": width, "height": height})
            page.goto(f"{site.base}{place}?lang={'zh' if n % 2 else 'en'}")
            expect(page.locator("main")).to_be_visible()
            expect(page.locator(".places a[aria-current]")).to_have_count(1)
            if place == "/":
                expect(page.locator(".picture")).to_have_attribute("data-live", "yes")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (place, width)
            if width == PHONE[0]:
                assert too_small(page) == [], place
            found = axe.run(page).response["violations"]
            assert not found, (place, scheme, [(v["id"], v["nodes"][0]["html"][:200]) for v in found])
    assert complaints == []


def test_a_morning_by_keyboard(site: Site, page: Page, complaints: list[str]) -> None:
    one, two, three = site.ids
    page.goto(f"{site.base}/review?lang=en")
    detail = page.locator("#detail article")
    expect(detail).to_have_attribute("data-event", one)
    page.keyboard.press("c")
    expect(page.locator(".toast")).to_contain_text("Confirmed")
    expect(detail).to_have_attribute("data-event", two)  # on to the next
    assert site.said(one) == ("confirmed", None, False)
    expect(detail).to_contain_text("the disk was full")
    page.keyboard.press("f")
    expect(page.locator(".whys")).to_be_visible()
    page.keyboard.press("4")
    expect(detail).to_have_attribute("data-event", three)
    assert site.said(two) == ("false_alarm", "wheelchair", False)
    page.keyboard.press("l")
    expect(page.locator(f'.item[data-event="{three}"] .lock')).to_be_visible()
    assert site.said(three) == (None, None, True)
    page.keyboard.press("z")
    expect(page.locator(".toast")).to_contain_text("Undone")
    assert site.said(three) == (None, None, False)
    page.keyboard.press("k")
    expect(detail).to_have_attribute("data-event", two)
    page.keyboard.press("j")
    page.keyboard.press("u")
    eventually(lambda: site.said(three)[0] == "unsure")
    assert complaints == []


def test_the_curve_goes_with_the_clip(site: Site, page: Page, complaints: list[str]) -> None:
    page.goto(f"{site.base}/events/{site.ids[0]}?lang=en")
    detail = page.locator(".detail")
    expect(detail).to_have_attribute("data-at", "-5.00")
    page.evaluate("document.querySelector('video').currentTime = 8")
    expect(detail).to_have_attribute("data-at", "3.00")
    expect(page.locator(".at-phase")).to_have_text("Door held")
    box = page.locator(".curve").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 40 / 720, box["y"] + 20)  # its left edge: the clip's begin
    expect(page.locator(".at-time")).to_have_text("−5.0 s")
    page.keyboard.press("c")
    expect(page.locator('[data-say="confirmed"]')).to_have_attribute("aria-pressed", "true")
    assert complaints == []


def test_a_batch_and_its_undo(site: Site, page: Page, complaints: list[str]) -> None:
    page.goto(f"{site.base}/review?lang=en")
    expect(page.locator("#detail article")).to_be_visible()
    boxes = page.locator(".item .pick")
    boxes.nth(0).check()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.locator(".picked")).to_have_text("3 chosen")
    page.locator('[data-batch="confirmed"]').click()
    expect(page.locator(".toast")).to_contain_text("3 events changed")
    assert [site.said(i)[0] for i in site.ids] == ["confirmed"] * 3
    page.locator(".undo").click()
    expect(page.locator(".toast")).to_contain_text("Undone")
    assert [site.said(i)[0] for i in site.ids] == [None] * 3
    assert complaints == []


def test_a_phone_shows_one_thing_at_a_time(site: Site, page: Page, complaints: list[str]) -> None:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.goto(f"{site.base}/review?lang=en")
    expect(page.locator("#detail")).to_be_hidden()
    page.locator(".item .open").first.click()
    expect(page.locator("#detail article")).to_have_attribute("data-event", site.ids[0])
    expect(page.locator(".items")).to_be_hidden()
    for button in page.locator(".verdicts > button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["width"] >= 44, "a thumb needs 44 px"
        assert box["height"] >= 44
    page.go_back()
    expect(page.locator(".items")).to_be_visible()
    expect(page.locator("#detail")).to_be_hidden()
    assert complaints == []


def test_zones_by_mouse_and_by_keyboard(site: Site, page: Page, complaints: list[str]) -> None:
    page.goto(f"{site.base}/settings?lang=en")
    expect(page.locator(".test-picture")).to_be_visible()
    page.locator("[data-add=cabin]").click()
    points = page.locator(".point")
    expect(points).to_have_count(4)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    expect(points.first).to_have_attribute(
        "aria-label", "Point 1 of 4, Cabin: 21 % from the left, 25 % from the top"
    )
    page.keyboard.press("Enter")
    expect(points).to_have_count(5)
    page.locator(".undo-zone").click()
    expect(points).to_have_count(4)
    box = points.nth(2).bounding_box()
    area = page.locator(".zone-svg").bounding_box()
    assert box is not None
    assert area is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"], area["y"] + area["height"], steps=4)
    page.mouse.up()
    page.locator(".save-zones").click()
    expect(page.locator(".said-all")).to_have_text("Kept.")
    expect(page.locator(".pending")).to_be_visible()
    kept = overlay.read(site.folder)
    assert kept is not None
    zones = kept.changes.elevators["car-1"].zones
    assert zones is not None
    assert zones[0].polygon[0] == (0.21, 0.25)
    assert zones[0].polygon[2] == pytest.approx((1, 1), abs=0.01)
    assert complaints == []


def test_thresholds_are_tried_before_they_are_kept(site: Site, page: Page, complaints: list[str]) -> None:
    page.goto(f"{site.base}/settings?lang=en")
    page.locator('.thresholds [name="confirm_prob"]').fill("0.9999")
    page.locator(".try").click()
    expect(page.locator(".preview")).to_contain_text("Of 3 events 0 would still be held, 3 not.")
    assert overlay.read(site.folder) is None
    assert complaints == []


def test_a_door_that_was_let_go_is_armed_again(site: Site, page: Page, complaints: list[str]) -> None:
    site.guard.hold()
    page.goto(f"{site.base}/?lang=en")
    page.get_by_role("button", name="Let the door go").click()
    page.get_by_role("button", name="This is not an e-bike").click()
    page.get_by_role("button", name="Let go now").click()
    expect(page.locator(".released-left")).to_contain_text("Let go for")
    expect(page.locator(".behind")).to_be_visible()
    page.get_by_role("button", name="Arm again").click()
    expect(page.locator(".rearm")).to_be_hidden()
    assert [command.action for command in site.guard.asked] == ["release", "rearm"]
    assert complaints == []


def test_many_elevators_on_a_wall(site: Site, page: Page, complaints: list[str]) -> None:
    site.guard.second, site.guard.more = True, 4
    site.guard.hold()
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{site.base}/?lang=en")
    expect(page.locator(".elevator")).to_have_count(6)
    expect(page.locator("#summary")).to_have_text(
        "1 held · 1 without a picture or with a fault · 1 left alone · 3 watching"
    )
    tops = page.locator(".elevator").evaluate_all(
        "all => all.map(e => [e.offsetTop + e.offsetLeft, e.dataset.phase])"
    )
    assert min(tops)[1] == "HOLDING", "what is held comes first"
    assert complaints == []
