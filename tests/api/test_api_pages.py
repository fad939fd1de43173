"""The pages over HTTP: who may open what, what is around them, and what they load."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.accounts.who import Actor, Role
from api.pages.review import PAGE
from api.records import DoorAction, PhaseChange
from api.store import Store
from api.web import create_app
from tests.api.conftest import FakeLink
from tests.api.live_values import make_elevator, make_state
from tests.api.test_api_events import T0, add
from tests.support.events import make_event, make_file
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


# --- review and one event ----------------------------------------------------------------------------------


def judged(store: Store, event_id: str, **values: object) -> None:
    store.review(event_id, lambda before: replace(before, **values), by="x", at=T0)  # type: ignore[arg-type]


def listed(text: str) -> list[str]:
    return re.findall(r'<li class="item" data-event="([^"]*)"', text)


async def test_what_nobody_has_judged_comes_first(client: httpx.AsyncClient, store: Store) -> None:
    ids = [add(store, minute) for minute in range(4)]
    judged(store, ids[3], verdict="confirmed")
    judged(store, ids[1], verdict="false_alarm", locked=True)
    text = (await client.get("/review?lang=en")).text
    assert listed(text) == [ids[2], ids[0], ids[3], ids[1]]
    assert ids[0] in text.partition("<h2>Reviewed lately")[0]
    assert ids[3] not in text.partition("<h2>Reviewed lately")[0]
    assert '<b class="count">2</b>' in text
    for view, expected in (
        ("all", ids[::-1]),
        ("confirmed", [ids[3]]),
        ("false_alarm", [ids[1]]),
        ("locked", [ids[1]]),
        ("unsure", []),
    ):
        assert listed((await client.get(f"/review?view={view}")).text) == expected, view
    none = (await client.get("/review?view=none&elevator=car-9&from=&to=&q=&outcome=")).text
    assert "No event is like that" in none


async def test_the_list_goes_on_where_it_ended(client: httpx.AsyncClient, store: Store) -> None:
    ids = [add(store, minute) for minute in range(PAGE + 5)][::-1]
    first = (await client.get("/review?lang=zh")).text
    assert listed(first) == ids[:PAGE]
    more = unescape(re.search(r'hx-get="([^"]*)"', first)[1])  # type: ignore[index]
    second = (await client.get(more)).text
    assert listed(second) == ids[PAGE:]
    assert "hx-get" not in second
    assert "<html" not in second
    assert "进行中" in second
    assert (await client.get("/fragments/review?cursor=made-up")).status_code == 422


async def test_words_of_a_note_find_an_event(client: httpx.AsyncClient, store: Store) -> None:
    one, two = add(store, 0), add(store, 1)
    judged(store, one, note="The courier of floor 3", labels=("courier",))
    assert listed((await client.get("/review?q=courier&view=all")).text) == [one]
    assert listed((await client.get(f"/review?q={two}&view=all")).text) == [two]
    odd = (await client.get("/review", params={"q": '<script>"', "view": "all"})).text
    assert '<script>"' not in odd


async def test_an_event_shows_its_files_or_why_there_are_none(
    app: FastAPI, client: httpx.AsyncClient, store: Store
) -> None:
    event = store.event(add(store, 0))
    assert event is not None
    new = make_event(event.started_at, id=event.id)
    store.put_file(make_file(new, started_at=event.started_at - timedelta(seconds=5)))
    store.put_file(make_file(new, segment=1, started_at=event.started_at + timedelta(seconds=10)))
    store.put_file(make_file(new, "thumbnail", state="failed", reason="the disk was full", sha256=None))
    text = (await client.get(f"/fragments/review/{event.id}?lang=en")).text
    track = json.loads(re.search(r'class="track">(.*?)</script>', text, re.S)[1])  # type: ignore[index]
    assert [clip["offset_s"] for clip in track["clips"]] == [-5.0, 10.0]
    assert track["clips"][1]["url"] == f"/api/v1/events/{event.id}/clip?segment=1"
    assert "the disk was full" in text
    assert "Part 2" in text
    assert f"/events/{event.id}" in (await client.get(f"/review?event={event.id}")).text


async def test_each_role_sees_its_part_of_an_event(app: FastAPI, store: Store) -> None:
    event = store.event(add(store, 0))
    assert event is not None
    store.put_file(make_file(make_event(event.started_at, id=event.id)))
    seen: dict[str, tuple[bool, bool]] = {}
    for role in ("viewer", "guard", "manager"):
        fresh = create_app(store, FakeLink(), version="1")
        sign_in(fresh, role)
        transport = httpx.ASGITransport(fresh)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as one:
            text = (await one.get(f"/events/{event.id}?lang=en")).text
        seen[role] = ("<video" in text, 'data-say="confirmed"' in text)
    assert seen == {"viewer": (False, False), "guard": (True, False), "manager": (True, True)}


async def test_the_way_to_the_events_before_and_after(client: httpx.AsyncClient, store: Store) -> None:
    ids = [add(store, minute) for minute in range(3)]
    text = (await client.get(f"/events/{ids[1]}")).text
    assert f'rel="next" href="/events/{ids[0]}' in text
    assert f'rel="prev" href="/events/{ids[2]}' in text
    assert 'rel="prev"' not in (await client.get(f"/events/{ids[2]}")).text


async def test_the_story_of_an_event_names_who_let_the_door_go(
    client: httpx.AsyncClient, store: Store
) -> None:
    event_id = add(store, 0)
    at = T0 + timedelta(seconds=4)
    store.add_phase_change(PhaseChange("car-1", at, "HOLDING", "INHIBITED", "remote_release", event_id))
    store.add_door_action(DoorAction("car-1", at, "release", "Lin Wei", "a <wheelchair> waits", event_id))
    text = (await client.get(f"/events/{event_id}?lang=en")).text
    assert "Lin Wei: a &lt;wheelchair&gt; waits" in text
    assert "Hands off" in text
