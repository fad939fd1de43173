"""Who is asking, and what they may do. Every route that shows or changes something names its right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.problems import ProblemError

Role: TypeAlias = Literal["admin", "manager", "guard", "viewer"]


class Right(StrEnum):
    """One thing that somebody may do."""

    SEE_LIVE = "see_live"  # live pictures, door, health
    SEE_EVENTS = "see_events"  # events, evidence curves, statistics
    SEE_EVIDENCE = "see_evidence"  # clips and pictures of events, with faces blurred
    SEE_ORIGINALS = "see_originals"  # the same without blurring
    EXPORT = "export"  # evidence as a file to take away
    REVIEW = "review"  # verdict, note, labels, lock
    RELEASE = "release"  # let a held door go, re-arm
    CONFIGURE = "configure"  # zones, thresholds, schedules, webhooks
    MANAGE_USERS = "manage_users"  # accounts, roles, tokens of others
    SEE_AUDIT = "see_audit"  # who saw and changed what


_VIEWER: Final = frozenset({Right.SEE_LIVE, Right.SEE_EVENTS})
_GUARD: Final = _VIEWER | {Right.SEE_EVIDENCE, Right.RELEASE}
_MANAGER: Final = _GUARD | {Right.REVIEW, Right.EXPORT, Right.SEE_ORIGINALS}
RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    "viewer": _VIEWER,
    "guard": _GUARD,
    "manager": _MANAGER,
    "admin": frozenset(Right),
}
"""What each role may do."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a person or a program."""

    id: str  # lasting; what the audit trail names
    name: str  # for people
    rights: frozenset[Right]
    elevators: frozenset[str] | None = None  # None: all of them

    def may(self, right: Right, elevator_id: str | None = None) -> bool:
        """Whether this actor has the right, and for this elevator if one is named."""
        return right in self.rights and (
            self.elevators is None or elevator_id is None or elevator_id in self.elevators
        )


NOT_SET_UP: Final = Actor("not-set-up", "local user", _MANAGER - {Right.SEE_ORIGINALS}, elevators=None)
"""Whoever reaches a box on which no account has been made yet: only from this machine (loopback).

They may look and release as the demonstration needs it, but never see faces or change settings.
"""

SCOPE_KEY: Final = "liftguard.actor"
"""Where the sign-in middleware leaves the `Actor` in the ASGI scope."""


def actor_of(connection: HTTPConnection) -> Actor:
    """Who is asking. Raises: ProblemError 401 if nobody has said so."""
    actor = connection.scope.get(SCOPE_KEY, NOT_SET_UP)
    if not isinstance(actor, Actor):
        raise ProblemError(401, "not-signed-in", "sign in, or send an API token")
    return actor


CurrentActor = Annotated[Actor, Depends(actor_of)]


def check(actor: Actor, right: Right, elevator_id: str | None = None) -> None:
    """Raises: ProblemError 403 if the actor may not do that (there)."""
    if not actor.may(right, elevator_id):
        where = f" at elevator {elevator_id}" if elevator_id else ""
        raise ProblemError(403, "not-allowed", f"{actor.name} has no right to {right.value}{where}")


def needs(right: Right) -> Callable[[HTTPConnection], Actor]:
    """A dependency: the actor, who has this right. Routes that name an elevator `check` it too.

    Use: ``actor: Annotated[Actor, Depends(needs(Right.REVIEW))]``.
    """

    def checked(connection: HTTPConnection) -> Actor:
        actor = actor_of(connection)
        check(actor, right)
        return actor

    return checked
