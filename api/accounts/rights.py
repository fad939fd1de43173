"""What somebody may do, and where. Plain values: settings and guard know them without a web server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, TypeAlias

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


BOX_WIDE: Final = frozenset({Right.CONFIGURE, Right.MANAGE_USERS, Right.SEE_AUDIT})
"""Rights over the whole box: whoever may do something only at some elevators never has them."""


@dataclass(frozen=True, slots=True)
class Held:
    """Rights, and the elevators where they are held."""

    rights: frozenset[Right]
    elevators: frozenset[str] | None  # None: all of them


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a person or a program."""

    id: str  # lasting; what the audit trail names
    name: str  # for people
    rights: frozenset[Right]  # all that is held anywhere
    elevators: frozenset[str] | None = None  # where anything is held; None: all of them
    held: tuple[Held, ...] = ()  # which right where; empty: every right at all of `elevators`

    @classmethod
    def of(cls, id_: str, name: str, held: Iterable[Held]) -> Actor:
        """An actor who holds different rights at different elevators."""
        kept = tuple(h if h.elevators is None else Held(h.rights - BOX_WIDE, h.elevators) for h in held)
        kept = tuple(h for h in kept if h.rights and h.elevators != frozenset())
        rights: frozenset[Right] = frozenset().union(*(h.rights for h in kept))
        return cls(id_, name, rights, _everywhere(kept), kept)

    def may(self, right: Right, elevator_id: str | None = None) -> bool:
        """Whether this actor has the right: at this elevator if one is named, else at any."""
        where = self.where(right)
        return where is None or (bool(where) if elevator_id is None else elevator_id in where)

    def where(self, right: Right) -> frozenset[str] | None:
        """The elevators at which this actor has the right. None: all of them."""
        held = self.held or (Held(self.rights, self.elevators),)
        return _everywhere(tuple(h for h in held if right in h.rights))


def _everywhere(held: tuple[Held, ...]) -> frozenset[str] | None:
    places = [h.elevators for h in held]
    if None in places:
        return None
    return frozenset().union(*(place for place in places if place is not None))


NOT_SET_UP: Final = Actor("not-set-up", "local user", _MANAGER - {Right.SEE_ORIGINALS}, elevators=None)
"""Whoever reaches a box on which no account has been made yet: only from this machine (loopback).

They may look and release as the demonstration needs it, but never see faces or change settings.
"""
