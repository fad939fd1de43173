"""Webhooks against a real receiver on loopback: what arrives, what is tried again, what is given up."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from standardwebhooks import Webhook as Signer

from api.notices.deliver import Deliverer
from api.notices.outbox import Outbox
from api.notices.values import EVENT_TYPES, RETRY_S, Webhook
from api.notices.webhook_store import MOST_WEBHOOKS, Webhooks
from api.records import EventEnd, Verdict
from api.store import Store
from api.times import utc_now
from tests.support.events import make_event
from tests.support.tokens import bearer

pytestmark = pytest.mark.anyio


@dataclass
class Receiver:
    """A web server that answers what it is told to and keeps what it was sent."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/hook?site=1"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Wall:
    """A wall clock that a test turns; it starts now, as a signature of another day is refused."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def webhooks(store: Store, wall: Wall) -> Webhooks:
    return Webhooks(store, wall)


@pytest.fixture
async def outbox(webhooks: Webhooks, wall: Wall) -> AsyncIterator[Outbox]:
    deliverer = Deliverer("9.9.9", wall, local=True)
    yield Outbox(webhooks, deliverer)
    await deliverer.close()


def add(webhooks: Webhooks, url: str, elevators: frozenset[str] | None = None) -> Webhook:
    return webhooks.add(url, "test", EVENT_TYPES, elevators)


def end_of(at: datetime) -> EventEnd:
    return EventEnd(at + timedelta(seconds=9), at + timedelta(seconds=6), "left", 5.0, 1, 0.97)


async def test_an_event_is_told_once_signed_and_as_json(
    store: Store, webhooks: Webhooks, outbox: Outbox, receiver: Receiver, wall: Wall
) -> None:
    hook = add(webhooks, receiver.url)
    event = make_event(wall.now + timedelta(seconds=1))
    store.start_event(event)
    assert await outbox.look() == 1
    assert await outbox.look() == 0
    store.end_event(event.id, end_of(event.started_at))
    assert await outbox.look() == 1

    headers, body = receiver.got[0]
    told = Signer(hook.secret).verify(body, headers)  # raises if the signature or its time is wrong
    assert told["type"] == "event.started"
    assert told["data"]["id"] == event.id
    assert told["data"]["elevator_id"] == "car-1"
    assert told["timestamp"].endswith("Z")
    assert headers["content-type"] == "application/json"
    assert json.loads(receiver.got[1][1])["data"]["outcome"] == "left"
    assert [m.state for m in webhooks.messages(hook.id, None, 10)] == ["delivered", "delivered"]


async def test_every_review_is_told(
    store: Store, webhooks: Webhooks, outbox: Outbox, receiver: Receiver
) -> None:
    add(webhooks, receiver.url)
    event = make_event(utc_now() - timedelta(days=10))  # older than the webhook, judged now
    store.start_event(event)
    verdicts: tuple[Verdict, ...] = ("confirmed", "false_alarm")
    for verdict in verdicts:
        judged = partial(replace, verdict=verdict)
        store.review(event.id, judged, by="li", at=utc_now() + timedelta(seconds=1))
        assert await outbox.look() == 1
        assert await outbox.look() == 0
    assert [json.loads(body)["data"]["verdict"] for _, body in receiver.got] == ["confirmed", "false_alarm"]


async def test_what_was_before_the_webhook_and_other_elevators_are_not_told(
    store: Store, webhooks: Webhooks, outbox: Outbox, receiver: Receiver, wall: Wall
) -> None:
    store.start_event(make_event(wall.now - timedelta(seconds=1)))
    add(webhooks, receiver.url, frozenset({"car-2"}))
    store.start_event(make_event(wall.now + timedelta(seconds=1), "car-1"))
    store.start_event(make_event(wall.now + timedelta(seconds=1), "car-2"))
    assert await outbox.look() == 1
    assert json.loads(receiver.got[0][1])["data"]["elevator_id"] == "car-2"


async def test_a_failed_message_is_tried_at_the_stated_times_with_the_same_bytes_and_then_is_dead(
    store: Store, webhooks: Webhooks, outbox: Outbox, receiver: Receiver, wall: Wall
) -> None:
    hook = add(webhooks, receiver.url)
    receiver.status = 500
    store.start_event(make_event(wall.now))
    assert await outbox.look() == 1
    for wait_s in RETRY_S:
        wall.now += timedelta(seconds=wait_s - 1)
        assert await outbox.look() == 0
        wall.now += timedelta(seconds=1)
        assert await outbox.look() == 1
    (message,) = webhooks.messages(hook.id, "dead", 10)
    assert message.attempts == len(RETRY_S) + 1
    assert "500" in message.last_result
    assert len({body for _, body in receiver.got}) == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1

    receiver.status = 200
    webhooks.again(message.id)
    assert await outbox.look() == 1
    assert webhooks.messages(hook.id, "delivered", 10)[0].id == message.id


async def test_a_receiver_that_asks_for_time_gets_it(
    store: Store, webhooks: Webhooks, outbox: Outbox, receiver: Receiver, wall: Wall
) -> None:
    hook = add(webhooks, receiver.url)
    receiver.status, receiver.headers = 429, {"retry-after": "300"}
    store.start_event(make_event(wall.now))
    await outbox.look()
    (message,) = webhooks.messages(hook.id, "waiting", 10)
    assert message.next_at == wall.now + timedelta(seconds=300)


async def test_gone_switches_the_webhook_off(
    store: Store, webhooks: Webhooks, outbox: Outbox, receiver: Receiver, wall: Wall
) -> None:
    hook = add(webhooks, receiver.url)
    receiver.status = 410
    store.start_event(make_event(wall.now))
    await outbox.look()
    off = webhooks.get(hook.id)
    assert not off.enabled
    assert "410" in str(off.disabled_reason)
    store.start_event(make_event(wall.now))
    assert await outbox.look() == 0


async def test_redirects_are_not_followed(
    store: Store, webhooks: Webhooks, outbox: Outbox, receiver: Receiver, wall: Wall
) -> None:
    hook = add(webhooks, receiver.url)
    receiver.status, receiver.headers = 307, {"location": receiver.url}
    store.start_event(make_event(wall.now))
    await outbox.look()
    assert len(receiver.got) == 1
    assert "307" in webhooks.messages(hook.id, "waiting", 1)[0].last_result


async def test_this_machine_is_not_told_unless_allowed_and_nobody_there_is_no_crash(
    store: Store, webhooks: Webhooks, receiver: Receiver, wall: Wall
) -> None:
    hook = add(webhooks, receiver.url)
    dead = add(webhooks, "http://127.0.0.1:9/")
    store.start_event(make_event(wall.now))
    careful = Outbox(webhooks, Deliverer("9", wall, local=False))
    await careful.look()
    assert receiver.got == []
    assert "allow_local" in webhooks.messages(hook.id, "waiting", 1)[0].last_result
    wall.now += timedelta(minutes=1)
    await Outbox(webhooks, Deliverer("9", wall, local=True)).look()
    assert len(receiver.got) == 1
    assert webhooks.messages(dead.id, "waiting", 1)[0].attempts == 2


async def test_tidying_forgets_only_what_is_over(
    store: Store, webhooks: Webhooks, outbox: Outbox, receiver: Receiver, wall: Wall
) -> None:
    hook = add(webhooks, receiver.url)
    store.start_event(make_event(wall.now))
    await outbox.look()
    wall.now += timedelta(days=6)
    webhooks.tidy()
    assert webhooks.messages(hook.id, None, 10)
    wall.now += timedelta(days=2)
    webhooks.tidy()
    assert not webhooks.messages(hook.id, None, 10)


async def test_the_api_makes_shows_tests_and_removes_webhooks(
    client: httpx.AsyncClient,
    store: Store,
    receiver: Receiver,
    webhooks: Webhooks,
    outbox: Outbox,
    wall: Wall,
) -> None:
    who = bearer(store)
    made = await client.post(
        "/api/v1/webhooks", json={"url": receiver.url, "types": ["event.ended"]}, headers=who
    )
    assert made.status_code == 201, made.text
    hook = made.json()
    assert hook["secret"].startswith("whsec_")
    (listed,) = (await client.get("/api/v1/webhooks", headers=who)).json()
    assert "secret" not in listed
    assert listed["types"] == ["event.ended"]

    sent = await client.post(f"/api/v1/webhooks/{hook['id']}/test", json={}, headers=who)
    assert sent.status_code == 202
    wall.now = utc_now() + timedelta(seconds=1)
    await outbox.look()
    assert Signer(hook["secret"]).verify(receiver.got[0][1], receiver.got[0][0])["type"] == "webhook.test"
    page = (await client.get("/api/v1/webhooks/messages?state=delivered", headers=who)).json()
    assert [m["id"] for m in page["messages"]] == [sent.json()["id"]]
    again = await client.post(f"/api/v1/webhooks/messages/{sent.json()['id']}/retry", json={}, headers=who)
    assert again.status_code == 409

    off = await client.patch(f"/api/v1/webhooks/{hook['id']}", json={"enabled": False}, headers=who)
    assert off.json()["enabled"] is False
    gone = await client.delete(
        f"/api/v1/webhooks/{hook['id']}", headers=who | {"content-type": "application/json"}
    )
    assert gone.status_code == 204
    assert (await client.get("/api/v1/webhooks", headers=who)).json() == []


@pytest.mark.parametrize("url", ["http://user:pw@example.org/", "gopher://x/", "https://example.org/#a"])
async def test_the_api_refuses_bad_addresses(client: httpx.AsyncClient, store: Store, url: str) -> None:
    answer = await client.post("/api/v1/webhooks", json={"url": url}, headers=bearer(store))
    assert answer.status_code == 422
    assert "pw@" not in answer.text


async def test_only_who_may_configure_sees_webhooks(client: httpx.AsyncClient, store: Store) -> None:
    assert (await client.get("/api/v1/webhooks")).status_code in {401, 403}  # an open box does not configure
    bearer(store)
    manager = bearer(store, "manager")
    assert (await client.get("/api/v1/webhooks", headers=manager)).status_code == 403


async def test_there_is_a_limit(webhooks: Webhooks) -> None:
    from api.problems import ProblemError

    for number in range(MOST_WEBHOOKS):
        add(webhooks, f"https://example.org/{number}")
    with pytest.raises(ProblemError) as caught:
        add(webhooks, "https://example.org/one-more")
    assert caught.value.kind == "too-many-webhooks"
