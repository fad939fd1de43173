"""Set-up, sign-in and sign-out in a real browser, which decides itself what it says of a form's origin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from api.accounts.service import Accounts
from api.store import Store
from api.web import create_app
from tests.api.conftest import FakeLink
from tests.browser.sites import served
from tests.support.accounts import CHEAP, PASSWORD, RULES
from tests.support.chromium import CHROMIUM, WHY_NOT

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)]


@pytest.fixture
def accounts(store: Store) -> Accounts:
    return Accounts(store, RULES, passwords=CHEAP)


@pytest.fixture
def address(store: Store, accounts: Accounts) -> Iterator[str]:
    with served(create_app(store, FakeLink(), version="1", accounts=accounts)) as address:
        yield address


def test_set_up_sign_out_and_in_again_without_script(
    address: str, accounts: Accounts, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
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
    context.close()
