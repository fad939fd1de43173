"""Set-up, sign-in and sign-out in a real browser, which decides itself what it says of a form's origin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from api.accounts.service import Accounts
from api.store import Store
from api.web import create_app, make_server
from tests.api.conftest import FakeLink
from tests.support.accounts import CHEAP, PASSWORD, RULES
from tests.support.chromium import CHROMIUM, WHY_NOT, headless
from tests.support.waiting import eventually
from tests.support.whole import free_port

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Accounts]]:
    store = Store(tmp_path / "liftguard.db")
    store.migrate()
    accounts = Accounts(store, RULES, passwords=CHEAP)
    port = free_port()
    app = create_app(store, FakeLink(), version="1", accounts=accounts)
    server = make_server(app, "127.0.0.1", port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, 30.0)
    yield f"http://127.0.0.1:{port}", accounts
    server.should_exit = True
    thread.join(20)
    store.close()


def test_set_up_sign_out_and_in_again_without_script(served: tuple[str, Accounts]) -> None:
    address, accounts = served
    with headless() as browser:
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(f"{address}/setup?lang=en")
        page.get_by_label("Set-up code").fill(accounts.code.shown)
        page.get_by_label("Login name").fill("ann")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        expect(page).to_have_url(f"{address}/")
        page.get_by_role("link", name="ann").click()
        page.get_by_role("button", name="Sign out").first.click()
        expect(page).to_have_url(f"{address}/sign-in")
        page.get_by_label("Login name").fill("ann")
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("The name or the password is not right.")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{address}/")
