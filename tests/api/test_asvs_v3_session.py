"""OWASP ASVS 4.0.3, chapter 3: sessions. The number of each requirement stands at its test."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from api.accounts.doorkeeper import CHECK_S
from api.accounts.keys import digest_of
from api.accounts.records import Grant
from api.accounts.rights import Right
from api.accounts.service import Accounts, Browser
from api.store import Store
from tests.api.conftest import FakeLink
from tests.api.live_values import make_state
from tests.api.test_api_live import Asgi, pictures_of
from tests.support.accounts import PASSWORD, Visitor, Wall, add_user, bearer, form_token
from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def ann(accounts: Accounts) -> None:
    add_user(accounts, "ann", Grant("admin"))


async def test_3_1_1_and_3_2_3_the_secret_is_in_a_cookie_that_scripts_cannot_read(visitor: Visitor) -> None:
    answer = await visitor.sign_in("ann")
    secret = visitor.cookie()
    assert secret is not None
    assert secret not in answer.headers["location"]
    for path in ("/", "/account"):
        assert secret not in (await visitor.get(path)).text


async def test_3_2_1_signing_in_makes_a_new_session_and_ends_the_old(
    visitor: Visitor, accounts: Accounts
) -> None:
    await visitor.sign_in("ann")
    first = visitor.cookie()
    assert first is not None
    page = form_token((await visitor.get("/account")).text)
    await visitor.send("/sign-in", {"login": "ann", "password": PASSWORD, "csrf": page})
    assert visitor.cookie() not in {None, first}
    assert accounts.keeper.look_up(first) is None


async def test_3_2_1_a_session_that_somebody_planted_is_not_taken_on(visitor: Visitor) -> None:
    planted = "A" * 43
    visitor.http.cookies.set("liftguard_session", planted, domain="127.0.0.1")
    await visitor.sign_in("ann")
    assert planted not in str(visitor.http.cookies.jar).replace(visitor.cookie() or "-", "")


def test_3_2_2_the_secret_has_256_bits(accounts: Accounts) -> None:
    secrets_ = {accounts.sign_in("ann", PASSWORD, Browser()) for _ in range(20)}
    assert len(secrets_) == 20
    assert all(len(s) == 43 for s in secrets_)


def test_3_2_3_the_store_holds_nothing_that_could_be_used(
    accounts: Accounts, store: Store, tmp_path: Path
) -> None:
    secret = accounts.sign_in("ann", PASSWORD, Browser())
    header = bearer(accounts, accounts.people.all()[0])
    store.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("liftguard.db*"))
    assert digest_of(secret).encode() in raw
    for hidden in (secret, header["authorization"].split()[1], PASSWORD):
        assert hidden.encode() not in raw


async def test_3_3_1_signing_out_ends_the_session_for_good(visitor: Visitor) -> None:
    await visitor.sign_in("ann")
    secret = visitor.cookie()
    answer = await visitor.form("/sign-out", {}, "/account")
    assert answer.headers["location"] == "/sign-in"
    assert visitor.cookie() is None
    visitor.http.cookies.set("liftguard_session", secret or "", domain="127.0.0.1")
    assert (await visitor.get("/account")).headers["location"] == "/sign-in?next=/account"


async def test_3_3_2_a_session_ends_when_it_is_idle_and_anyway_after_a_day(
    visitor: Visitor, wall: Wall, ticks: FakeClock
) -> None:
    await visitor.sign_in("ann")
    for _ in range(23):  # used every hour less a minute
        wall.on(minutes=59)
        ticks.now_s += 59 * 60
        assert (await visitor.get("/account")).status_code == 200
    wall.on(minutes=60)
    assert (await visitor.get("/account")).status_code == 303, "idle for an hour"
    await visitor.sign_in("ann")
    for _ in range(26):
        wall.on(minutes=56)
        ticks.now_s += 56 * 60
        last = await visitor.get("/account")
    assert last.status_code == 303, "a day has passed"


async def test_3_3_3_and_3_3_4_one_sees_and_ends_ones_other_sessions(box: FastAPI, visitor: Visitor) -> None:
    async with Visitor(box, address="192.0.2.1") as phone, Visitor(box, address="192.0.2.2") as desk:
        for who in (visitor, phone, desk):
            await who.sign_in("ann")
        page = (await visitor.get("/account")).text
        assert "192.0.2.1" in page
        assert "192.0.2.2" in page
        assert (await phone.get("/account")).status_code == 200
        await visitor.form("/account/sessions/end", {}, "/account")
        for who in (phone, desk):
            assert (await who.get("/account")).status_code == 303
        assert (await visitor.get("/account")).status_code == 200
        await phone.sign_in("ann")
        await visitor.form(
            "/account/password", {"current": PASSWORD, "new": "the other lift is slower"}, "/account"
        )
        assert (await phone.get("/account")).status_code == 303, "a new password ends every other session"
        assert (await visitor.get("/account")).status_code == 200


async def test_3_4_the_cookie_is_httponly_samesite_and_for_the_whole_path(visitor: Visitor) -> None:
    said = (await visitor.sign_in("ann")).headers["set-cookie"].lower()
    assert said.startswith("liftguard_session=")
    for part in ("httponly", "samesite=lax", "path=/"):
        assert part in said
    assert "domain=" not in said


async def test_3_4_1_and_3_4_4_under_tls_it_is_secure_and_bound_to_the_host(box: FastAPI) -> None:
    async with Visitor(box, base="https://127.0.0.1:8080") as visitor:
        said = (await visitor.sign_in("ann")).headers["set-cookie"]
        assert said.startswith("__Host-liftguard_session=")
        assert "; secure" in said.lower()
        assert (await visitor.get("/account")).status_code == 200
        visitor.http.cookies.clear()
        name, _, value = said.partition(";")[0].partition("=")
        assert name == "__Host-liftguard_session"
        visitor.http.cookies.set("liftguard_session", value, domain="127.0.0.1")
        assert (await visitor.get("/account")).status_code == 303, "without the prefix it does not count"


async def test_3_5_2_a_program_has_a_token_that_ends(
    visitor: Visitor, accounts: Accounts, wall: Wall, ticks: FakeClock
) -> None:
    user = accounts.people.all()[0]
    header = bearer(accounts, user, Right.SEE_EVENTS, days=1)
    assert (await visitor.get("/api/v1/events", **header)).status_code == 200
    assert (await visitor.get("/api/v1/elevators", **header)).status_code == 403, "not among its scopes"
    wall.on(days=1)
    ticks.now_s += CHECK_S
    ended = await visitor.get("/api/v1/events", **header)
    assert ended.status_code == 401
    assert 'error="invalid_token"' in ended.headers["www-authenticate"]
    for wrong in ("lg_" + "A" * 43, "nonsense", "", (visitor.cookie() or "x")):
        answer = await visitor.get("/api/v1/events", authorization=f"Bearer {wrong}")
        assert answer.status_code == 401


async def test_3_5_2_a_session_is_no_token_and_a_token_no_session(
    visitor: Visitor, accounts: Accounts
) -> None:
    await visitor.sign_in("ann")
    secret = visitor.cookie()
    visitor.http.cookies.clear()
    assert (await visitor.get("/api/v1/events", authorization=f"Bearer {secret}")).status_code == 401
    token = bearer(accounts, accounts.people.all()[0])["authorization"].split()[1]
    visitor.http.cookies.set("liftguard_session", token, domain="127.0.0.1")
    assert (await visitor.get("/api/v1/events")).status_code == 401


async def test_3_7_1_a_token_cannot_change_an_account_or_make_tokens(
    visitor: Visitor, accounts: Accounts
) -> None:
    header = bearer(accounts, accounts.people.all()[0])
    body = {"name": "more", "scopes": ["see_live"]}
    assert (await visitor.http.post("/api/v1/tokens", json=body, headers=header)).status_code == 403
    assert (await visitor.get("/account", **header)).status_code == 403


# --- what runs for long -------------------------------------------------------------------------------------


class Ending(list[Any]):
    """What guard says, time passing between; before the third the session ends."""

    def __init__(self, one: Any, ticks: FakeClock, end: Callable[[], object]) -> None:
        super().__init__([one] * 20)
        self.ticks, self.end = ticks, end

    def __iter__(self) -> Iterator[Any]:
        for n, one in enumerate(super().__iter__()):
            if n == 2:
                self.end()
            self.ticks.now_s += CHECK_S
            yield one


async def test_live_pictures_end_when_the_session_does(
    box: FastAPI, accounts: Accounts, link: FakeLink, ticks: FakeClock
) -> None:
    secret = accounts.sign_in("ann", PASSWORD, Browser())
    link.pictures = Ending(link.pictures[0], ticks, lambda: accounts.end_session(digest_of(secret)))
    headers = {"origin": "http://127.0.0.1:8080", "cookie": f"liftguard_session={secret}"}
    viewer = pictures_of(box, headers=headers)
    messages = [await viewer.get()]
    while messages[-1]["type"] != "websocket.close":
        messages.append(await viewer.get())
    assert messages[-1]["code"] == 4401
    assert len([m for m in messages if "bytes" in m]) <= 2
    await viewer.leave()
    assert link.watching == 0


async def test_the_stream_of_states_ends_when_the_session_does(
    box: FastAPI, accounts: Accounts, link: FakeLink, ticks: FakeClock
) -> None:
    secret = accounts.sign_in("ann", PASSWORD, Browser())
    link.states = Ending(make_state(), ticks, lambda: accounts.end_session(digest_of(secret)))
    stream = Asgi(box, "http", "/api/v1/live", {"cookie": f"liftguard_session={secret}"})
    assert (await stream.get())["status"] == 200
    bodies = [await stream.get()]
    while bodies[-1].get("more_body"):
        bodies.append(await stream.get())
    assert bodies[-1]["body"] == b""
    assert len(bodies) <= 4
    await stream.task


# --- the store fails ----------------------------------------------------------------------------------------


async def test_whoever_is_signed_in_still_sees_the_doors_when_the_disk_breaks(
    visitor: Visitor, box: FastAPI, store: Store, tmp_path: Path, ticks: FakeClock, wall: Wall
) -> None:
    await visitor.sign_in("ann")
    assert (await visitor.get("/api/v1/elevators")).status_code == 200
    store.close()
    for path in tmp_path.glob("liftguard.db*"):
        path.unlink()
    with sqlite3.connect(tmp_path / "liftguard.db"):
        pass  # an empty file: no table is there
    ticks.now_s += CHECK_S
    wall.on(seconds=CHECK_S)
    assert (await visitor.get("/api/v1/elevators")).status_code == 200
    assert (await visitor.get("/")).status_code == 200
    async with Visitor(box) as stranger:
        assert (await stranger.get("/api/v1/elevators")).status_code == 401
        assert (await stranger.get("/")).headers["location"] == "/sign-in"
        answer = await stranger.sign_in("ann")
        assert answer.status_code == 503
    body = {"reason": "resident waits"}
    done = await visitor.http.post(
        "/api/v1/elevators/car-1/release", json=body, headers={"origin": visitor.base}
    )
    assert done.status_code == 200, (
        "a release is harmless: it is done, and the log says it could not be noted"
    )
    wall.on(hours=25)
    assert (await visitor.get("/api/v1/elevators")).status_code in {401, 503}
