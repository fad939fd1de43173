"""Signing in at a real OpenID provider on loopback: `oidc-provider-mock`, a process of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import httpx
import pytest
from fastapi import FastAPI

from api.accounts.oidc import Oidc
from api.accounts.records import Grant
from api.accounts.service import Accounts
from api.settings_web import OidcSettings
from api.store import Store
from api.web import create_app
from tests.api.conftest import FakeLink
from tests.support.accounts import CHEAP, RULES, Visitor, add_user
from tests.support.waiting import eventually
from tests.support.whole import free_port

pytestmark = pytest.mark.anyio

PEOPLE = [
    {"sub": "s-li", "preferred_username": "li.wei", "name": "Li Wei", "groups": ["north-guards"]},
    {"sub": "s-boss", "preferred_username": "boss", "name": "Boss Elsewhere", "groups": ["lift-admins"]},
    {"sub": "s-none", "preferred_username": "passer.by", "name": "Passer By", "groups": ["cooks"]},
]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running provider that knows three people."""
    port = free_port()
    folder = tmp_path_factory.mktemp("provider")
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    for person in PEOPLE:
        command += ["--user-claims", json.dumps(person)]
    log = folder / "provider.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder)
    issuer = f"http://localhost:{port}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(f"{issuer}/.well-known/openid-configuration", timeout=5):
                return True
        except URLError:
            return False

    eventually(answers, 60.0)
    yield issuer
    process.terminate()
    process.wait(20)


def settings_for(issuer: str) -> OidcSettings:
    roles = [
        {"group": "north-guards", "role": "guard", "estate": "North"},
        {"group": "lift-admins", "role": "admin"},
    ]
    return OidcSettings.model_validate(
        {
            "issuer": issuer,
            "client_id": "liftguard",
            "client_secret": "secret",
            "name": "Estate",
            "roles": roles,
        }
    )


@pytest.fixture
def accounts(store: Store, provider: str) -> Accounts:
    """Real clocks: the provider's tokens have real times."""
    accounts = Accounts(store, RULES, passwords=CHEAP, oidc=Oidc(settings_for(provider)))
    add_user(accounts, "boss", Grant("admin"))
    return accounts


@pytest.fixture
def box(store: Store, link: FakeLink, accounts: Accounts) -> FastAPI:
    return create_app(store, link, version="1", accounts=accounts)


async def at_provider(address: str, sub: str) -> str:
    """Say there who one is. Returns: where it leads back to."""
    async with httpx.AsyncClient() as http:
        answer = await http.post(address, data={"sub": sub})
        assert answer.status_code in {302, 303}, answer.text
        return answer.headers["location"]


async def leave(visitor: Visitor, path: str = "/sign-in/oidc") -> str:
    answer = await visitor.get(path)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def back(address: str) -> str:
    parts = urlsplit(address)
    assert parts.path == "/sign-in/oidc/return"
    return f"{parts.path}?{parts.query}"


async def test_the_whole_way_makes_an_account_with_the_roles_of_its_groups(
    visitor: Visitor, accounts: Accounts
) -> None:
    assert "Sign in with Estate" in (await visitor.get("/sign-in?lang=en")).text
    there = await leave(visitor, "/sign-in/oidc?next=/devices")
    query = parse_qs(urlsplit(there).query)
    assert query["response_type"] == ["code"]
    assert query["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge", "redirect_uri", "scope"} <= query.keys()
    done = await visitor.get(back(await at_provider(there, "s-li")))
    assert (done.status_code, done.headers["location"]) == (303, "/devices"), done.text
    me = (await visitor.get("/api/v1/me")).json()
    assert (me["login"], me["name"], me["elevators"]) == ("li.wei", "Li Wei", ["car-1"])
    assert "release" in me["rights"]
    await visitor.form("/sign-out", {}, "/account")
    await visitor.get(back(await at_provider(await leave(visitor), "s-li")))
    assert [u.login for u in accounts.people.all()] == ["boss", "li.wei"], "the second time it is the same"
    noted = [e.action for e in accounts.trail.entries()[0]]
    assert noted.count("sign_in") == 2
    assert noted.count("user.create") == 1


async def test_a_login_name_given_out_there_opens_no_account_made_here(
    visitor: Visitor, accounts: Accounts
) -> None:
    await visitor.get(back(await at_provider(await leave(visitor), "s-boss")))
    me = (await visitor.get("/api/v1/me")).json()
    assert me["login"] == "boss@localhost"
    assert len(accounts.people.all()) == 2


async def test_who_has_no_role_is_refused(visitor: Visitor, accounts: Accounts) -> None:
    answer = await visitor.get(back(await at_provider(await leave(visitor), "s-none")) + "&lang=en")
    assert answer.status_code == 403
    assert "nobody has given you a role" in answer.text
    assert visitor.cookie() is None
    assert [u.login for u in accounts.people.all()] == ["boss"]


async def test_who_was_disabled_here_stays_out(visitor: Visitor, accounts: Accounts) -> None:
    await visitor.get(back(await at_provider(await leave(visitor), "s-li")))
    user = accounts.people.find("li.wei")
    assert user is not None
    accounts.people.change(user.id, accounts.now(), disabled=True)
    visitor.http.cookies.clear()
    answer = await visitor.get(back(await at_provider(await leave(visitor), "s-li")))
    assert answer.status_code == 403


async def test_roles_follow_the_groups_at_every_sign_in(visitor: Visitor, accounts: Accounts) -> None:
    await visitor.get(back(await at_provider(await leave(visitor), "s-li")))
    user = accounts.people.find("li.wei")
    assert user is not None
    accounts.people.change(user.id, accounts.now(), grants=(Grant("manager"),))
    await visitor.get(back(await at_provider(await leave(visitor), "s-li")))
    again = accounts.people.find("li.wei")
    assert again is not None
    assert again.grants == (Grant("guard", estate="North"),)


async def test_the_answer_counts_once_and_in_the_browser_that_began(box: FastAPI, visitor: Visitor) -> None:
    where = back(await at_provider(await leave(visitor), "s-li"))
    async with Visitor(box) as other:
        assert (await other.get(where)).status_code == 401, "no cookie"
        await leave(other)
        assert (await other.get(where)).status_code == 401, "another state"
    changed = re.sub(r"state=[^&]*", "state=x", where)
    assert (await visitor.get(changed)).status_code == 401
    assert visitor.cookie() is None
    where = back(await at_provider(await leave(visitor), "s-li"))
    assert (await visitor.get(where)).status_code == 303
    visitor.http.cookies.delete("liftguard_session")
    assert (await visitor.get(where)).status_code == 401, "the cookie is gone, and the code was used"


async def test_a_code_with_another_nonce_is_refused(visitor: Visitor) -> None:
    """Somebody slips their own code into one's answer: the nonce in its token is another."""
    mine, theirs = await leave(visitor), ""
    theirs = re.sub(r"nonce=[^&]*", "nonce=somebody-else", mine)
    answer = await visitor.get(back(await at_provider(theirs, "s-li")))
    assert answer.status_code == 401


async def test_a_provider_that_does_not_answer_leaves_the_password(
    store: Store, link: FakeLink, tmp_path: Path
) -> None:
    accounts = Accounts(store, RULES, passwords=CHEAP, oidc=Oidc(settings_for("http://127.0.0.1:9")))
    add_user(accounts, "ann", Grant("viewer"))
    async with Visitor(create_app(store, link, version="1", accounts=accounts)) as visitor:
        answer = await visitor.get("/sign-in/oidc?lang=en")
        assert answer.status_code == 503
        assert "does not answer" in answer.text
        assert (await visitor.sign_in("ann")).status_code == 303


async def test_pkce_the_verifier_that_is_sent_fits_the_challenge(
    visitor: Visitor, accounts: Accounts
) -> None:
    assert accounts.oidc is not None
    url, cookie = await accounts.oidc.begin("http://127.0.0.1:8080/x", "/")
    kept = accounts.oidc._kept(cookie)
    digest = hashlib.sha256(kept["verifier"].encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert parse_qs(urlsplit(url).query)["code_challenge"] == [challenge]


@pytest.mark.parametrize(
    "issuer", ["http://login.example.org", "ftp://x.example", "login.example.org", "https://"]
)
def test_an_issuer_is_https(issuer: str) -> None:
    with pytest.raises(ValueError, match="https"):
        OidcSettings(issuer=issuer, client_id="x")
