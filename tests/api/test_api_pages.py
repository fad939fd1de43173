"""The pages over HTTP: who may open what, what is around them, and what they load."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.accounts.who import Actor, Role
from api.store import Store
from tests.api.conftest import FakeLink
from tests.api.live_values import make_elevator, make_state
from tests.api.test_api_events import add
from tests.support.signed_in import sign_in, sign_in_as

pytestmark = pytest.mark.anyio
STATIC = Path(__file__).parents[2] / "api" / "static"
HTML = {"accept": "text/html,application/xhtml+xml"}


def places(text: str) -> list[str]:
    nav = text.partition('<nav class="places"')[2].partition("</nav>")[0]
    return re.findall(r'href="([^"?]*)', nav)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("viewer", ["/", "/review", "/statistics", "/devices"]),
        ("manager", ["/", "/review", "/statistics", "/devices"]),
        ("admin", ["/", "/review", "/statistics", "/devices", "/settings", "/audit", "/users"]),
    ],
)
async def test_the_navigation_shows_where_one_may_go(
    app: FastAPI, client: httpx.AsyncClient, role: Role, expected: list[str]
) -> None:
    sign_in(app, role)
    assert places((await client.get("/statistics")).text) == expected


async def test_a_page_says_in_words_that_one_may_not_see_it(app: FastAPI, client: httpx.AsyncClient) -> None:
    sign_in_as(app, Actor("x", "Nobody", frozenset()))
    answer = await client.get("/statistics?lang=en", headers=HTML)
    assert answer.status_code == 403
    assert "You may not see this page" in answer.text
    assert places(answer.text) == []
    program = await client.get("/statistics")
    assert program.headers["content-type"] == "application/problem+json"


async def test_events_of_other_elevators_are_not_shown(
    app: FastAPI, client: httpx.AsyncClient, store: Store, link: FakeLink
) -> None:
    link.now = make_state(make_elevator(), make_elevator(id="car-2", name="The other"))
    mine, other = add(store, 0), add(store, 1, "car-2")
    sign_in(app, "viewer", frozenset({"car-1"}))
    assert (await client.get(f"/events/{mine}")).status_code == 200
    assert (await client.get(f"/events/{other}")).status_code == 403
    text = (await client.get("/statistics?span=own&from=2026-02-28&to=2026-03-02")).text
    assert "<strong>1</strong>" in text
    assert "The other" not in text
    assert "The other" not in (await client.get("/devices")).text


async def test_the_language_is_remembered(client: httpx.AsyncClient) -> None:
    assert "统计" in (await client.get("/statistics?lang=zh")).text
    assert "统计" in (await client.get("/statistics")).text
    english = await client.get("/statistics?lang=en&span=month")
    assert "Reaction times" in english.text
    assert 'href="/statistics?span=month&amp;lang=zh"' in english.text  # the switch keeps what was chosen
    assert client.cookies["liftguard_lang"] == "en"


@pytest.mark.parametrize("query", ["span=year", "from=yesterday", "elevator=../x", "lang=" + "z" * 50])
async def test_odd_questions_are_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/statistics?{query}")).status_code == 422


async def test_what_is_wrong_comes_first_on_the_devices_page(
    client: httpx.AsyncClient, link: FakeLink
) -> None:
    assert "Everything works." in (await client.get("/devices?lang=en")).text
    link.now = make_state(make_elevator(), make_elevator(id="car-2", name="Broken one", relay_ok=False))
    text = (await client.get("/devices?lang=en")).text
    assert "Broken one: Relay fails" in text.replace("\n", " ")
    assert text.index('id="dev-car-2"') < text.index('id="dev-car-1"')
    link.now = None
    assert "Guard is not running" in (await client.get("/fragments/devices?lang=en")).text


async def test_scripts_of_others_are_what_the_list_says_and_stay_in_the_browser(
    client: httpx.AsyncClient,
) -> None:
    listed = re.findall(r"\| `(\S+\.js)` .*`([0-9a-f]{64})`", (STATIC / "vendor" / "README.md").read_text())
    assert {name for name, _ in listed} == {path.name for path in (STATIC / "vendor").glob("*.js")}
    for name, digest in listed:
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest
        answer = await client.get(f"/static/vendor/{name}")
        assert answer.headers["cache-control"] == "no-cache"
        again = await client.get(f"/static/vendor/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
    page = (await client.get("/devices")).text
    for key in ("allowEval", "allowScriptTags", "includeIndicatorStyles"):
        assert f'"{key}":false' in page
