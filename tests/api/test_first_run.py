"""Before the first account: who gets in, the set-up code, and what changes once an account exists."""

from __future__ import annotations

import io
import logging
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from api.accounts.records import Grant
from api.accounts.service import Accounts
from api.accounts.setup_code import SetupCode, print_code
from api.problems import MEDIA_TYPE
from api.store import Store
from api.web import create_app
from tests.api.conftest import FakeLink
from tests.support.accounts import CHEAP, PASSWORD, RULES, Visitor, add_user, form_token

pytestmark = pytest.mark.anyio


@pytest.fixture
def reachable(store: Store, link: FakeLink) -> FastAPI:
    """A box that others than this machine can reach."""
    accounts = Accounts(store, replace(RULES, open_until_set_up=False), passwords=CHEAP)
    return create_app(store, link, version="1", accounts=accounts)


def fields(accounts: Accounts, **changes: str) -> dict[str, str]:
    return {"code": accounts.code.shown, "login": "ann", "name": "Ann", "password": PASSWORD} | changes


async def test_this_machine_may_look_and_release_but_not_see_faces_or_change_settings(
    visitor: Visitor,
) -> None:
    page = await visitor.get("/?lang=en")
    assert "Not set up: whoever uses this machine" in page.text.partition("<main")[2].partition("<script")[0]
    me = (await visitor.get("/api/v1/me")).json()
    assert me["by"] == "not-set-up"
    assert {"see_live", "release"} <= set(me["rights"])
    assert not {"see_originals", "configure", "manage_users", "see_audit"} & set(me["rights"])
    assert (await visitor.get("/users")).status_code == 403


async def test_elsewhere_only_the_set_up_answers(reachable: FastAPI) -> None:
    async with Visitor(reachable) as visitor:
        for path in ("/", "/statistics", "/events/1", "/sign-in"):
            answer = await visitor.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/setup"), path
        for path in ("/api/v1/events", "/api/v1/openapi.json", "/metrics", "/api/v1/health"):
            answer = await visitor.get(path)
            assert answer.status_code == 401
            assert answer.json()["type"] == "urn:liftguard:problem:not-set-up"
        for path in ("/setup", "/static/page.css", "/api/v1/health/live"):
            assert (await visitor.get(path)).status_code == 200


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-forwarded-host", "forwarded", "via", "x-real-ip"])
async def test_a_proxy_in_front_means_that_others_can_reach_it(visitor: Visitor, name: str) -> None:
    assert (await visitor.get("/", **{name: "203.0.113.7"})).headers["location"] == "/setup"


async def test_the_code_makes_the_first_admin_and_works_once(
    visitor: Visitor, accounts: Accounts, box: FastAPI
) -> None:
    answer = await visitor.form(
        "/setup", fields(accounts, code=accounts.code.shown.lower().replace("-", " "))
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    me = (await visitor.get("/api/v1/me")).json()
    assert (me["login"], me["by"]) == ("ann", "session")
    assert "manage_users" in me["rights"]
    async with Visitor(box) as other:
        assert (await other.get("/setup")).headers["location"] == "/sign-in"
        page = await other.get("/sign-in")
        again = await other.send("/setup", fields(accounts, login="eve") | {"csrf": form_token(page.text)})
        assert again.headers["location"] == "/sign-in"
        assert (await other.get("/")).headers["location"] == "/sign-in"
    assert [u.login for u in accounts.people.all()] == ["ann"]
    assert not accounts.code.is_right(accounts.code.shown)


async def test_a_wrong_code_is_refused_and_soon_slowed_down(visitor: Visitor, accounts: Accounts) -> None:
    for _ in range(5):
        answer = await visitor.form(
            "/setup?lang=en", fields(accounts, code="AAAAA-AAAAA-AAAAA-AAAAA"), "/setup"
        )
        assert answer.status_code == 403
        assert "The code is not right." in answer.text
    slowed = await visitor.form("/setup", fields(accounts))
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) >= 1
    assert accounts.people.all() == ()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"password": "short"}, 422),
        ({"password": "password1234"}, 422),
        ({"login": "a b"}, 422),
        ({"login": ""}, 422),
        ({"name": "x" * 121}, 422),
    ],
)
async def test_a_bad_name_or_password_spends_no_code(
    visitor: Visitor, accounts: Accounts, changes: dict[str, str], status: int
) -> None:
    assert (await visitor.form("/setup", fields(accounts, **changes))).status_code == status
    assert (await visitor.form("/setup", fields(accounts))).status_code == 303


async def test_an_account_made_elsewhere_closes_the_door_here(
    visitor: Visitor, store: Store, ticks: object
) -> None:
    assert (await visitor.get("/")).status_code == 200
    add_user(Accounts(store, RULES, passwords=CHEAP), "ann", Grant("admin"))  # the command line
    from tests.support.fakes import FakeClock

    assert isinstance(ticks, FakeClock)
    ticks.now_s += 1.0
    assert (await visitor.get("/")).headers["location"] == "/sign-in"
    assert (await visitor.get("/setup")).headers["location"] == "/sign-in"


async def test_a_store_that_never_answered_lets_nobody_in(link: FakeLink, tmp_path: object) -> None:
    app = create_app(Store("sqlite:////proc/nowhere/liftguard.db"), link, version="1")
    async with Visitor(app) as visitor:
        answer = await visitor.get("/api/v1/elevators")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert (await visitor.get("/")).status_code == 503


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_code_is_printed_at_a_terminal_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    code = SetupCode()
    terminal, file = Terminal(), io.StringIO()
    assert print_code(code, "http://127.0.0.1:8080", terminal)
    assert code.shown in terminal.getvalue()
    assert not print_code(code, "http://127.0.0.1:8080", file)
    assert file.getvalue() == ""
    assert code.shown not in repr(code)
    assert caplog.records == []


def test_every_code_is_another() -> None:
    codes = {SetupCode().shown for _ in range(50)}
    assert len(codes) == 50
    assert all(len(code) == 23 for code in codes)


async def test_the_sign_in_page_needs_an_account_first(visitor: Visitor) -> None:
    answer: httpx.Response = await visitor.get("/sign-in")
    assert answer.headers["location"] == "/setup"
