"""Answers that many ask for: ``If-None-Match`` (RFC 9110, 13.1.2), and a short way to those that are kept.

Who has the answer already is told so, without the answer. What was made for somebody who may see the same,
and still counts, is given without going through the parameters again: fifty pages ask for the same lists.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

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


class KeptRoute(APIRoute):
    """A route whose answers are kept by `key_of` in `Parts.fresh`, and need the right to see events."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the short way before it. What is not kept, or not allowed, takes the long one."""
        handler = super().get_route_handler()

        async def kept(request: Request) -> Response:
            actor = request.scope.get(SCOPE_KEY)
            if isinstance(actor, Actor) and actor.may(Right.SEE_EVENTS):
                made = parts_of(request).fresh.kept(key_of(request, actor))
                if made is not None:
                    return answer(request, made)
            return await handler(request)

        return kept
