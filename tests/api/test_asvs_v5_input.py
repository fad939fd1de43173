"""OWASP ASVS 4.0.3, chapters 5 (input), 12 (files) and 13 (API). Numbers stand at the tests."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.accounts.audit_store import AuditFilter
from api.accounts.forms import local_path
from api.accounts.records import Grant, clean_login
from api.accounts.rights import Actor
from api.accounts.service import Accounts
from tests.support.accounts import PASSWORD, Visitor, add_user, bearer

pytestmark = pytest.mark.anyio


@given(st.text(max_size=60))
@example("//evil.example")
@example("/\\evil.example")
@example("https://evil.example/")
@example("/a\r\nset-cookie: x=y")
@example("javascript:alert(1)")
def test_5_1_5_a_sign_in_never_leads_to_another_site(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/")
    assert path[1:2] not in {"/", "\\"}
    assert path.isprintable()
    assert path in {text, "/"}


async def test_5_1_5_the_sign_in_page_leads_back_to_where_one_wanted_to_go(
    visitor: Visitor, accounts: Accounts
) -> None:
    add_user(accounts, "ann", Grant("viewer"))
    answer = await visitor.get("/statistics?span=week&lang=zh")
    assert answer.headers["location"] == "/sign-in?next=/statistics%3Fspan%3Dweek%26lang%3Dzh"
    done = await visitor.sign_in("ann", page=answer.headers["location"])
    assert done.headers["location"] == "/statistics?span=week&lang=zh"
    evil = await visitor.get("/sign-in?next=//evil.example/")
    assert evil.headers["location"] == "/"


@given(st.text(max_size=80))
def test_5_1_3_a_login_name_has_one_spelling(text: str) -> None:
    try:
        login = clean_login(text)
    except ValueError:
        return
    assert clean_login(login) == login
    assert 1 <= len(login) <= 64
    assert login.isprintable()
    assert not set(login) & set("<>\"'&/\\ ;,:=")


async def test_5_3_3_names_are_text_wherever_they_are_shown(visitor: Visitor, accounts: Accounts) -> None:
    boss = add_user(accounts, "boss", Grant("admin"))
    await visitor.sign_in("boss")
    evil = "<script>alert(1)</script>"
    made = await visitor.form("/users", {"login": "eve", "name": evil, "role": "guard"})
    assert evil not in made.text
    assert "&lt;script&gt;" in made.text
    assert evil not in (await visitor.get("/users")).text
    token = await visitor.form("/account/tokens", {"name": evil, "scope:see_live": "1"}, "/account")
    assert evil not in token.text
    wrong = await visitor.get("/api/v1/audit", **bearer(accounts, boss))
    assert wrong.headers["content-type"] == "application/json"


@pytest.mark.parametrize("text", ["' OR 1=1 --", "%", "_", "a'; DROP TABLE users; --", "\\"])
async def test_5_3_4_what_is_searched_for_is_no_command(
    visitor: Visitor, accounts: Accounts, text: str
) -> None:
    header = bearer(accounts, add_user(accounts, "boss", Grant("admin")))
    accounts.trail.note(Actor("x", "x", frozenset()), "user.change", "somebody")
    for name in ("actor_id", "target", "action"):
        answer = await visitor.http.get("/api/v1/audit", params={name: text}, headers=header)
        assert answer.json()["entries"] == []
    assert (await visitor.http.get("/api/v1/audit", params={"action": "user.*"}, headers=header)).json()[
        "entries"
    ]
    assert accounts.trail.entries(10, None, AuditFilter(action="%.*"))[0] == ()
    assert (await visitor.sign_in(text)).status_code == 401
    assert len(accounts.people.all()) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/static/../settings.py",
        "/static/%2e%2e/settings.py",
        "/static/..%2fsettings.py",
        "/static//etc/passwd",
    ],
)
async def test_12_3_1_no_file_outside_the_static_folder_is_given_out(visitor: Visitor, path: str) -> None:
    assert (await visitor.get(path)).status_code == 404


async def test_12_1_1_a_large_body_is_refused_before_it_is_read(visitor: Visitor, accounts: Accounts) -> None:
    add_user(accounts, "ann", Grant("viewer"))
    answer = await visitor.send("/sign-in", {"login": "a" * 60_000, "password": PASSWORD})
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", "application/xml", ""])
async def test_13_1_5_other_kinds_of_bodies_are_refused(
    visitor: Visitor, accounts: Accounts, kind: str
) -> None:
    add_user(accounts, "ann", Grant("viewer"))
    for path in ("/sign-in", "/api/v1/tokens"):
        answer = await visitor.http.post(path, content=b"login=a", headers={"content-type": kind})
        assert answer.status_code == 415
    form = {"content-type": "application/x-www-form-urlencoded"}
    for method in ("PUT", "DELETE"):
        assert (
            await visitor.http.request(method, "/account", content=b"a=b", headers=form)
        ).status_code == 415


async def test_13_2_1_other_methods_are_refused(visitor: Visitor, accounts: Accounts) -> None:
    header = bearer(accounts, add_user(accounts, "boss", Grant("admin"))) | {
        "content-type": "application/json"
    }
    for method, path in (("DELETE", "/api/v1/users"), ("PATCH", "/api/v1/me"), ("TRACE", "/api/v1/events")):
        assert (await visitor.http.request(method, path, headers=header)).status_code in {405, 411, 415}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Basic YTpi", 303),  # of a proxy that asks for a password: not meant for us
        ("Bearer", 303),
        ("Bearer ", 303),
        ("Bearer x", 303),
        ("bearer lg_", 303),
        ("Bearer lg_\u00e9", 303),
        ("Bearer " + "lg_" + "x" * 5000, 303),
    ],
)
async def test_13_1_4_any_other_authorization_is_nobody(
    visitor: Visitor, accounts: Accounts, header: str, status: int
) -> None:
    add_user(accounts, "ann", Grant("viewer"))
    sent = {b"authorization": header.encode("latin-1")}
    assert (await visitor.http.get("/", headers=sent)).status_code == status
    assert (await visitor.http.get("/api/v1/events", headers=sent)).status_code == 401
