"""Settings changed in a browser, guard started again from there: the real processes do as the page says."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from api.accounts.records import Grant
from api.accounts.service import Accounts
from api.store import Store
from tests.support.accounts import CHEAP, PASSWORD, RULES, add_user
from tests.support.chromium import CHROMIUM, WHY_NOT, headless
from tests.support.tiny_world import tiny_manifest, visit_clip
from tests.support.whole import Whole

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT),
    pytest.mark.slow,  # two starts of two processes and a browser
    pytest.mark.timeout(300),
]
LATE_MS = 90_000  # a Python process starts on a busy machine


def test_a_schedule_and_a_zone_set_on_the_page_are_in_force_after_its_restart_button(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    store = Store(tmp_path / "var" / "liftguard.db")
    store.migrate()
    add_user(Accounts(store, RULES, passwords=CHEAP), "ann", Grant("admin"))
    store.close()
    env = {
        "LIFTGUARD_DETECTOR__THREADS": "1",
        "LIFTGUARD_DETECTOR__MANIFEST": str(tiny_manifest(tmp_path / "model")),
        "LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE": str(
            visit_clip(tmp_path / "empty.mp4", empty_s=5.0, visit_s=0.0, after_s=0.0)
        ),
        "LIFTGUARD_ELEVATORS__0__CAMERA__LOOP": "true",
    }
    today = datetime.now().astimezone()  # and the days beside it: midnight may come meanwhile
    days = ",".join(f"{today + timedelta(days=n):%a}" for n in (-1, 0, 1))
    whole = Whole(tmp_path, env)
    whole.start()
    try:
        with headless() as browser:
            page = browser.new_page(locale="en-GB")
            page.set_default_timeout(LATE_MS)
            expect.set_options(timeout=LATE_MS)
            whole.listens()
            page.goto(whole.url("/sign-in?lang=en"))
            page.locator('[name="login"]').fill("ann")
            page.locator('[name="password"]').fill(PASSWORD)
            page.locator("button.main").click()
            expect(page.locator(".elevator")).to_have_attribute("data-phase", "IDLE")

            page.goto(whole.url("/settings?lang=en"))
            page.locator("[data-add=cabin]").click()
            page.locator(".save-zones").click()
            expect(page.locator(".said-all")).to_have_text("Kept.")
            page.locator("form.schedule textarea").fill(days)
            page.locator("form.schedule button").click()
            expect(page.locator("#settings")).to_have_attribute("data-version", "2")
            expect(page.locator(".pending")).to_be_visible()
            before = whole.pids()["guard"]
            page.get_by_role("button", name="Start guard again now").click()
            expect(page.locator(".said-all")).to_have_text("Guard runs with the new settings.")
            expect(page.locator(".pending")).to_be_hidden()
            assert whole.pids()["guard"] != before

            page.reload()
            expect(page.locator("[aria-labelledby=history-title] tbody tr")).to_have_count(2)
            expect(page.locator(".point")).to_have_count(4)
            expect(page.locator("form.schedule textarea")).to_have_value(days)
            page.goto(whole.url("/?lang=en"))
            expect(page.locator(".elevator")).to_have_attribute("data-phase", "INHIBITED")
            expect(page.locator(".why")).to_have_text("Off by schedule")
    finally:
        whole.stop()
