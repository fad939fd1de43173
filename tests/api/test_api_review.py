"""Verdicts over HTTP: kept, searched for, never overwritten unseen, and noted."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.accounts.who import Actor, Right
from api.records import EventEnd, NewEvent, new_event_id
from api.store import Store
from tests.api.test_api_events import problem
from tests.api.test_api_evidence import SEES_ALL, As, NotedAudit, audit, be, event
from tests.support.events import make_event

__all__ = ["audit", "be", "event"]
pytestmark = pytest.mark.anyio


def url(event: NewEvent) -> str:
    return f"/api/v1/events/{event.id}"


async def test_an_event_is_judged_and_the_next_must_have_read_it(
    client: httpx.AsyncClient, event: NewEvent, be: As, audit: NotedAudit
) -> None:
    be(SEES_ALL)
    tag = (await client.get(url(event))).headers["etag"]
    said = {
        "verdict": "false_alarm",
        "verdict_reason": "stroller",
        "note": " twins\r\nin it ",
        "labels": ["Block 3", " Block  3", "x"],
        "locked": True,
    }
    answer = await client.patch(url(event), json=said, headers={"if-match": tag})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["verdict"], body["verdict_reason"], body["locked"]) == ("false_alarm", "stroller", True)
    assert (body["note"], body["labels"]) == ("twins\nin it", ["Block 3", "x"])
    assert (body["reviewed_by"], body["review_version"]) == ("manager-1", 1)
    problem(
        await client.patch(url(event), json={"note": ""}, headers={"if-match": tag}), 412, "changed-meanwhile"
    )

    fresh = answer.headers["etag"]
    again = await client.patch(url(event), json={"verdict": "confirmed"}, headers={"if-match": fresh})
    assert (again.json()["verdict"], again.json()["verdict_reason"]) == ("confirmed", None)
    assert again.json()["note"] == "twins\nin it", "what is left out stays"
    taken_back = await client.patch(url(event), json={"verdict": None}, headers={"if-match": "*"})
    assert taken_back.json()["verdict"] is None
    assert audit.notes[1:] == [("manager-1", "event.review", event.id)] * 4
    listed = (
        await client.get("/api/v1/events", params={"label": "block 3", "locked": "true", "verdict": "none"})
    ).json()
    assert [e["id"] for e in listed["events"]] == [event.id]


async def test_without_a_version_nothing_is_changed(client: httpx.AsyncClient, event: NewEvent) -> None:
    problem(await client.patch(url(event), json={"note": "x"}), 428, "version-required")
    for tag in ('W/"0"', "0", '"x"', '"', '"0", "1"'):
        answer = await client.patch(url(event), json={"note": "x"}, headers={"if-match": tag})
        problem(answer, 412, "changed-meanwhile")
    unknown = await client.patch(f"/api/v1/events/{new_event_id()}", json={}, headers={"if-match": "*"})
    problem(unknown, 404, "unknown-event")


@pytest.mark.parametrize(
    "body",
    [
        {"verdict": "maybe"},
        {"verdict": "confirmed", "verdict_reason": "stroller"},
        {"verdict_reason": "stroller"},
        {"note": "x" * 2001},
        {"note": "a\x07b"},
        {"note": "a\u202eb"},
        {"labels": ["#x"]},
        {"labels": [" "]},
        {"labels": ["x" * 41]},
        {"labels": ["a\nb"]},
        {"labels": [f"l{i}" for i in range(21)]},
        {"labels": None},
        {"locked": None},
        {"reviewed_by": "me"},
    ],
)
async def test_what_cannot_be_said_is_refused(
    client: httpx.AsyncClient, store: Store, event: NewEvent, body: dict[str, Any]
) -> None:
    problem(await client.patch(url(event), json=body, headers={"if-match": "*"}), 422, "bad-request")
    stored = store.event(event.id)
    assert stored is not None
    assert stored.review_version == 0


async def test_many_events_are_judged_at_once(
    client: httpx.AsyncClient, store: Store, be: As, audit: NotedAudit
) -> None:
    be(SEES_ALL)
    events = [make_event(), make_event()]
    for new in events:
        store.start_event(new)
    gone = new_event_id()
    body = {
        "event_ids": [e.id for e in events] + [gone],
        "verdict": "false_alarm",
        "verdict_reason": "reflection",
        "add_labels": ["mirror"],
    }
    answer = await client.post("/api/v1/events/review", json=body)
    assert answer.json() == {"reviewed": [e.id for e in events], "unknown": [gone]}
    found = (await client.get("/api/v1/events", params={"text": "mirror", "verdict": "false_alarm"})).json()
    assert {e["id"] for e in found["events"]} == {e.id for e in events}
    assert [note[1:] for note in audit.notes] == [("event.review", e.id) for e in events]


async def test_only_those_who_may_judge_do(
    client: httpx.AsyncClient, store: Store, event: NewEvent, be: As
) -> None:
    batch = {"event_ids": [event.id], "verdict": "confirmed"}
    judge: dict[str, Any] = {"json": {"verdict": "confirmed"}, "headers": {"if-match": "*"}}
    be(Actor("viewer-1", "Viewer", frozenset({Right.SEE_EVENTS, Right.SEE_EVIDENCE})))
    problem(await client.patch(url(event), **judge), 403, "not-allowed")
    problem(await client.post("/api/v1/events/review", json=batch), 403, "not-allowed")
    be(Actor("manager-2", "Manager", frozenset(Right), elevators=frozenset({"car-2"})))
    problem(await client.patch(url(event), **judge), 404, "unknown-event")
    assert (await client.post("/api/v1/events/review", json=batch)).json() == {
        "reviewed": [],
        "unknown": [event.id],
    }
    stored = store.event(event.id)
    assert stored is not None
    assert stored.verdict is None


async def test_a_list_shows_only_the_elevators_that_one_may_see(
    client: httpx.AsyncClient, store: Store, be: As
) -> None:
    for elevator_id in ("car-1", "car-2"):
        store.start_event(make_event(elevator_id=elevator_id))
    be(Actor("viewer-1", "Viewer", frozenset({Right.SEE_EVENTS}), elevators=frozenset({"car-2"})))
    listed = (await client.get("/api/v1/events")).json()
    assert [e["elevator_id"] for e in listed["events"]] == ["car-2"]


async def test_pages_lead_back_too(client: httpx.AsyncClient, store: Store) -> None:
    for _ in range(7):
        store.start_event(make_event())
    first = (await client.get("/api/v1/events?limit=3")).json()
    second = (await client.get("/api/v1/events", params={"limit": 3, "cursor": first["next"]})).json()
    assert first["previous"] is None
    back = (await client.get("/api/v1/events", params={"limit": 3, "cursor": second["previous"]})).json()
    assert back["events"] == first["events"]
    assert (back["previous"], back["next"]) == (None, first["next"])


async def test_an_event_that_is_over_is_sent_again_only_when_it_has_changed(
    client: httpx.AsyncClient, store: Store, be: As
) -> None:
    be(SEES_ALL)
    new = make_event()
    store.start_event(new)
    open_tag = (await client.get(url(new))).headers["etag"]
    again = await client.get(url(new), headers={"if-none-match": open_tag})
    assert again.status_code == 200  # there is always more of an open one
    at = new.started_at
    store.end_event(new.id, EventEnd(at, at, "left", 5.0, 1, 0.9))
    ended = await client.get(url(new), headers={"if-none-match": open_tag})
    assert (ended.status_code, ended.json()["outcome"]) == (200, "left")
    same = await client.get(url(new), headers={"if-none-match": ended.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    said = await client.patch(url(new), json={"note": "x"}, headers={"if-match": open_tag})
    assert said.status_code == 200  # nobody had said anything since
    stale = await client.patch(url(new), json={"note": "y"}, headers={"if-match": open_tag})
    problem(stale, 412, "changed-meanwhile")
    after = await client.get(url(new), headers={"if-none-match": ended.headers["etag"]})
    assert (after.status_code, after.json()["note"]) == (200, "x")
