"""Who is asking, and what they may do. Every route that shows or changes something names its right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends
from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection

from api.accounts.rights import BOX_WIDE, NOT_SET_UP, RIGHTS, Actor, Held, Right, Role
from api.problems import ProblemError

__all__ = [
    "BOX_WIDE",
    "NOT_SET_UP",
    "RIGHTS",
    "SCOPE_KEY",
    "Actor",
    "CurrentActor",
    "Held",
    "Right",
    "Role",
    "actor_of",
    "check",
    "needs",
    "right_of",
]

SCOPE_KEY: Final = "liftguard.actor"
"""Where the sign-in middleware leaves the `Actor` in the ASGI scope."""


def actor_of(connection: HTTPConnection) -> Actor:
    """Who is asking. Raises: ProblemError 401 if nobody has said so."""
    actor = connection.scope.get(SCOPE_KEY)
    if not isinstance(actor, Actor):
        raise ProblemError(401, "not-signed-in", "sign in, or send an API token")
    return actor


CurrentActor = Annotated[Actor, Depends(actor_of)]


def check(actor: Actor, right: Right, elevator_id: str | None = None) -> None:
    """Raises: ProblemError 403 if the actor may not do that (there)."""
    if not actor.may(right, elevator_id):
        where = f" at elevator {elevator_id}" if elevator_id else ""
        raise ProblemError(403, "not-allowed", f"{actor.name} has no right to {right.value}{where}")


_NEEDED: Final[dict[Callable[..., object], Right]] = {}


def needs(right: Right) -> Callable[[HTTPConnection], Awaitable[Actor]]:
    """A dependency: the actor, who has this right. Routes that name an elevator `check` it too.

    Use: ``actor: Annotated[Actor, Depends(needs(Right.REVIEW))]``.
    """

    async def checked(connection: HTTPConnection) -> Actor:  # async: it need not wait for a free thread
        try:
            actor = actor_of(connection)
            check(actor, right)
        except ProblemError as exc:
            if connection.scope["type"] == "websocket":
                raise WebSocketException(1008, exc.problem.title) from exc
            raise
        return actor

    _NEEDED[checked] = right
    return checked


def right_of(dependency: Callable[..., object]) -> Right | None:
    """The right that a dependency made by `needs` asks for: what a test looks for on every route."""
    return _NEEDED.get(dependency)
