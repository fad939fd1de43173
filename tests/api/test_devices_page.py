"""What the devices page shows of what is stored, and to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.accounts.browsers import browser_name
from api.accounts.who import Role
from api.load import load_settings
from api.store import Store
from api.web import create_app
from tests.api.conftest import FakeLink
from tests.api.test_api_cameras import make_trouble
from tests.api.test_api_events import add
from tests.support.events import make_event, make_file
from tests.support.signed_in import sign_in
from vision.errors import StorageError

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(store: Store, link: FakeLink, tmp_path: Path) -> FastAPI:
    settings = load_settings(env={"LIFTGUARD_DATA_DIR": str(tmp_path)})
    return create_app(store, link, version="9.9.9", settings=settings, evidence_dir=tmp_path / "evidence")


def troubles(store: Store) -> str:
    """Two at car-1, one of them with a picture, and one elsewhere. Returns: the id of that with a picture."""
    first = make_trouble(0)
    store.put_trouble(replace(first, picture="car-1/2026-03/x.jpg"))
    store.end_trouble(first.id, first.began_at + timedelta(minutes=7), "clear")
    store.put_trouble(replace(make_trouble(1), kind="turned"))
    store.put_trouble(make_trouble(2, "car-2"))
    return first.id


@pytest.mark.parametrize(
    ("role", "address"), [("viewer", None), ("guard", None), ("manager", "picture?original=true")]
)
async def test_troubles_of_cameras_with_the_picture_for_who_may_see_it(
    app: FastAPI, client: httpx.AsyncClient, store: Store, role: Role, address: str | None
) -> None:
    id_ = troubles(store)
    sign_in(app, role, frozenset({"car-1"}))
    text = (await client.get("/devices?lang=en")).text
    assert text.count("<li>\n      <strong>") == 2, "not those of other elevators"
    assert "Turned away" in text
    assert "7 min" in text
    assert "Going on" in text
    # Nothing can blur here: whoever may not see faces gets no picture, and no address of one.
    assert (f"camera-troubles/{id_}/{address}" in text) == (address is not None)
    assert ("<summary>What the camera saw" in text) == (address is not None)


async def test_the_room_that_evidence_takes_and_what_may_stay(
    app: FastAPI, client: httpx.AsyncClient, store: Store
) -> None:
    event = store.event(add(store, 0))
    assert event is not None
    new = make_event(event.started_at, id=event.id)
    store.put_file(make_file(new, size_bytes=3_000_000))
    store.put_file(make_file(new, "thumbnail", state="failed", reason="x", sha256=None))
    sign_in(app, "viewer")
    text = (await client.get("/devices?lang=en")).text
    assert "Evidence kept" in text
    assert "3.0 MB" in text
    assert "could not be made: 1" in text
    assert "30 days" in text


async def test_the_page_stays_when_the_store_fails(
    app: FastAPI, client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise StorageError("the disk is gone")

    sign_in(app, "manager")
    monkeypatch.setattr(store, "camera_troubles", broken)
    answer = await client.get("/devices?lang=en")
    assert answer.status_code == 200
    assert "Elevator 1" in answer.text
    assert "Evidence kept" not in answer.text


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36", "Chrome · Linux"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/18.0 Safari/604.1", "Safari · iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/116.0 MicroMessenger/8.0", "WeChat · Android"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101 Firefox/140.0", "Firefox · Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge · Windows"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("  ", ""),
    ],
)
def test_a_browser_in_words(agent: str, name: str) -> None:
    assert browser_name(agent) == name
