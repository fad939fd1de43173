"""The stream of changes: in order, numbered, resumed where it broke off, bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from api import routes_stream
from api.accounts.who import RIGHTS, Actor
from api.change_feed import LOOK_S, ChangeFeed
from api.change_store import KEPT, Change
from api.records import EventEnd, PhaseChange, Review
from api.store import Store
from tests.api.test_api_events import T0, add, problem
from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio
MANAGER = Actor("m", "Manager", RIGHTS["manager"])


def phase(store: Store, after: str, elevator_id: str = "car-1", event_id: str | None = None) -> None:
    store.add_phase_change(PhaseChange(elevator_id, T0, "IDLE", after, "confirmed", event_id))


async def listen(
    app: FastAPI, *, last: str | None = None, after: int | None = None, actor: Actor = MANAGER
) -> AsyncIterator[dict[str, Any]]:
    """The messages as they come."""
    request = Request({"type": "http", "app": app, "headers": []})
    answer = await routes_stream.stream(request, actor, last, after)
    async with aclosing(answer.body_iterator) as body:  # type: ignore[type-var]
        async for chunk in body:
            assert isinstance(chunk, bytes)
            lines = chunk.decode().strip().splitlines()
            said = dict(line.split(": ", 1) for line in lines if not line.startswith(":") and ": " in line)
            if "event" in said:
                yield {"kind": said["event"], "id": int(said["id"]), "data": json.loads(said["data"])}


async def take(messages: AsyncIterator[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    found = []
    async with asyncio.timeout(20):
        async for message in messages:
            found.append(message)
            if len(found) == n:
                break
    await messages.aclose()  # type: ignore[attr-defined]
    return found


async def test_everything_that_changes_is_told_in_order(app: FastAPI, store: Store) -> None:
    phase(store, "SUSPECT")
    event_id = add(store, 0)
    phase(store, "HOLDING", event_id=event_id)
    store.escalate_event(event_id, T0)
    store.end_event(event_id, EventEnd(T0, T0, "left", 5.0, 1, 0.9))
    store.review(event_id, lambda _: Review(verdict="confirmed"), by="x", at=T0)
    told = await take(listen(app, after=0), 6)
    assert [m["kind"] for m in told] == [
        "phase",
        "event.started",
        "phase",
        "event.escalated",
        "event.ended",
        "event.reviewed",
    ]
    assert [m["id"] for m in told] == sorted({m["id"] for m in told})
    assert told[2]["data"]["after"] == "HOLDING"
    assert told[4]["data"]["id"] == event_id
    assert told[5]["data"]["verdict"] == "confirmed"


async def test_whoever_comes_back_gets_what_was_missed(app: FastAPI, store: Store) -> None:
    for _ in range(3):
        phase(store, "IDLE")
    first = await take(listen(app, after=0), 2)
    rest = await take(listen(app, last=str(first[-1]["id"])), 1)
    assert rest[0]["id"] == first[-1]["id"] + 1


async def test_without_a_number_it_begins_now(app: FastAPI, store: Store) -> None:
    phase(store, "IDLE")
    messages = listen(app)
    waiting = asyncio.create_task(take(messages, 1))
    await asyncio.sleep(0)  # it has begun to listen when it takes its place
    async with asyncio.timeout(20):
        while app.state.parts.listeners.count == 0:
            await asyncio.sleep(0.01)
    phase(store, "HOLDING")
    assert [m["data"]["after"] for m in await waiting] == ["HOLDING"]
    assert app.state.parts.listeners.count == 0


async def test_a_gap_is_told(app: FastAPI, store: Store) -> None:
    phase(store, "IDLE")
    phase(store, "HOLDING")
    store.forget_changes(T0 + KEPT + timedelta(days=1))
    assert store.change_range() == (2, 2)  # the last number is never forgotten
    told = await take(listen(app, last="0"), 1)
    assert told[0]["kind"] == "gap"
    assert told[0]["id"] == 2
    assert (await take(listen(app, last="99"), 1))[0]["kind"] == "gap"  # another store: start anew


async def test_each_hears_of_their_own_elevators(app: FastAPI, store: Store) -> None:
    phase(store, "SUSPECT", "car-2")
    phase(store, "HOLDING", "car-1")
    mine = Actor("g", "Guard", RIGHTS["guard"], frozenset({"car-1"}))
    told = await take(listen(app, after=0, actor=mine), 1)
    assert told[0]["data"]["elevator_id"] == "car-1"


async def test_the_number_of_listeners_is_bounded(app: FastAPI, client: httpx.AsyncClient) -> None:
    with app.state.parts.listeners.one():
        problem(await client.get("/api/v1/stream"), 503, "too-many-viewers")
    problem(await client.get("/api/v1/stream", headers={"last-event-id": "1; drop"}), 422, "bad-request")


async def test_one_look_serves_everybody(store: Store) -> None:
    clock = FakeClock(now_s=100.0)
    feed = ChangeFeed(store, clock)
    assert await feed.since(0) == ()
    phase(store, "IDLE")
    assert await feed.since(0) == ()  # not looked again yet
    clock.now_s += LOOK_S
    (change,) = await feed.since(0)
    store.close()  # what is known is told without the store
    assert await feed.since(0) == (change,)
    assert await feed.since(change.id) == ()


async def test_a_message_is_made_once_for_all_who_listen(
    app: FastAPI, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    words = routes_stream._message

    def counted(store: Store, change: Change) -> bytes:
        made.append(change.id)
        return words(store, change)

    monkeypatch.setattr(routes_stream, "_message", counted)
    for after in ("SUSPECT", "HOLDING"):
        phase(store, after)
    told = [await take(listen(app, after=0), 2) for _ in range(3)]
    assert told[0] == told[1] == told[2]
    assert len(made) == 2
