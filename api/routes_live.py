"""``/api/v1/elevators`` and ``/api/v1/live``: what is now, live pictures, and letting a door go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel, ConfigDict, Field
from starlette.websockets import WebSocketDisconnect

from api.accounts.who import Actor, Right, check, needs
from api.live import (
    ElevatorState,
    GuardState,
    LiveFrameInfo,
    OneLine,
    RearmRequest,
    ReleaseReply,
    ReleaseRequest,
)
from api.problems import SSE_ITEM, ProblemError, responses
from api.shared_frames import framed, send_frames, takes_frames
from api.web_parts import ElevatorId, Parts, parts_of, seen_by
from vision.errors import StorageError

log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/v1", tags=["live"])

MayLook = Annotated[Actor, Depends(needs(Right.SEE_LIVE))]

SNAPSHOT_TIMEOUT_S: Final = 3.0
RELEASE_TIMEOUT_S: Final = 2.0
MayRelease = Annotated[Actor, Depends(needs(Right.RELEASE))]

CLOSE_CODES: Final = {
    "guard-silent": 1013,
    "not-allowed": 4403,
    "unknown-elevator": 4404,
    "too-many-viewers": 4429,
}
"""Why the live socket was closed: 1013 "try again later" is registered, 4000 to 4999 are free (RFC 6455)."""


class ElevatorsBody(BaseModel):
    """All elevators at this moment."""

    elevators: list[ElevatorState]


class ReleaseBody(BaseModel):
    """Why the door is let go, and who says so."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    reason: OneLine = Field(min_length=1, max_length=500, description="One line, no control characters")
    by: OneLine | None = Field(
        None, min_length=1, max_length=200, description="On whose behalf; who asks is noted in any case"
    )


@router.get("/elevators", responses=responses(401, 403, 503))
async def list_elevators(request: Request, actor: MayLook) -> ElevatorsBody:
    """Phase, door, relay and camera of every elevator that the asker may see."""
    return ElevatorsBody(elevators=list(seen_by(actor, parts_of(request).guard()).elevators))


@router.get("/elevators/{elevator_id}", responses=responses(401, 403, 404, 503))
async def get_elevator(request: Request, actor: MayLook, elevator_id: ElevatorId) -> ElevatorState:
    """Phase, door, relay and camera of one elevator."""
    check(actor, Right.SEE_LIVE, elevator_id)
    return parts_of(request).elevator(elevator_id)


@router.post("/elevators/{elevator_id}/release", responses=responses(401, 403, 404, 409, 413, 415, 503))
async def release(
    request: Request, actor: MayRelease, elevator_id: ElevatorId, body: ReleaseBody
) -> ReleaseReply:
    """Let a held door go.

    409 when guard refuses, 503 when it does not answer within 2 s: it then will not do it later either.
    The door comes first: it is let go even when the audit trail cannot be written.
    """
    command = ReleaseRequest(elevator_id=elevator_id, reason=body.reason, by=_by(actor, body.by))
    return await _command(request, actor, command)


@router.post("/elevators/{elevator_id}/rearm", responses=responses(401, 403, 404, 409, 413, 415, 503))
async def rearm(
    request: Request, actor: MayRelease, elevator_id: ElevatorId, body: ReleaseBody
) -> ReleaseReply:
    """End a release before its time: the door may be held again, though not for the vehicle let go."""
    command = RearmRequest(elevator_id=elevator_id, reason=body.reason, by=_by(actor, body.by))
    return await _command(request, actor, command)


def _by(actor: Actor, on_behalf_of: str | None) -> str:
    """Who did it: always who asked, whatever the request says of others."""
    name = actor.name if on_behalf_of is None else f"{actor.name} ({on_behalf_of})"
    return name[:200]


async def _command(request: Request, actor: Actor, command: ReleaseRequest | RearmRequest) -> ReleaseReply:
    check(actor, Right.RELEASE, command.elevator_id)
    parts = parts_of(request)
    parts.elevator(command.elevator_id)
    reply = await parts.link.command(command, RELEASE_TIMEOUT_S)
    try:
        await asyncio.to_thread(
            parts.audit.note, actor, f"door.{command.action}", command.elevator_id, command.reason
        )
    except StorageError as exc:
        log.error(
            "%s of %s by %s could not be audited: %s", command.action, command.elevator_id, actor.id, exc
        )
    if not reply.accepted:
        raise ProblemError(409, "release-refused", reply.detail)
    return reply


@router.get(
    "/elevators/{elevator_id}/snapshot.jpg",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **responses(401, 403, 404, 503)},
)
async def snapshot(request: Request, actor: MayLook, elevator_id: ElevatorId) -> Response:
    """The next picture of the camera, as JPEG without boxes."""
    check(actor, Right.SEE_LIVE, elevator_id)
    parts = parts_of(request)
    parts.elevator(elevator_id)
    with parts.pictures.one():
        try:
            async with (
                asyncio.timeout(SNAPSHOT_TIMEOUT_S),
                aclosing(parts.link.frames(elevator_id)) as frames,
            ):
                async for _, jpeg in frames:
                    return Response(jpeg, media_type="image/jpeg")
        except TimeoutError:
            pass
    camera = parts.elevator(elevator_id).camera
    raise ProblemError(503, "no-picture", f"no picture came within {SNAPSHOT_TIMEOUT_S:g} s; {camera.detail}")


@router.get(
    "/live",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "`state` events with a GuardState as guard speaks, `silent` while it does not",
            "content": {"text/event-stream": {"itemSchema": SSE_ITEM}},
        },
        **responses(401, 403, 503),
    },
)
async def live(request: Request, actor: MayLook) -> StreamingResponse:
    """Server-sent events: the state of everything, as it changes."""
    parts = parts_of(request)
    parts.streams.check()  # a full house is a 503 only while the answer has not begun

    async def stream() -> AsyncIterator[bytes]:
        with parts.streams.one():
            async with aclosing(parts.link.state_changes()) as states:
                async for state in states:
                    yield _said(parts, actor, state)

    return StreamingResponse(stream(), media_type="text/event-stream")


def _said(parts: Parts, actor: Actor, state: GuardState | None) -> bytes:
    """The message, put into words once for all who may see the same."""
    if state is None:
        return format_sse_event(event="silent", data_str="{}")
    return parts.said.get(
        actor.elevators,
        state,
        lambda: format_sse_event(event="state", data_str=seen_by(actor, state).model_dump_json()),
    )


@router.websocket("/elevators/{elevator_id}/live")
async def live_pictures(socket: WebSocket, actor: MayLook, elevator_id: ElevatorId) -> None:
    """Live pictures: for each one a text message (LiveFrameInfo) and a binary message (JPEG), newest only.

    Closes with 1013 when guard is silent, 4403 without the right to see this elevator, 4404 when there is no
    such elevator, 4429 when too many look, and 4401 when the session ends meanwhile.
    """
    parts = parts_of(socket)
    await socket.accept()  # a browser learns the reason only from a close after the handshake
    try:
        check(actor, Right.SEE_LIVE, elevator_id)
        parts.elevator(elevator_id)
        with parts.pictures.one():
            await _show(socket, parts, elevator_id)
    except ProblemError as exc:
        await socket.close(CLOSE_CODES[exc.kind], exc.problem.title)


async def _show(socket: WebSocket, parts: Parts, elevator_id: str) -> None:
    """Send until the browser goes or the link closes."""
    sender = asyncio.create_task(_send(socket, parts, elevator_id))
    watcher = asyncio.create_task(_watch(socket))
    try:
        await asyncio.wait({sender, watcher}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sender, watcher):
            task.cancel()
        await asyncio.gather(sender, watcher, return_exceptions=True)


async def _send(socket: WebSocket, parts: Parts, elevator_id: str) -> None:
    try:
        async with aclosing(parts.link.frames(elevator_id)) as frames:
            shared = takes_frames(socket)
            async for info, jpeg in frames:
                if shared:
                    await send_frames(socket, parts.told.get(elevator_id, info, partial(_frames, info, jpeg)))
                else:
                    await socket.send_text(info.model_dump_json())
                    await socket.send_bytes(jpeg)
        await socket.close(1001, "web is going down")
    except (WebSocketDisconnect, RuntimeError):  # Starlette's ways to say that the browser has gone
        return


def _frames(info: LiveFrameInfo, jpeg: bytes) -> bytes:
    return framed(info.model_dump_json().encode(), jpeg)


async def _watch(socket: WebSocket) -> None:
    """Return when the browser goes. What it says is not listened to."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
