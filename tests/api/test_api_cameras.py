"""Camera troubles over HTTP: the list, the picture, health, and who may see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
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
from api.privacy.blurrer import HeadBlurrer
from api.records import new_event_id
from api.store import Store
from api.web import create_app
from tests.api.conftest import FakeLink
from tests.api.live_values import T0, make_elevator, make_state
from tests.support.fakes import make_detections
from vision.types import PERSON, Detections, Image

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


class OnePerson:
    """Finds a person who fills the picture."""

    sha256 = "ab" * 32

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        height, width = image.shape[:2]
        return make_detections((PERSON, 0.05, (0, 0, width, height)))


def make_app(store: Store, link: FakeLink, tmp_path: Path, *, blurs: bool = True) -> FastAPI:
    settings = load_settings(env={"LIFTGUARD_DATA_DIR": str(tmp_path)})
    blurrer = HeadBlurrer(tmp_path / "blurred", OnePerson) if blurs else None
    return create_app(store, link, version="9.9.9", settings=settings, blurrer=blurrer)


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
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.content.startswith(b"\xff\xd8")
    (pictures / path).unlink()
    gone = await client.get(f"{PATH}/{trouble.id}/picture")
    assert gone.json()["type"] == "urn:liftguard:problem:no-picture"
    unknown = await client.get(f"{PATH}/{new_event_id()}/picture")
    assert unknown.json()["type"] == "urn:liftguard:problem:unknown-trouble"


def striped() -> Image:
    """Fine stripes: where something was covered there are none."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, ::8] = image[:, 1::8] = image[:, 2::8] = image[:, 3::8] = 255
    return image


def detail(content: bytes) -> float:
    """How much of the stripes is left in the upper third of a JPEG."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return float(np.abs(np.diff(image[:40].astype(int), axis=1)).mean())


async def test_heads_are_covered_for_whoever_may_not_see_originals_and_each_look_is_noted(
    store: Store, link: FakeLink, tmp_path: Path, pictures: Path
) -> None:
    trouble = make_trouble()
    trouble = replace(trouble, picture=picture_path(trouble))
    assert trouble.picture is not None
    keep_picture(pictures, trouble.picture, striped())
    store.put_trouble(trouble)
    url = f"{PATH}/{trouble.id}/picture"
    rights = frozenset({Right.SEE_EVENTS, Right.SEE_EVIDENCE})
    async for client in asking(make_app(store, link, tmp_path), replace(NOT_SET_UP, rights=rights)):
        covered = await client.get(url)
        assert (covered.status_code, (await client.get(f"{url}?original=true")).status_code) == (200, 403)
    more = replace(NOT_SET_UP, rights=rights | {Right.SEE_ORIGINALS})
    app = make_app(store, link, tmp_path)
    async for client in asking(app, more):
        original = await client.get(f"{url}?original=true")
        assert (await client.get(url)).content == covered.content, "covered unless asked for otherwise"
    assert detail(covered.content) < detail(original.content) / 10
    noted = [(e.action, e.target) for e in app.state.parts.accounts.trail.entries()[0]]
    assert {("camera.read", trouble.id), ("camera.read_original", trouble.id)} <= set(noted)


async def test_no_picture_is_shown_where_heads_cannot_be_covered(
    store: Store, link: FakeLink, tmp_path: Path, pictures: Path
) -> None:
    trouble = make_trouble()
    trouble = replace(trouble, picture=picture_path(trouble))
    assert trouble.picture is not None
    keep_picture(pictures, trouble.picture, striped())
    store.put_trouble(trouble)
    everything = replace(NOT_SET_UP, rights=frozenset(Right))
    async for client in asking(make_app(store, link, tmp_path, blurs=False), everything):
        refused = await client.get(f"{PATH}/{trouble.id}/picture")
        assert (refused.status_code, refused.json()["type"]) == (
            503,
            "urn:liftguard:problem:blurring-unavailable",
        )
        assert (await client.get(f"{PATH}/{trouble.id}/picture?original=true")).status_code == 200
    (pictures / trouble.picture).write_bytes(b"no picture at all")
    async for client in asking(make_app(store, link, tmp_path), everything):
        assert (await client.get(f"{PATH}/{trouble.id}/picture")).status_code == 503


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
