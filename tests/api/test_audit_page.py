"""The audit page: every action in words, whether the trail is whole, and the trail as a file."""

from __future__ import annotations

import ast
import csv
import io
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.accounts.audit_store import AuditFilter
from api.accounts.who import RIGHTS, Actor
from api.i18n import WORDS
from api.store import Store
from tests.support.signed_in import sign_in

pytestmark = pytest.mark.anyio
API = Path(__file__).parents[2] / "api"
ANN = Actor("u1", "Ann", RIGHTS["manager"])


def noted_actions() -> set[str]:
    """Every action that the source notes into a trail, where it is written out."""
    found = set()
    for path in API.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or len(node.args) < 3:
                continue
            named = [
                a.attr if isinstance(a, ast.Attribute) else getattr(a, "id", "")
                for a in (node.func, *node.args[:1])
            ]
            action = next((a for a in node.args[1:3] if isinstance(a, ast.Constant)), None)
            if "note" in named and action is not None and isinstance(action.value, str):
                found.add(action.value)
    return found


def test_every_action_that_is_noted_has_words() -> None:
    actions = (
        noted_actions()
        | {f"door.{what}" for what in ("release", "rearm")}
        | {f"{what}.read{how}" for what in ("evidence", "camera") for how in ("", "_original")}
    )
    assert {"sign_in", "event.read", "settings.change", "guard.restart", "user.create"} <= actions
    for lang, words in WORDS.items():
        assert sorted(a for a in actions if f"audit.{a}" not in words) == [], lang


async def test_the_trail_can_be_taken_away_and_that_is_noted(app: FastAPI, client: httpx.AsyncClient) -> None:
    trail = app.state.parts.accounts.trail
    for n in range(203):  # more than one read of the store
        trail.note(ANN, "event.read", f"event-{n}")
    trail.note(ANN, "event.review", '=HYPERLINK("http://example.org")', 'a, "b"')
    sign_in(app, "admin")
    answer = await client.get("/audit.csv?action=event.*")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) == 204
    assert rows[0]["target"].startswith("'="), "a spreadsheet must not run it"
    assert rows[0]["detail"] == 'a, "b"'
    assert rows[1]["digest"] == rows[0]["previous"]
    (export,), _ = trail.entries(5, None, AuditFilter(action="audit.export"))
    assert (export.actor_name, export.detail) == ("Admin", "action=event.%2A")


async def test_only_who_may_see_the_trail_takes_it_away(app: FastAPI, client: httpx.AsyncClient) -> None:
    sign_in(app, "manager")
    assert (await client.get("/audit.csv")).status_code == 403
    assert (await client.get("/audit")).status_code == 403


async def test_the_page_says_whether_the_trail_is_whole(
    app: FastAPI, client: httpx.AsyncClient, store: Store
) -> None:
    trail = app.state.parts.accounts.trail
    for n in range(3):
        trail.note(ANN, "event.read", f"event-{n}")
    sign_in(app, "admin")
    assert "The trail is whole" not in (await client.get("/audit?lang=en")).text
    assert "The trail is whole" in (await client.get("/audit?lang=en&check=true")).text
    with store.writing("break it") as session:
        session.execute(text("DROP TRIGGER audit_entries_no_update"))
        session.execute(text("UPDATE audit_entries SET actor_name = 'Nobody' WHERE id = 2"))
    said = (await client.get("/audit?lang=en&check=true")).text
    assert "The trail is broken at entry 2" in said


async def test_a_sign_in_is_said_in_both_languages(app: FastAPI, client: httpx.AsyncClient) -> None:
    app.state.parts.accounts.trail.note(ANN, "sign_in", "ann", "password")
    sign_in(app, "admin")
    for lang, word in (("en", "Signed in"), ("zh", "登录")):
        assert word in (await client.get(f"/audit?lang={lang}")).text.partition("<tbody>")[2]
