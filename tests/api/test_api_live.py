"""What is now: elevators, release, snapshot, live pictures and the stream of states."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from api.accounts.who import RIGHTS, Actor
from api.live import ReleaseReply, ReleaseRequest
from api.routes_live import _said
from tests.api.conftest import FakeLink
from tests.api.live_values import make_elevator, make_frame, make_state
from tests.api.test_api_events import problem

pytestmark = pytest.mark.anyio
DEADLINE_S = 20.0
SAME = {"origin": "http://127.0.0.1:8080"}


async def test_elevators(client: httpx.AsyncClient, link: FakeLink) -> None:
    body = (await client.get("/api/v1/elevators")).json()
    assert [e["id"] for e in body["elevators"]] == ["car-1"]
    one = (await client.get("/api/v1/elevators/car-1")).json()
    assert one["phase"] == "IDLE"
    assert one["door"]["floor"] == 3
    link.now = None
    problem(await client.get("/api/v1/elevators"), 503, "guard-silent")
    problem(await client.get("/api/v1/elevators/car-1"), 503, "guard-silent")


async def test_release_reaches_guard(client: httpx.AsyncClient, link: FakeLink) -> None:
    answer = await client.post(
        "/api/v1/elevators/car-1/release", json={"reason": " resident waits "}, headers=SAME
    )
    assert answer.json() == {"accepted": True, "detail": "let go"}
    assert [(r.elevator_id, r.reason, r.by) for r in link.released] == [
        ("car-1", "resident waits", "local user")
    ]


async def test_release_from_a_program_without_origin(client: httpx.AsyncClient, link: FakeLink) -> None:
    answer = await client.post("/api/v1/elevators/car-1/release", json={"reason": "test", "by": "script"})
    assert answer.status_code == 200
    assert link.released[0].by == "local user (script)"


async def test_release_that_cannot_be_done(client: httpx.AsyncClient, link: FakeLink) -> None:
    url, body = "/api/v1/elevators/car-1/release", {"reason": "x"}
    problem(await client.post("/api/v1/elevators/car-9/release", json=body), 404, "unknown-elevator")
    link.reply = ReleaseReply(accepted=False, detail="nothing is held")
    assert problem(await client.post(url, json=body), 409, "release-refused")["detail"] == "nothing is held"
    link.reply = None
    problem(await client.post(url, json=body), 503, "guard-silent")
    link.now = None
    problem(await client.post(url, json=body), 503, "guard-silent")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"reason": ""}',
        '{"reason": "   "}',
        '{"reason": 1}',
        '{"reason": "x", "y": 1}',
        json.dumps({"reason": "x" * 501}),
        json.dumps({"reason": "x", "by": ""}),
        json.dumps({"reason": "x\nINFO  guard: all is well"}),
        json.dumps({"reason": "x", "by": "me\r\nyou"}),
        json.dumps({"reason": "\x1b[2Jx"}),
        json.dumps({"reason": "x\x00y"}),
        json.dumps({"reason": "x\u0085y"}),
        json.dumps({"reason": "x\u2028y"}),
        json.dumps({"reason": "x\u202ey"}),
        '{"reason": "\\ud800x"}',
    ],
)
async def test_release_bodies_that_are_refused(client: httpx.AsyncClient, link: FakeLink, body: str) -> None:
    answer = await client.post(
        "/api/v1/elevators/car-1/release", content=body, headers={"content-type": "application/json"}
    )
    problem(answer, 422, "bad-request")
    assert link.asked == []


async def test_what_is_wrong_with_a_reason_is_said(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/elevators/car-1/release", json={"reason": "ok\x1b[31m"})
    body = problem(answer, 422, "bad-request")
    assert body["detail"] == (
        "body.reason: Value error, use one line of text without control characters; character 3 is U+001B"
    )


@pytest.mark.parametrize("text", ["住户急需使用电梯", "Größe “x” – 50 %, né", "👩‍🦽 wartet", "a\u00a0b"])
async def test_a_reason_may_be_in_any_language(client: httpx.AsyncClient, link: FakeLink, text: str) -> None:
    answer = await client.post("/api/v1/elevators/car-1/release", json={"reason": text, "by": text})
    assert answer.status_code == 200
    assert [(r.reason, r.by) for r in link.released] == [(text, f"local user ({text})")]


@pytest.mark.parametrize("changes", [{"reason": "a\nb"}, {"by": "a\x1bb"}, {"more": 1}])
def test_guard_takes_no_such_command_from_anyone(changes: dict[str, object]) -> None:
    good: dict[str, object] = {"elevator_id": "car-1", "reason": "x", "by": "me"}
    ReleaseRequest.model_validate(good)
    with pytest.raises(ValidationError):
        ReleaseRequest.model_validate(good | changes)


async def test_a_body_that_is_too_large(client: httpx.AsyncClient, link: FakeLink) -> None:
    answer = await client.post("/api/v1/elevators/car-1/release", json={"reason": "x" * 60_000})
    problem(answer, 413, "too-large")
    assert link.asked == []


async def test_a_body_of_unknown_length(client: httpx.AsyncClient, link: FakeLink) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"reason": "x"}'

    answer = await client.post(
        "/api/v1/elevators/car-1/release", content=chunks(), headers={"content-type": "application/json"}
    )
    problem(answer, 411, "length-required")
    assert link.asked == []


async def test_snapshot(client: httpx.AsyncClient, link: FakeLink) -> None:
    answer = await client.get("/api/v1/elevators/car-1/snapshot.jpg")
    assert answer.content == b"\xff\xd8jpeg"
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert link.watching == 0
    problem(await client.get("/api/v1/elevators/car-9/snapshot.jpg"), 404, "unknown-elevator")


async def test_snapshot_of_a_camera_that_gives_nothing(
    client: httpx.AsyncClient, link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes_live.SNAPSHOT_TIMEOUT_S", 0.02)
    link.pictures = []
    problem(await client.get("/api/v1/elevators/car-1/snapshot.jpg"), 503, "no-picture")
    assert link.watching == 0


# --- server-sent events and WebSocket, straight over ASGI ---------------------------------------------------


class Asgi:
    """One connection to the application, driven message by message."""

    def __init__(self, app: FastAPI, kind: str, path: str, headers: dict[str, str]) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope: dict[str, Any] = {
            "type": kind,
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "ws" if kind == "websocket" else "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in ({"host": "127.0.0.1:8080"} | headers).items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8080),
            "subprotocols": [],
        }
        self.sent.put_nowait({"type": "websocket.connect" if kind == "websocket" else "http.request"})
        self.task = asyncio.create_task(app(scope, self.sent.get, self._put))

    async def _put(self, message: MutableMapping[str, Any]) -> None:
        await self.received.put(dict(message))

    async def get(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.received.get(), DEADLINE_S)

    async def leave(self) -> None:
        self.sent.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self.task, DEADLINE_S)


def pictures_of(app: FastAPI, elevator_id: str = "car-1", headers: dict[str, str] = SAME) -> Asgi:
    return Asgi(app, "websocket", f"/api/v1/elevators/{elevator_id}/live", headers)


async def test_live_pictures_come_as_text_and_bytes(app: FastAPI, link: FakeLink) -> None:
    link.pictures = [(make_frame(1), b"one"), (make_frame(2), b"two")]
    viewer = pictures_of(app)
    assert (await viewer.get())["type"] == "websocket.accept"
    for seq, jpeg in ((1, b"one"), (2, b"two")):
        info = json.loads((await viewer.get())["text"])
        assert info["seq"] == seq
        assert info["boxes"][0]["class_name"] == "e_bike"
        assert (await viewer.get())["bytes"] == jpeg
    assert link.watching == 1
    viewer.sent.put_nowait({"type": "websocket.receive", "text": "what a browser says is not listened to"})
    await viewer.leave()
    assert link.watching == 0


async def test_live_pictures_are_bounded(app: FastAPI, client: httpx.AsyncClient, link: FakeLink) -> None:
    viewers = [pictures_of(app) for _ in range(2)]
    for viewer in viewers:
        for _ in range(3):
            await viewer.get()
    third = pictures_of(app)
    assert (await third.get())["type"] == "websocket.accept"
    assert await third.get() == {
        "type": "websocket.close",
        "code": 4429,
        "reason": "Too many people are looking",
    }
    problem(await client.get("/api/v1/elevators/car-1/snapshot.jpg"), 503, "too-many-viewers")
    assert 'liftguard_web_viewers{kind="pictures"} 2.0' in (await client.get("/metrics")).text
    for viewer in viewers:
        await viewer.leave()
    assert (await client.get("/api/v1/elevators/car-1/snapshot.jpg")).status_code == 200


@pytest.mark.parametrize(("elevator_id", "silent", "code"), [("car-9", False, 4404), ("car-1", True, 1013)])
async def test_live_pictures_say_why_not(
    app: FastAPI, link: FakeLink, elevator_id: str, silent: bool, code: int
) -> None:
    if silent:
        link.now = None
    viewer = pictures_of(app, elevator_id)
    assert (await viewer.get())["type"] == "websocket.accept"
    assert (await viewer.get())["code"] == code


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        SAME | {"host": "evil.example:8080"},
    ],
)
async def test_live_pictures_for_this_page_only(
    app: FastAPI, link: FakeLink, headers: dict[str, str]
) -> None:
    viewer = pictures_of(app, headers=headers)
    message = await viewer.get()
    assert (message["type"], message["code"]) == ("websocket.close", 1008)
    assert link.watching == 0


async def test_the_stream_of_states(app: FastAPI, link: FakeLink) -> None:
    link.states = [make_state(), None, make_state(make_elevator(name="two\nlines"))]
    stream = Asgi(app, "http", "/api/v1/live", {})
    start = await stream.get()
    assert start["status"] == 200
    assert dict(start["headers"])[b"content-type"].startswith(b"text/event-stream")
    text = ""
    while (message := await stream.get()).get("more_body"):
        text += message["body"].decode()
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n")[:-1]]
    assert [e["event"] for e in events] == ["state", "silent", "state"]
    assert json.loads(events[2]["data"])["elevators"][0]["name"] == "two\nlines"


async def test_streams_are_bounded(app: FastAPI, client: httpx.AsyncClient) -> None:
    with app.state.parts.streams.one():
        problem(await client.get("/api/v1/live"), 503, "too-many-viewers")
    assert (await client.get("/api/v1/live")).status_code == 200


async def test_who_sees_the_same_is_sent_the_same_words(app: FastAPI, link: FakeLink) -> None:
    """Put into words once; who may see less gets other words for the same state."""
    state = make_state(make_elevator(), make_elevator(id="car-2"))
    parts = app.state.parts
    all_of_it = Actor("a", "A", RIGHTS["viewer"])
    another = Actor("b", "B", RIGHTS["viewer"])
    less = Actor("c", "C", RIGHTS["viewer"], frozenset({"car-2"}))
    words = _said(parts, all_of_it, state)
    assert _said(parts, another, state) is words
    assert b'"car-1"' not in _said(parts, less, state)
    assert _said(parts, all_of_it, state) is words
    assert _said(parts, all_of_it, make_state()) != words
