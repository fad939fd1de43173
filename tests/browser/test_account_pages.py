"""Account pages with real sign-ins: each role, both languages, phone and desk, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from api.accounts.records import Grant
from api.accounts.service import Accounts
from api.notices.values import Answer
from api.notices.webhook_store import Webhooks
from api.settings import Settings
from api.store import Store
from api.times import utc_now
from api.web import create_app
from tests.api.conftest import FakeLink
from tests.browser.fake_guard import past_event
from tests.browser.looks import DESK, PHONE, too_small
from tests.browser.sites import Site, running
from tests.support.accounts import CHEAP, PASSWORD, RULES, add_user
from tests.support.chromium import CHROMIUM, WHY_NOT

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)]
ROLES = ("viewer", "guard", "manager", "admin")


@pytest.fixture
def accounts(store: Store) -> Accounts:
    return Accounts(store, RULES, passwords=CHEAP)


@pytest.fixture
def town(store: Store, accounts: Accounts, tmp_path: Path) -> Iterator[Site]:
    """A site whose accounts are asked for a password."""
    app = create_app(store, FakeLink(), version="1", accounts=accounts, settings=Settings(data_dir=tmp_path))
    with running(app, store, tmp_path) as site:
        yield site


def sign_in(page: Page, base: str, login: str) -> None:
    page.goto(f"{base}/sign-in?lang=en")
    page.locator('[name="login"]').fill(login)
    page.locator('[name="password"]').fill(PASSWORD)
    page.locator("button.main").click()
    page.wait_for_url(f"{base}/")


def looks_right(page: Page, address: str) -> None:
    """In light and dark, on a desk and on a phone, in both languages."""
    for lang, scheme, (width, height) in (("en", "light", DESK), ("zh", "dark", PHONE)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{address}?lang={lang}")
        expect(page.locator("h1")).to_have_count(1)
        for details in page.locator("details").all():
            details.evaluate("e => (e.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (address, width)
        found = Axe().run(page).response["violations"]
        assert not found, (address, scheme, [(v["id"], v["nodes"][0]["html"][:200]) for v in found])
        if (width, height) == PHONE:
            assert too_small(page) == [], address


def test_before_anybody_is_signed_in(town: Site, page: Page, accounts: Accounts) -> None:
    looks_right(page, f"{town.base}/setup")
    add_user(accounts, "ann", Grant("admin"))
    looks_right(page, f"{town.base}/sign-in")
    page.goto(f"{town.base}/sign-in?lang=zh")
    page.locator('[name="login"]').fill("ann")
    page.locator('[name="password"]').fill("nothing like it")
    page.locator("button.main").click()
    expect(page.get_by_role("alert")).to_have_text("登录名或密码不正确。")
    assert not Axe().run(page).response["violations"]


def test_an_admin_sees_to_people_tokens_and_webhooks(
    town: Site, page: Page, accounts: Accounts, store: Store, complaints: list[str]
) -> None:
    add_user(accounts, "ann", Grant("admin"))
    other = add_user(accounts, "bo", Grant("guard", elevator_id="car-1"))
    hooks = Webhooks(store, utc_now)
    hook = hooks.add(
        "https://alarm.example.org/a-rather-long-address/of-a-hook", "desk", ("event.ended",), None
    )
    hooks.tried(hooks.test(hook.id).id, Answer(False, "HTTP 410 Gone", gone=True))
    sign_in(page, town.base, "ann")
    for path in ("/account", "/users", f"/users/{other.id}", "/webhooks", "/audit"):
        looks_right(page, f"{town.base}{path}")
    page.goto(f"{town.base}/account?lang=en")
    expect(page.locator("#sessions-title + ul strong").first).to_have_text("Chrome · Linux")
    page.locator("#tokens summary").click()
    page.get_by_label("What it is for").fill("the caretaker's script")
    page.get_by_role("button", name="Make the token").click()
    expect(page.locator(".secret code")).to_contain_text("lg_")
    assert not Axe().run(page).response["violations"]
    assert complaints == []


@pytest.mark.parametrize("role", ROLES)
def test_each_role_in_its_own_browser(
    town: Site, browser: Browser, accounts: Accounts, store: Store, role: str
) -> None:
    """What the navigation offers opens, and nothing else does; what the page of an event offers differs."""
    add_user(accounts, "somebody", Grant(role))  # type: ignore[arg-type]
    event = past_event(store, timedelta(hours=1), "left", 8.0)
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    sign_in(page, town.base, "somebody")
    offered = [str(a.get_attribute("href")).partition("?")[0] for a in page.locator(".places a").all()]
    everything = ["/", "/review", "/statistics", "/devices", "/settings", "/audit", "/users"]
    assert offered == (everything if role == "admin" else everything[:4])
    for path in (*everything, "/webhooks"):
        answer = page.goto(f"{town.base}{path}?lang=en")
        assert answer is not None
        allowed = path in offered or (path == "/webhooks" and role == "admin")
        assert answer.status == (200 if allowed else 403), path
        if not allowed:
            expect(page.locator("main")).to_contain_text("You may not see this page")
    page.goto(f"{town.base}/events/{event}?lang=en")
    reviews = role in {"manager", "admin"}
    expect(page.locator(".verdicts")).to_have_count(1 if reviews else 0)
    expect(page.locator(".note-form")).to_have_count(1 if reviews else 0)
    expect(page.get_by_role("link", name="Export (zip)")).to_have_count(1 if reviews else 0)
    said = "You may not see clips" if role == "viewer" else "There is no clip"
    expect(page.locator(".noclip")).to_contain_text(said)
    page.goto(f"{town.base}/?lang=en")
    may = page.locator("#elevators").get_attribute("data-may-release")
    assert may == ("no" if role == "viewer" else "yes")
    context.close()
