"""Events, health, latency and metrics over HTTP, and what happens when something is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.accounts.records import Grant
from api.accounts.service import Accounts
from api.problems import MEDIA_TYPE
from api.records import EventEnd, EventProgress, Evidence, NewEvent, PhaseChange, new_event_id
from api.store import Store
from api.web import openapi_json
from hardware.hold import Phase
from tests.api.conftest import FakeLink
from tests.api.live_values import make_elevator, make_state
from tests.support.accounts import Visitor, add_user, bearer

pytestmark = pytest.mark.anyio
T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def add(store: Store, minute: int, elevator_id: str = "car-1") -> str:
    at = T0 + timedelta(minutes=minute)
    new = NewEvent(
        new_event_id(), elevator_id, elevator_id, "e_bike", "cabin", at, at, 0.9, "m", "0" * 64, "r", "v"
    )
    store.start_event(new)
    return new.id


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    body: dict[str, object] = answer.json()
    assert body["type"] == f"urn:liftguard:problem:{kind}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


async def test_events_page_by_page(client: httpx.AsyncClient, store: Store) -> None:
    ids = [add(store, minute) for minute in range(7)]
    seen: list[str] = []
    cursor: str | None = None
    pages = 0
    while True:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        body = (await client.get("/api/v1/events", params=params)).json()
        seen += [e["id"] for e in body["events"]]
        pages += 1
        cursor = body["next"]
        if cursor is None:
            break
    assert seen == ids[::-1]
    assert pages == 3


async def test_event_filters_and_utc(client: httpx.AsyncClient, store: Store) -> None:
    add(store, 0, "car-2")
    one = add(store, 10)
    store.end_event(one, EventEnd(T0, T0, "left", 5, 1, 0.9))
    add(store, 20)

    async def minutes(**params: str) -> list[str]:
        body = (await client.get("/api/v1/events", params=params)).json()
        return [e["started_at"][11:] for e in body["events"]]

    assert await minutes() == ["08:20:00Z", "08:10:00Z", "08:00:00Z"]
    assert await minutes(elevator_id="car-1", outcome="open") == ["08:20:00Z"]
    assert await minutes(outcome="left") == ["08:10:00Z"]
    assert await minutes(since="2026-03-01T16:10:00+08:00", until="2026-03-01T08:20:00Z") == ["08:10:00Z"]


async def test_one_event_with_all_that_is_known(client: httpx.AsyncClient, store: Store) -> None:
    event_id = add(store, 0)
    seen = Evidence(0.1, 0.9, 0.8, (1, 2, 3, 4), "HOLDING")
    store.add_evidence(event_id, [seen, replace(seen, t_offset_s=0.2, door="closing", opening=0.4)])
    store.add_phase_change(PhaseChange("car-1", T0, "SUSPECT", "HOLDING", "confirmed", event_id))
    body = (await client.get(f"/api/v1/events/{event_id}")).json()
    assert body["outcome"] is None
    first = {"t_offset_s": 0.1, "score": 0.9, "conf": 0.8, "xyxy": [1, 2, 3, 4], "phase": "HOLDING"}
    assert body["evidence"] == [
        first | {"door": None, "opening": None},
        first | {"t_offset_s": 0.2, "door": "closing", "opening": 0.4},
    ]
    assert body["phase_changes"][0]["reason"] == "confirmed"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=zzz",
        "cursor=" + "A" * 300,
        "elevator_id=../etc",
        "elevator_id=" + "a" * 41,
        "outcome=unknown",
        "since=yesterday",
        "since=2026-03-01T08:00:00",
        "until=99999999999999999999",
    ],
)
async def test_what_cannot_be_asked_is_refused_with_the_place(client: httpx.AsyncClient, query: str) -> None:
    body = problem(await client.get(f"/api/v1/events?{query}"), 422, "bad-request")
    assert f"query.{query.partition('=')[0]}" in str(body["detail"])


async def test_unknown_things_are_404(client: httpx.AsyncClient) -> None:
    problem(await client.get(f"/api/v1/events/{new_event_id()}"), 404, "unknown-event")
    problem(await client.get("/api/v1/events/1"), 422, "bad-request")
    problem(await client.get("/api/v1/nothing"), 404, "not-found")
    problem(await client.get("/static/../web.py"), 404, "not-found")
    problem(await client.get("/static/%2e%2e/web.py"), 404, "not-found")
    problem(
        await client.delete("/api/v1/events", headers={"content-type": "application/json"}),
        405,
        "method-not-allowed",
    )
    problem(await client.get("/api/v1/elevators/car-9"), 404, "unknown-elevator")


async def test_a_failing_store_is_503_and_the_page_still_stands(
    client: httpx.AsyncClient, store: Store, tmp_path: Path
) -> None:
    store.close()
    for path in tmp_path.glob("liftguard.db*"):
        path.unlink()
    problem(await client.get("/api/v1/events"), 503, "store-failing")
    body = problem(await client.get("/api/v1/health"), 503, "unhealthy")
    assert "store_failing" in str(body["reasons"])
    page = await client.get("/")
    assert page.status_code == 200
    assert "The events cannot be read right now." in page.text


async def test_an_unexpected_error_is_500_without_its_text(
    app: FastAPI, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret detail")

    answer = await client.get("/broken")
    problem(answer, 500, "internal")
    assert "secret detail" not in answer.text
    assert "secret detail" in caplog.text


# --- health, latency, metrics ------------------------------------------------------------------------------


async def test_health_when_all_is_well(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["version"] == "9.9.9"


async def test_health_names_everything_that_is_wrong(client: httpx.AsyncClient, link: FakeLink) -> None:
    camera = make_elevator().camera.model_copy(update={"state": "lost", "detail": "No answer, trying again."})
    link.now = make_state(
        make_elevator(camera=camera), make_elevator(id="car-2", relay_ok=False), store_ok=False
    )
    body = problem(await client.get("/api/v1/health"), 503, "unhealthy")
    reasons = body["reasons"]
    assert isinstance(reasons, list)
    assert [(r["code"], r.get("elevator_id")) for r in reasons] == [
        ("guard_store_failing", None),
        ("camera_lost", "car-1"),
        ("relay_failing", "car-2"),
    ]
    refused = make_state().model.model_copy(update={"refused": "sha256 differs"})
    link.now = make_state().model_copy(update={"model": refused})
    body = problem(await client.get("/api/v1/health"), 503, "unhealthy")
    assert "sha256 differs" in str(body["detail"])
    assert "model_refused" in str(body["reasons"])
    link.now = None
    body = problem(await client.get("/api/v1/health"), 503, "unhealthy")
    assert "guard_silent" in str(body["reasons"])


@pytest.mark.parametrize(
    ("phase", "camera_state", "seconds", "code"),
    [
        (Phase.BLIND, "live", 5.1, "blind"),
        (Phase.BLIND, "connecting", 5.1, "blind"),
        (Phase.BLIND, "lost", 5.1, "camera_lost"),
        (Phase.BLIND, "live", 4.9, None),
        (Phase.IDLE, "live", 3600.0, None),
    ],
)
async def test_health_says_when_pictures_come_and_none_can_be_used(
    client: httpx.AsyncClient,
    link: FakeLink,
    phase: Phase,
    camera_state: str,
    seconds: float,
    code: str | None,
) -> None:
    elevator = make_elevator(phase=phase)
    camera = elevator.camera.model_copy(update={"state": camera_state})
    link.now = make_state(
        elevator.model_copy(update={"camera": camera}),
        at=elevator.phase_since + timedelta(seconds=seconds),
    )
    answer = await client.get("/api/v1/health")
    found = [(r["code"], r["elevator_id"]) for r in answer.json().get("reasons", [])]
    assert found == ([(code, "car-1")] if code else [])
    assert answer.status_code == (503 if code else 200)


async def test_latency(client: httpx.AsyncClient, link: FakeLink) -> None:
    stages = (await client.get("/api/v1/latency")).json()["stages"]
    assert stages == [
        {"elevator_id": "car-1", "stage": "infer", "n": 100, "p50_ms": 40.0, "p95_ms": 60.0, "p99_ms": 75.0}
    ]
    link.now = None
    problem(await client.get("/api/v1/latency"), 503, "guard-silent")


async def test_metrics_with_and_without_guard(client: httpx.AsyncClient, link: FakeLink) -> None:
    await client.get("/api/v1/events?limit=1")
    await client.get("/wp-admin/a")
    await client.get("/wp-admin/b")
    text = (await client.get("/metrics")).text
    assert "liftguard_guard_test 1\n" in text
    assert 'liftguard_web_requests_total{code="200",method="GET",route="/api/v1/events"} 1.0' in text
    assert 'liftguard_web_requests_total{code="404",method="GET",route="other"} 2.0' in text
    assert "liftguard_web_guard_up 1.0" in text

    link.now, link.metrics = None, None
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert "liftguard_web_guard_up 0.0" in answer.text
    assert "liftguard_guard_test" not in answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


# --- the document ------------------------------------------------------------------------------------------


async def test_the_committed_openapi_document_is_current(client: httpx.AsyncClient) -> None:
    path = Path(__file__).parents[2] / "docs" / "openapi.json"
    assert path.read_text(encoding="utf-8") == openapi_json(), "run: python -m api.web > docs/openapi.json"
    served = (await client.get("/api/v1/openapi.json")).json()
    assert served["components"]["schemas"]["Problem"]["required"] == ["type", "title", "status", "detail"]


async def test_every_route_and_problem_is_documented(client: httpx.AsyncClient) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    served = (await client.get("/api/v1/openapi.json")).json()
    for path in served["paths"]:
        assert path in text, path
    from api.problems import TITLES

    for kind in TITLES:
        assert f"`{kind}`" in text, kind


async def test_an_event_may_carry_any_text(client: httpx.AsyncClient, store: Store) -> None:
    new = NewEvent(new_event_id(), "car-1", "c", "e_bike", "cabin", T0, T0, 0.9, "<m>", "0", "r", "v")
    store.start_event(replace(new, class_name="<script>alert(1)</script>"[:32]))
    page = await client.get("/")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_a_list_that_has_not_changed_is_not_sent_again(client: httpx.AsyncClient, store: Store) -> None:
    first_id = add(store, 0)
    first = await client.get("/api/v1/events")
    tag = first.headers["etag"]
    for said in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = await client.get("/api/v1/events", headers={"if-none-match": said})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "no-store"
    assert (await client.get("/api/v1/events", headers={"if-none-match": '"x"'})).status_code == 200
    store.update_event(first_id, EventProgress(T0, 3.0, 1, 0.95))
    changed = await client.get("/api/v1/events", headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.json()["events"][0]["hold_s"] == 3.0
    assert changed.headers["etag"] != tag


async def test_a_kept_list_is_only_for_who_may_see_the_same(
    box: FastAPI, store: Store, accounts: Accounts
) -> None:
    add(store, 0, "car-1")
    add(store, 1, "car-2")
    everybody = bearer(accounts, add_user(accounts, "all", Grant("guard")))
    south = bearer(accounts, add_user(accounts, "south", Grant("guard", estate="South")))
    nobody = bearer(accounts, add_user(accounts, "none"))
    async with Visitor(box) as visitor:
        for _ in range(2):  # the second time from what is kept
            found = [
                [e["elevator_id"] for e in (await visitor.get("/api/v1/events", **who)).json()["events"]]
                for who in (everybody, south)
            ]
            assert found == [["car-2", "car-1"], ["car-2"]]
            problem(await visitor.get("/api/v1/events", **nobody), 403, "not-allowed")
            problem(await visitor.get("/api/v1/events"), 401, "not-signed-in")
