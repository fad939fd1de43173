"""Camera troubles over HTTP: the list, the picture, health, and who may see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.accounts.who import NOT_SET_UP, SCOPE_KEY, Actor, Right
from api.cameras.pictures import keep_picture, picture_path
from api.cameras.records import CameraTrouble
from api.load import load_settings
from api.records import new_event_id
from api.store import Store
from api.web import create_app
from tests.api.conftest import FakeLink
from tests.api.live_values import T0, make_elevator, make_state

pytestmark = pytest.mark.anyio
PATH = "/api/v1/camera-troubles"


def make_trouble(n: int = 0, elevator_id: str = "car-1") -> CameraTrouble:
    at = T0 + timedelta(minutes=n)
    return CameraTrouble(new_event_id(), elevator_id, f"{elevator_id}/cabin", "covered", at, at, at)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return tmp_path / "camera-troubles"


@pytest.fixture
def app(store: Store, link: FakeLink, tmp_path: Path) -> FastAPI:
    return make_app(store, link, tmp_path)


def make_app(store: Store, link: FakeLink, tmp_path: Path) -> FastAPI:
    settings = load_settings(env={"LIFTGUARD_DATA_DIR": str(tmp_path)})
    return create_app(store, link, version="9.9.9", settings=settings)


class SignedIn:
    """Behind the sign-in: everybody is this actor."""

    def __init__(self, app: ASGIApp, actor: Actor) -> None:
        self._app, self._actor = app, actor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[SCOPE_KEY] = self._actor
        await self._app(scope, receive, send)


async def asking(app: FastAPI, actor: Actor) -> AsyncIterator[httpx.AsyncClient]:
    app.user_middleware.append(Middleware(SignedIn, actor=actor))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


async def test_the_list_comes_page_by_page_newest_first(client: httpx.AsyncClient, store: Store) -> None:
    for n in range(5):
        store.put_trouble(make_trouble(n))
    first = (await client.get(PATH, params={"limit": 3})).json()
    second = (await client.get(PATH, params={"limit": 3, "cursor": first["next"]})).json()
    minutes = [t["began_at"][14:16] for page in (first, second) for t in page["troubles"]]
    assert minutes == ["04", "03", "02", "01", "00"]
    assert second["next"] is None
    assert first["troubles"][0]["picture"] is False
    assert first["troubles"][0]["ended_at"] is None


@pytest.mark.parametrize("query", ["limit=0", "cursor=nonsense", "elevator_id=../x"])
async def test_a_wrong_question_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"{PATH}?{query}")).status_code == 422


async def test_the_picture_is_given_while_it_is_there(
    client: httpx.AsyncClient, store: Store, pictures: Path
) -> None:
    trouble = make_trouble()
    path = picture_path(trouble)
    keep_picture(pictures, path, np.full((40, 60, 3), 80, np.uint8))
    store.put_trouble(replace(trouble, picture=path))
    answer = await client.get(f"{PATH}/{trouble.id}/picture")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content.startswith(b"\xff\xd8")
    (pictures / path).unlink()
    gone = await client.get(f"{PATH}/{trouble.id}/picture")
    assert gone.json()["type"] == "urn:liftguard:problem:no-picture"
    unknown = await client.get(f"{PATH}/{new_event_id()}/picture")
    assert unknown.json()["type"] == "urn:liftguard:problem:unknown-trouble"


@pytest.mark.parametrize("path", ["../liftguard.db", "/etc/hostname", "car-1/link.jpg", "car-1"])
async def test_a_path_that_leads_elsewhere_is_not_followed(
    client: httpx.AsyncClient, store: Store, pictures: Path, path: str
) -> None:
    (pictures / "car-1").mkdir(parents=True)
    (pictures / "car-1" / "link.jpg").symlink_to("/etc/hostname")
    trouble = replace(make_trouble(), picture=path)
    store.put_trouble(trouble)
    assert (await client.get(f"{PATH}/{trouble.id}/picture")).status_code == 404


async def test_only_who_may_see_events_sees_them_and_only_of_their_elevators(
    store: Store, link: FakeLink, tmp_path: Path
) -> None:
    store.put_trouble(make_trouble(0, "car-1"))
    store.put_trouble(make_trouble(1, "car-2"))
    nothing = replace(NOT_SET_UP, rights=frozenset({Right.SEE_LIVE}))
    async for client in asking(make_app(store, link, tmp_path), nothing):
        assert (await client.get(PATH)).status_code == 403
    one = replace(NOT_SET_UP, rights=frozenset({Right.SEE_EVENTS}), elevators=frozenset({"car-2"}))
    async for client in asking(make_app(store, link, tmp_path), one):
        found = (await client.get(PATH)).json()["troubles"]
        assert [t["elevator_id"] for t in found] == ["car-2"]
        assert (await client.get(PATH, params={"elevator_id": "car-1"})).status_code == 403
        assert (await client.get(f"{PATH}/{found[0]['id']}/picture")).status_code == 403, "no evidence"


async def test_health_names_the_camera_and_what_to_do(client: httpx.AsyncClient, link: FakeLink) -> None:
    elevator = make_elevator()
    camera = elevator.camera.model_copy(update={"trouble": "covered", "trouble_since": T0})
    link.now = make_state(elevator.model_copy(update={"camera": camera}))
    body = (await client.get("/api/v1/health")).json()
    assert [r["code"] for r in body["reasons"]] == ["camera_covered"]
    assert "covers the lens" in body["reasons"][0]["detail"]
