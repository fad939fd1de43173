"""Settings over HTTP: who may change them, what is refused, what is kept, and guard's restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api import overlay
from api.accounts.who import RIGHTS, Role
from api.live import ReleaseReply, RestartRequest
from api.records import Evidence
from api.settings import Settings
from api.store import Store
from api.web import create_app
from tests.api.conftest import FakeLink
from tests.api.live_values import make_state
from tests.api.test_api_events import problem
from tests.support.events import make_event
from tests.support.signed_in import sign_in

pytestmark = pytest.mark.anyio
ZONES = {"elevators": {"car-1": {"zones": [{"kind": "ignore", "polygon": [[0, 0], [0.2, 0], [0, 0.2]]}]}}}


@pytest.fixture
def app(store: Store, link: FakeLink, tmp_path: Path) -> FastAPI:
    app = create_app(store, link, version="1", settings=Settings(data_dir=tmp_path))
    sign_in(app, "admin")
    return app


async def as_(role: Role, store: Store, link: FakeLink, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(store, link, version="1", settings=Settings(data_dir=tmp_path))
    sign_in(app, role)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


@pytest.mark.parametrize("role", [role for role in RIGHTS if role != "admin"])
async def test_only_who_configures_may_come_near(
    role: Role, store: Store, link: FakeLink, tmp_path: Path
) -> None:
    async for client in as_(role, store, link, tmp_path):
        problem(await client.get("/api/v1/settings"), 403, "not-allowed")
        tag = {"if-match": '"0"'}
        problem(await client.patch("/api/v1/settings", json=ZONES, headers=tag), 403, "not-allowed")
        problem(await client.post("/api/v1/guard/restart", json={}), 403, "not-allowed")
        assert (await client.get("/settings")).status_code == 403
    assert link.asked == []
    assert overlay.read(tmp_path) is None


async def test_a_change_is_kept_and_waits_for_guard(
    client: httpx.AsyncClient, link: FakeLink, tmp_path: Path
) -> None:
    before = await client.get("/api/v1/settings")
    assert before.json()["in_force"]
    answer = await client.patch("/api/v1/settings", json=ZONES, headers={"if-match": before.headers["etag"]})
    now = answer.json()
    assert (now["version"], now["changed_by"], now["in_force"]) == (1, "Admin", False)
    assert now["elevators"][0]["zones"][0]["kind"] == "ignore"
    kept = overlay.read(tmp_path)
    assert kept is not None
    assert kept.changes.elevators["car-1"].zones is not None
    stale = await client.patch(
        "/api/v1/settings", json={"vision": {"confirm_hits": 5}}, headers={"if-match": '"0"'}
    )
    problem(stale, 412, "changed-meanwhile")
    problem(await client.patch("/api/v1/settings", json={}), 428, "version-required")
    link.now = make_state(started_at=datetime.now(UTC) + timedelta(seconds=1), can_restart=True)
    again = (await client.get("/api/v1/settings")).json()
    assert again["in_force"]
    assert again["can_restart"]


@pytest.mark.parametrize(
    "change",
    [
        {"elevators": {"car-9": {"zones": []}}},
        {"elevators": {"car-1": {"zones": [{"kind": "roof", "polygon": [[0, 0], [1, 0], [1, 1]]}]}}},
        {"elevators": {"car-1": {"zones": [{"kind": "cabin", "polygon": [[0, 0], [2, 0], [1, 1]]}]}}},
        {"elevators": {"car-1": {"hold": {"pulse_s": 60}}}},
        {"elevators": {"car-1": {"hold": {"pulse_s": 19, "cap_s": 10}}}},
        {"elevators": {"car-1": {"schedule": {"off": ["whenever"]}}}},
        {"elevators": {"car-1": {"relay": {"pin": 1}}}},
        {"vision": {"confirm_prob": 0.2}},
        {"web": {"host": "0.0.0.0"}},
    ],
)
async def test_what_is_wrong_or_not_for_the_page_is_refused(
    client: httpx.AsyncClient, tmp_path: Path, change: dict[str, object]
) -> None:
    answer = await client.patch("/api/v1/settings", json=change, headers={"if-match": '"0"'})
    problem(answer, 422, "bad-request")
    assert overlay.read(tmp_path) is None


async def test_last_weeks_events_are_judged_again(client: httpx.AsyncClient, store: Store) -> None:
    now = datetime.now(UTC)
    for n, top in enumerate((0.97, 0.93, 0.93)):
        new = make_event(now - timedelta(hours=n + 1))
        store.start_event(new)
        scores = [0.6, 0.7, 0.8, *[top] * 5]
        store.add_evidence(
            new.id, [Evidence(-0.3 + k / 10, s, 0.6, (0, 0, 1, 1), "HOLDING") for k, s in enumerate(scores)]
        )
        if n == 1:
            store.review(new.id, lambda b: type(b)(verdict="false_alarm"), by="x", at=now)
    store.start_event(make_event(now - timedelta(hours=5)))  # no evidence
    store.start_event(make_event(now - timedelta(days=9)))  # too old
    asked = {"confirm_prob": 0.95, "confirm_min_s": 0.3, "confirm_hits": 3}
    found = (await client.post("/api/v1/settings/preview", json=asked)).json()
    assert (found["events"], found["held"], len(found["lost"])) == (4, 1, 2)
    assert (found["lost_false"], found["lost_confirmed"], found["unknown"]) == (1, 0, 1)
    same = (await client.post("/api/v1/settings/preview", json=asked | {"confirm_prob": 0.9})).json()
    assert (same["held"], same["lost"], same["later_p95_s"]) == (3, [], 0)


async def test_guard_is_asked_to_start_again(client: httpx.AsyncClient, link: FakeLink) -> None:
    assert (await client.post("/api/v1/guard/restart", json={})).json()["accepted"]
    assert link.asked == [RestartRequest(action="restart", by="Admin")]
    link.reply = ReleaseReply(accepted=False, detail="an event is going on at car-1")
    problem(await client.post("/api/v1/guard/restart", json={}), 409, "restart-refused")


async def test_the_page_shows_what_is_set(client: httpx.AsyncClient) -> None:
    await client.patch("/api/v1/settings", json=ZONES, headers={"if-match": '"0"'})
    text = (await client.get("/settings?lang=en")).text
    assert '"kind": "ignore"' in text
    assert "Changed settings take effect when guard starts again." in text
    assert 'name="pulse_s" min="1.0" max="19.0"' in text
    assert "<td>Admin</td>" in text
