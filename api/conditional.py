"""Answers that many ask for: ``If-None-Match`` (RFC 9110, 13.1.2), and a short way to those that are kept.

Who has the answer already is told so, without the answer. What was made for somebody who may see the same,
and still counts, is given without going through the parameters again: fifty pages ask for the same lists.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.accounts.who import SCOPE_KEY, Actor, Right
from api.fresh import Made
from api.web_parts import parts_of

JSON: Final = "application/json"
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "As `If-None-Match` names it: nothing has changed"}
}
"""For OpenAPI."""


def has(request: Request, etag: str) -> bool:
    """Whether the asker has what ``etag`` names; compared weakly, as the RFC has it."""
    said = request.headers.get("if-none-match")
    if said is None:
        return False
    if said.strip() == "*":
        return True
    return etag in {tag.strip().removeprefix("W/") for tag in said.split(",")}


def answer(request: Request, made: Made, media_type: str = JSON) -> Response:
    """The answer, or 304 for whoever has it."""
    headers = {"etag": made.etag}
    if has(request, made.etag):
        return Response(status_code=304, headers=headers)
    return Response(made.body, media_type=media_type, headers=headers)


def key_of(request: Request, actor: Actor) -> tuple[str, bytes, frozenset[str] | None]:
    """What an answer from the store depends on: the question word by word, and where the actor may look."""
    return request.scope["path"], request.scope["query_string"], actor.where(Right.SEE_EVENTS)


@dataclass(frozen=True, slots=True)
class Kept:
    """Answers of one address that are kept. ``key``: all that an answer depends on beside the store."""

    path: str
    key: Callable[[Request, Actor], Hashable]
    media_type: str = JSON


class KeptAnswers:
    """ASGI middleware behind the gate: gives what is kept in `Parts.fresh` before any route is looked for.

    Only to who has the right to see events. What is not kept takes the long way, one at a time for each key:
    who asks meanwhile waits here, and takes up no thread.
    """

    def __init__(self, app: ASGIApp, kept: Iterable[Kept]) -> None:
        self.app = app
        self._kept = {one.path: one for one in kept}
        self._routes = {path: SimpleNamespace(path=path) for path in self._kept}  # for `api.web_metrics`

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or pass on."""
        kept = self._kept.get(scope["path"]) if scope.get("method") == "GET" else None
        actor = scope.get(SCOPE_KEY)
        if kept is None or not isinstance(actor, Actor) or not actor.may(Right.SEE_EVENTS):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        fresh, key = parts_of(request).fresh, kept.key(request, actor)
        made = fresh.kept(key)
        if made is None:
            await fresh.look_again()
            made = fresh.kept(key)
        async with AsyncExitStack() as turn:
            if made is None:
                await turn.enter_async_context(fresh.turn(key))
                made = fresh.kept(key)
            if made is None:

                async def send_on(message: Message) -> None:
                    await turn.aclose()  # it is made; a slow reader keeps nobody waiting
                    await send(message)

                await self.app(scope, receive, send_on)
                return
        scope["route"] = self._routes[kept.path]
        await answer(request, made, kept.media_type)(scope, receive, send)
