"""``/api/v1/stream``: events and phases as they change, over server-sent events.

Each message carries its number; whoever comes back with it (`Last-Event-ID`, as browsers do by themselves)
gets what was missed. One look into the store twice a second serves everybody who listens.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from api.accounts.who import Actor, Right, needs
from api.change_feed import LOOK_S
from api.change_store import Change
from api.problems import SSE_ITEM, responses
from api.routes_events import event_body
from api.store import Store
from api.web_parts import parts_of
from vision.errors import StorageError

router = APIRouter(prefix="/api/v1", tags=["live"])

HEARTBEAT_S: Final = 15.0  # proxies end connections on which nothing comes for a minute


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "`event.started`, `event.escalated`, `event.ended`, `event.reviewed`: the event; "
            "`phase`: the step of the hold machine; `gap`: more was missed than is kept, read the list of "
            "events",
            "content": {"text/event-stream": {"itemSchema": SSE_ITEM}},
        },
        **responses(401, 403, 503),
    },
)
async def stream(
    request: Request,
    actor: Annotated[Actor, Depends(needs(Right.SEE_EVENTS))],
    last_event_id: Annotated[
        str | None, Header(max_length=20, pattern=r"^\d{0,15}$", description="Number of the last message")
    ] = None,
    after: Annotated[
        int | None, Query(ge=0, le=10**15, description="The same, for clients that cannot send the header")
    ] = None,
) -> StreamingResponse:
    """Events and phases as they change. Without a number it begins now."""
    parts = parts_of(request)
    parts.listeners.check()  # a full house is a 503 only while the answer has not begun
    feed = parts.feed
    first, last = await feed.start()
    known = int(last_event_id) if last_event_id else after
    gap = known is not None and (known < first - 1 or known > last)

    async def send() -> AsyncIterator[bytes]:
        at = last if known is None or gap else known
        quiet_s = time.monotonic()
        yield b": hello\nretry: 2000\n\n"
        if gap:
            yield format_sse_event(
                event="gap", data_str=f'{{"first": {first}, "last": {last}}}', id=str(last)
            )
        with parts.listeners.one():
            while True:
                try:
                    found = await feed.since(at)
                except StorageError:
                    found = ()  # the listener stays; what was missed comes when the store is back
                for change in found:
                    at = change.id
                    if actor.may(Right.SEE_EVENTS, change.elevator_id):
                        quiet_s = time.monotonic()
                        yield await feed.message(change, partial(_message, parts.store))
                if not found:
                    if time.monotonic() - quiet_s >= HEARTBEAT_S:
                        quiet_s = time.monotonic()
                        yield b": still here\n\n"
                    await asyncio.sleep(LOOK_S)

    return StreamingResponse(send(), media_type="text/event-stream")


def _message(store: Store, change: Change) -> bytes:
    if change.kind == "phase":
        data: Any = {
            "elevator_id": change.elevator_id,
            "at": change.at.isoformat().replace("+00:00", "Z"),
            "before": change.before,
            "after": change.after,
            "reason": change.reason,
            "event_id": change.event_id,
        }
        return format_sse_event(event="phase", data_str=_json(data), id=str(change.id))
    event = store.event(change.event_id or "")
    body = event_body(event).model_dump_json() if event else _json({"id": change.event_id})
    return format_sse_event(event=change.kind, data_str=body, id=str(change.id))


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)
