"""Many at once: a list is made once for all who wait for it, is never older than the last write, and live
pictures are framed once.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from api.accounts.records import Grant
from api.accounts.service import Accounts
from api.event_search import EventFilter
from api.records import Cursor, EventEnd, EventPage, Review
from api.routes_events import EventsBody, event_body, page_json
from api.shared_frames import framed
from api.store import Store
from tests.api.conftest import FakeLink
from tests.api.live_values import make_frame
from tests.browser.sites import served
from tests.support.accounts import Visitor, add_user, bearer
from tests.support.events import T0, make_event

pytestmark = pytest.mark.anyio
DEADLINE_S = 30.0


class CountedStore(Store):
    """Counts how often lists are looked for, and can keep those who look waiting."""

    asked = 0
    gate: threading.Event | None = None

    def search(self, wanted: EventFilter, limit: int = 50, cursor: Cursor | None = None) -> EventPage:
        """See `Store.search`."""
        self.asked += 1
        if self.gate is not None:
            assert self.gate.wait(DEADLINE_S)
        return super().search(wanted, limit, cursor)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CountedStore]:
    store = CountedStore(tmp_path / "liftguard.db")
    store.migrate()
    yield store
    store.close()


async def test_all_who_ask_while_it_is_made_get_what_the_first_one_made(
    client: httpx.AsyncClient, store: CountedStore
) -> None:
    """Ninety wait, more than there are threads; others go on meanwhile."""
    store.start_event(make_event())
    store.gate = threading.Event()
    lists = [asyncio.create_task(client.get("/api/v1/events")) for _ in range(60)]
    parts = [asyncio.create_task(client.get("/fragments/events")) for _ in range(30)]
    async with asyncio.timeout(DEADLINE_S):
        while store.asked < 2:
            await asyncio.sleep(0)
        assert (await client.get("/api/v1/events/019dd1c1-f000-7c00-8000-000000000000")).status_code == 404
    store.gate.set()
    for tasks in (lists, parts):
        answers = await asyncio.wait_for(asyncio.gather(*tasks), DEADLINE_S)
        assert {a.status_code for a in answers} == {200}
        assert len({a.content for a in answers}) == 1
    assert store.asked == 2


async def test_each_write_is_in_the_very_next_list(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """Whoever wrote it: guard is another process with a connection of its own."""
    guard = Store(tmp_path / "liftguard.db")

    async def shown() -> list[dict[str, Any]]:
        await client.get("/fragments/events")
        body = (await client.get("/api/v1/events")).json()
        assert (await client.get("/api/v1/events")).json() == body  # from what is kept
        return list(body["events"])

    assert await shown() == []
    for number in range(3):
        event = make_event()
        guard.start_event(event)
        first = (await shown())[0]
        assert (first["id"], first["outcome"]) == (event.id, None)
        guard.end_event(event.id, EventEnd(T0, T0, "left", 1.0 + number, 1, 0.9))
        first = (await shown())[0]
        assert (first["outcome"], first["hold_s"]) == ("left", 1.0 + number)
        guard.review(event.id, lambda was: replace(was, note="ja"), by="ann", at=T0)
        assert (await shown())[0]["note"] == "ja"
    guard.close()


async def test_an_account_that_loses_an_elevator_no_longer_sees_its_events(
    box: FastAPI, store: CountedStore, accounts: Accounts
) -> None:
    """Also where the list that it may no longer have is kept, for others."""
    store.start_event(make_event(elevator_id="car-1"))
    add_user(accounts, "boss", Grant("admin"))
    user = add_user(accounts, "ann", Grant("guard"))
    others = bearer(accounts, add_user(accounts, "bob", Grant("guard")))
    anns = bearer(accounts, user)
    async with Visitor(box) as visitor:

        async def seen(who: dict[str, str]) -> int:
            return len((await visitor.get("/api/v1/events", **who)).json()["events"])

        assert (await seen(anns), await seen(others)) == (1, 1)
        accounts.people.change(user.id, accounts.now(), grants=(Grant("guard", estate="South"),))
        accounts.keeper.forget(user_id=user.id)
        assert (await seen(anns), await seen(others), await seen(anns)) == (0, 1, 0)


def test_a_page_has_the_words_that_its_schema_says(store: CountedStore) -> None:
    for number in range(4):
        event = make_event(elevator_id=f"car-{number % 2}")
        store.start_event(event)
        if number:
            store.end_event(event.id, EventEnd(T0, T0, "left", 2.0, 1, 0.5))
            store.review(event.id, lambda _: Review(labels=("夜间", 'a "b"'), note="\\ ü"), by="ann", at=T0)
    for page in (store.search(EventFilter(), 2), store.search(EventFilter(), 10), EventPage((), None)):
        body = EventsBody(
            events=[event_body(event) for event in page.events],
            next=None if page.next is None else page.next.encode(),
            previous=None if page.previous is None else page.previous.encode(),
        )
        assert page_json(page) == body.model_dump_json().encode()


async def test_live_pictures_are_the_same_bytes_for_everybody(app: FastAPI, link: FakeLink) -> None:
    """Over a real connection: as long as one byte, beyond 125 and beyond 65,535 of them."""
    link.pictures = [(make_frame(n), b"\xff\xd8" + b"x" * size) for n, size in enumerate((1, 300, 70_000))]

    async def look(socket: ClientConnection) -> list[tuple[int, bytes]]:
        found = []
        for _ in link.pictures:
            info, picture = await socket.recv(), await socket.recv()
            assert isinstance(info, str)
            assert isinstance(picture, bytes)
            found.append((json.loads(info)["seq"], picture))
        return found

    with served(app) as base:
        address = base.replace("http", "ws") + "/api/v1/elevators/car-1/live"
        async with (
            asyncio.timeout(DEADLINE_S),
            connect(address, origin=base) as one,  # type: ignore[arg-type]
            connect(address, origin=base) as two,  # type: ignore[arg-type]
        ):
            wanted = [(info.seq, jpeg) for info, jpeg in link.pictures]
            assert await look(one) == await look(two) == wanted
            await one.ping()  # the connection goes on as any other


def test_frames_have_the_lengths_of_the_standard() -> None:
    """RFC 6455, 5.7, and its three forms of a length."""
    assert framed(b"Hello", b"") == bytes.fromhex("810548656c6c6f8200")
    assert framed(b"", bytes(256)) == bytes.fromhex("8100827e0100") + bytes(256)
    assert framed(b"", bytes(65536)) == bytes.fromhex("8100827f0000000000010000") + bytes(65536)
