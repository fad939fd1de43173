"""Accounts as frozen values. Every `datetime` carries a zone and is in UTC."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from api.accounts.rights import Right, Role

Method = Literal["password", "oidc", "setup"]
"""How a session began."""

_LOGIN: Final = re.compile(r"[\w.@+-]{1,64}")


def clean_login(text: str) -> str:
    """The one spelling of a login name: NFKC, case folded, no spaces around it.

    Raises: ValueError if it is no login name.
    """
    login = unicodedata.normalize("NFKC", text).strip().casefold()
    if not _LOGIN.fullmatch(login):
        raise ValueError("a login name has 1 to 64 letters, digits and . _ @ + -, and no spaces")
    return login


@dataclass(frozen=True, slots=True)
class Grant:
    """A role everywhere (neither is set), in one estate, or at one elevator."""

    role: Role
    estate: str | None = None
    elevator_id: str | None = None

    def __post_init__(self) -> None:
        if self.estate is not None and self.elevator_id is not None:
            raise ValueError("a role is for an estate or for an elevator, not for both; give two")
        if self.role == "admin" and not self.everywhere:
            raise ValueError(
                "an admin has the whole box; for some elevators give the role manager, guard or viewer"
            )

    @property
    def everywhere(self) -> bool:
        """Whether it holds for the whole box."""
        return self.estate is None and self.elevator_id is None


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in."""

    id: str  # UUIDv7
    login: str  # see `clean_login`
    name: str  # for people
    grants: tuple[Grant, ...]
    created_at: datetime
    disabled: bool = False
    must_change: bool = False  # the password was made by somebody else
    password_at: datetime | None = None  # None: no password, signs in elsewhere (OIDC)
    password_until: datetime | None = None  # a first password ends then
    issuer: str | None = None  # OIDC
    subject: str | None = None
    signed_in_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in. ``digest`` is the SHA-256 of what its cookie holds."""

    digest: str
    user_id: str
    method: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Token:
    """One program's way in. Its secret is shown once and kept nowhere."""

    id: str  # UUIDv7
    user_id: str
    name: str
    scopes: frozenset[Right]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what. ``digest`` covers the entry and ``previous``, the digest of the one before it."""

    id: int
    at: datetime
    actor_id: str
    actor_name: str
    action: str
    target: str
    detail: str
    address: str
    previous: str
    digest: str
