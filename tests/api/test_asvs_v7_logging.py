"""OWASP ASVS 4.0.3, chapter 7 (logging) and the audit trail: what is noted, and that it cannot be changed."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from api.accounts.audit_store import FIRST, AuditTrail
from api.accounts.records import Grant
from api.accounts.rights import Actor
from api.accounts.service import Accounts
from api.accounts.tables import AuditRow
from api.store import Store
from tests.api.conftest import FakeLink
from tests.api.test_api_events import add
from tests.support.accounts import PASSWORD, Visitor, Wall, add_user, bearer
from vision.errors import StorageError

pytestmark = pytest.mark.anyio
SOMEBODY = Actor("u1", "Ann", frozenset())


def actions(accounts: Accounts) -> list[tuple[str, str, str]]:
    """Oldest first: who, what, to what."""
    return [(e.actor_name, e.action, e.target) for e in reversed(accounts.trail.entries(200)[0])]


async def test_7_1_1_no_password_token_or_code_gets_into_the_log(
    visitor: Visitor, accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "correct horse battery staple"
    code = accounts.code.shown
    await visitor.form("/setup", {"code": code, "login": "ann", "name": "Ann", "password": secret})
    cookie = visitor.cookie() or "-"
    made = await visitor.form("/account/tokens", {"name": "x", "scope:see_live": "1"}, "/account")
    token = made.text.partition("<code>")[2].partition("</code>")[0]
    await visitor.form("/sign-out", {}, "/account")
    await visitor.sign_in(secret, "wrong")  # the password typed into the wrong field
    noted = str(accounts.trail.entries(200)[0])
    for hidden in (secret, code, code.replace("-", ""), cookie, token):
        assert hidden not in caplog.text
        assert hidden not in noted


async def test_7_2_1_sign_ins_and_failures_are_noted_with_their_address(
    box: FastAPI, accounts: Accounts
) -> None:
    add_user(accounts, "ann", Grant("viewer"))
    async with Visitor(box, address="192.0.2.9") as visitor:
        await visitor.sign_in("ann", "wrong")
        await visitor.sign_in("nobody", "wrong")
        await visitor.sign_in("ann")
        await visitor.form("/sign-out", {}, "/account")
    assert actions(accounts) == [
        ("not signed in", "sign_in.failed", "ann"),
        ("not signed in", "sign_in.failed", "(unknown name)"),
        ("Ann", "sign_in", "ann"),
        ("Ann", "sign_out", "ann"),
    ]
    assert {e.address for e in accounts.trail.entries()[0]} == {"192.0.2.9"}


async def test_every_change_of_accounts_and_every_read_of_an_event_is_noted(
    visitor: Visitor, accounts: Accounts, store: Store
) -> None:
    event = add(store, 0)
    boss = add_user(accounts, "boss", Grant("admin"))
    header = bearer(accounts, boss)
    http = visitor.http
    made = (await http.post("/api/v1/users", json={"login": "eve"}, headers=header)).json()["user"]["id"]
    body = {"name": "Eve", "grants": [{"role": "guard", "estate": "North"}]}
    await http.put(f"/api/v1/users/{made}", json=body, headers=header)
    await http.post(f"/api/v1/users/{made}/reset-password", json={}, headers=header)
    await http.get(f"/api/v1/events/{event}", headers=header)
    await http.post("/api/v1/elevators/car-1/release", json={"reason": "waits"}, headers=header)
    who = "Boss (test)"
    assert actions(accounts) == [
        (who, "user.create", "eve"),
        (who, "user.change", "eve"),
        (who, "password.reset", "eve"),
        (who, "event.read", event),
        (who, "door.release", "car-1"),
    ]
    answer = await http.get("/api/v1/audit?action=user.*&limit=1", headers=header)
    first = answer.json()
    assert first["entries"][0]["detail"] == "name eve -> Eve; roles none -> guard North"
    second = (await http.get(f"/api/v1/audit?action=user.*&cursor={first['next']}", headers=header)).json()
    assert [e["action"] for e in second["entries"]] == ["user.create"]
    assert second["next"] is None
    assert (await http.get("/api/v1/audit/check", headers=header)).json() == {
        "whole": True,
        "broken_at": None,
    }


async def test_what_cannot_be_noted_is_not_done_but_a_release_is(
    visitor: Visitor,
    accounts: Accounts,
    store: Store,
    link: FakeLink,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    event = add(store, 0)
    header = bearer(accounts, add_user(accounts, "boss", Grant("admin")))

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(AuditTrail, "note", full)
    http = visitor.http
    assert (await http.get(f"/api/v1/events/{event}", headers=header)).status_code == 503
    assert (await http.post("/api/v1/users", json={"login": "eve"}, headers=header)).status_code == 503
    assert [u.login for u in accounts.people.all()] == ["boss"]
    released = await http.post("/api/v1/elevators/car-1/release", json={"reason": "waits"}, headers=header)
    assert released.status_code == 200
    assert len(link.released) == 1
    assert "could not be audited" in caplog.text


def test_7_3_3_entries_cannot_be_changed_or_removed(accounts: Accounts, tmp_path: Path) -> None:
    for n in range(3):
        accounts.trail.note(SOMEBODY, "test", str(n))
    raw = sqlite3.connect(tmp_path / "liftguard.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("UPDATE audit_entries SET actor_name = 'Eve'")
    raw.close()
    assert accounts.trail.broken() is None


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE audit_entries SET actor_name = 'Eve' WHERE id = 2",
        "UPDATE audit_entries SET at = '2020-01-01 00:00:00.000000' WHERE id = 2",
        "DELETE FROM audit_entries WHERE id = 2",
        "UPDATE audit_entries SET target = 'x', digest = 'y' WHERE id = 2",
    ],
)
def test_7_3_3_what_was_changed_behind_the_triggers_back_shows(
    accounts: Accounts, tmp_path: Path, spoil: str
) -> None:
    for n in range(4):
        accounts.trail.note(SOMEBODY, "test", str(n), "detail\nforged line")
    assert accounts.trail.broken() is None
    with sqlite3.connect(tmp_path / "liftguard.db") as raw:
        raw.execute("DROP TRIGGER audit_entries_no_update")
        raw.execute("DROP TRIGGER audit_entries_no_early_delete")
        raw.execute(spoil)
    raw.close()
    broken = accounts.trail.broken()
    assert broken is not None
    assert broken.id in {2, 3}


def test_7_1_4_an_entry_is_one_line(accounts: Accounts) -> None:
    accounts.trail.note(Actor("x", "Ann\nroot", frozenset()), "test", "a\r\nb", "c\x1b[2Jd")
    entry = accounts.trail.entries()[0][0]
    assert (entry.actor_name, entry.target, entry.detail) == ("Ann root", "a  b", "c [2Jd")
    assert entry.previous == FIRST


def test_old_entries_go_and_the_chain_still_holds(accounts: Accounts, wall: Wall) -> None:
    for _ in range(5):
        accounts.trail.note(SOMEBODY, "old", "")
        wall.on(days=1)
    wall.on(days=400)
    accounts.trail.note(SOMEBODY, "new", "")
    assert accounts.trail.sweep(400) == 5
    assert [e.action for e in accounts.trail.entries()[0]] == ["new"]
    assert accounts.trail.broken() is None
    accounts.trail.note(SOMEBODY, "newer", "")
    assert accounts.trail.broken() is None


def test_the_trigger_keeps_a_month_whatever_a_program_asks(store: Store, accounts: Accounts) -> None:
    from api.times import utc_now

    young = AuditTrail(store, utc_now)
    young.note(SOMEBODY, "young", "")
    young.note(SOMEBODY, "younger", "")
    with pytest.raises(StorageError, match="30 days"), store.writing("test") as t:
        t.execute(delete(AuditRow))
    assert len(young.entries()[0]) == 2


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6))
def test_any_text_makes_a_whole_chain(texts: list[str]) -> None:
    store = Store("sqlite://")
    store.migrate()
    trail = AuditTrail(store, Wall())
    for text in texts:
        trail.note(Actor(text, text, frozenset()), text, text, text)
    assert trail.broken() is None
    assert len(trail.entries(200)[0]) == len(texts)
    store.close()


async def test_a_page_of_the_trail_needs_its_right(visitor: Visitor, accounts: Accounts) -> None:
    add_user(accounts, "boss", Grant("admin"))
    manager = bearer(accounts, add_user(accounts, "manager", Grant("manager")))
    answer: httpx.Response = await visitor.get("/api/v1/audit", **manager)
    assert answer.status_code == 403
    assert PASSWORD not in answer.text
