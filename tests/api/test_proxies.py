"""Behind a proxy: what a trusted one says of who asks counts, what anybody else says of it does not."""

from __future__ import annotations

from typing import Final, cast

import pytest
from fastapi import FastAPI

from api.accounts.records import Grant
from api.accounts.service import Accounts
from api.protect import HSTS
from api.web import make_server
from tests.support.accounts import Visitor, add_user

pytestmark = pytest.mark.anyio
PROXY: Final = "10.0.0.7"
STRANGER: Final = "203.0.113.9"


def behind(box: FastAPI, *trusted: str) -> FastAPI:
    """The application as the server runs it with these `web.trusted_proxies`."""
    config = make_server(box, "127.0.0.1", 0, trusted_proxies=trusted).config
    config.load()
    return cast(FastAPI, config.loaded_app)


def through(app: FastAPI, peer: str, **forwarded: str) -> Visitor:
    """A visitor who connects from ``peer``, with these headers (``x_forwarded_for``)."""
    visitor = Visitor(app, address=peer)
    visitor.http.headers.update({name.replace("_", "-"): value for name, value in forwarded.items()})
    return visitor


async def fails(app: FastAPI, peer: str, said: list[str], login: str = "ann") -> list[int]:
    """Failed sign-ins, one for each X-Forwarded-For."""
    codes = []
    for number, address in enumerate(said):
        async with through(app, peer, x_forwarded_for=address) as visitor:
            codes.append((await visitor.sign_in(login, f"guess number {number}")).status_code)
    return codes


ADDRESSES: Final = [f"198.51.100.{n}" for n in range(6)]


@pytest.mark.parametrize("trusted", [(), (PROXY,), ("10.0.0.0/24",)])
async def test_a_stranger_cannot_change_who_is_counted(
    box: FastAPI, accounts: Accounts, trusted: tuple[str, ...]
) -> None:
    add_user(accounts, "ann", Grant("viewer"))
    app = behind(box, *trusted)
    assert await fails(app, STRANGER, ADDRESSES) == [401] * 5 + [429]


async def test_whom_a_trusted_proxy_names_is_counted(box: FastAPI, accounts: Accounts) -> None:
    add_user(accounts, "ann", Grant("viewer"))
    app = behind(box, PROXY)
    assert await fails(app, PROXY, ADDRESSES) == [401] * 6, "six people at one proxy"
    assert await fails(app, PROXY, [STRANGER] * 6) == [401] * 5 + [429], "one of them six times"


async def test_what_a_client_told_the_proxy_does_not_count(box: FastAPI, accounts: Accounts) -> None:
    """A proxy adds whom it saw at the right end; what stands left of it came from the client itself."""
    add_user(accounts, "ann", Grant("viewer"))
    app = behind(box, PROXY)
    chain = [f"{made_up}, {STRANGER}" for made_up in ADDRESSES]
    assert await fails(app, PROXY, chain) == [401] * 5 + [429]


@pytest.mark.parametrize(
    ("peer", "said", "noted"),
    [
        (STRANGER, "198.51.100.1", STRANGER),
        (PROXY, "198.51.100.1", "198.51.100.1"),
        (PROXY, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (PROXY, "2001:db8::5", "2001:db8::5"),
    ],
)
async def test_the_trail_and_the_session_name_who_really_asked(
    box: FastAPI, accounts: Accounts, peer: str, said: str, noted: str
) -> None:
    user = add_user(accounts, "ann", Grant("viewer"))
    async with through(behind(box, PROXY), peer, x_forwarded_for=said) as visitor:
        assert (await visitor.sign_in("ann")).status_code == 303
    (session,) = accounts.keys.sessions(user.id)
    assert session.address == noted
    assert {entry.address for entry in accounts.trail.entries()[0]} == {noted}


@pytest.mark.parametrize(("peer", "believed"), [(STRANGER, False), (PROXY, True)])
async def test_only_a_trusted_proxy_says_that_it_came_over_tls(
    box: FastAPI, accounts: Accounts, peer: str, believed: bool
) -> None:
    add_user(accounts, "ann", Grant("viewer"))
    async with through(behind(box, PROXY), peer, x_forwarded_proto="https") as visitor:
        answer = await visitor.get("/sign-in")
    cookies = answer.headers.get_list("set-cookie")
    assert any("visitor" in cookie for cookie in cookies)
    for cookie in cookies:
        if "visitor" in cookie:
            assert ("; Secure" in cookie) is believed
            assert cookie.startswith("__Host-") is believed
    assert answer.headers.get("strict-transport-security") == (HSTS if believed else None)


async def test_a_box_without_proxies_believes_nobody(box: FastAPI, accounts: Accounts) -> None:
    add_user(accounts, "ann", Grant("viewer"))
    async with through(behind(box), PROXY, x_forwarded_proto="https") as visitor:
        answer = await visitor.get("/sign-in")
    assert not any("Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))
    assert "strict-transport-security" not in answer.headers
