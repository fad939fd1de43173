"""Users who sign in elsewhere: who they are here, and which roles their groups give them."""

from __future__ import annotations

import logging
from dataclasses import replace
from urllib.parse import urlsplit

from api.accounts.oidc import Identity
from api.accounts.people import NewUser
from api.accounts.records import Grant, User, clean_login
from api.accounts.rights import Actor
from api.accounts.service import NOBODY, Accounts, Browser
from api.problems import ProblemError
from api.settings_web import OidcSettings

log = logging.getLogger(__name__)


def grants_of(settings: OidcSettings, identity: Identity) -> tuple[Grant, ...]:
    """The roles of whoever is in these groups; the default role if there is none."""
    grants = tuple(dict.fromkeys(r.grant() for r in settings.roles if r.group in identity.groups))
    if not grants and settings.default_role is not None:
        return (Grant(settings.default_role),)
    return grants


def sign_in_foreign(accounts: Accounts, settings: OidcSettings, identity: Identity, browser: Browser) -> str:
    """Open a session for them, with the roles that their groups have today. Returns: its secret.

    An account is made at the first time. It is known by issuer and subject alone: a name that the provider
    gives out never leads into an account that was made here.

    Raises: ProblemError 403 without a role or when disabled; StorageError.
    """
    user = accounts.people.find_foreign(identity.issuer, identity.subject)
    grants = grants_of(settings, identity)
    if not grants or (user is not None and user.disabled):
        why = "disabled" if grants else "no role for these groups"
        accounts.trail.note(NOBODY, "sign_in.failed", user.login if user else "(unknown name)", why)
        raise ProblemError(403, "no-role", "you were recognised, but have no role here; ask an admin")
    user = _add(accounts, identity, grants) if user is None else _renew(accounts, user, identity, grants)
    return accounts.open_session(user, "oidc", browser)


def _add(accounts: Accounts, identity: Identity, grants: tuple[Grant, ...]) -> User:
    new = NewUser(
        _free_login(accounts, identity),
        _name(identity),
        grants,
        issuer=identity.issuer,
        subject=identity.subject,
    )
    by = Actor("oidc", f"sign-in at {identity.issuer}", frozenset(), frozenset())
    accounts.trail.note(by, "user.create", new.login, f"roles {_said(grants)}")
    return accounts.people.add(new, accounts.now())


def _renew(accounts: Accounts, user: User, identity: Identity, grants: tuple[Grant, ...]) -> User:
    if set(grants) == set(user.grants) and _name(identity) == user.name:
        return user
    by = Actor("oidc", f"sign-in at {identity.issuer}", frozenset(), frozenset())
    accounts.trail.note(by, "user.change", user.login, f"roles {_said(user.grants)} -> {_said(grants)}")
    try:
        changed = accounts.people.change(user.id, accounts.now(), name=_name(identity), grants=grants)
    except ProblemError as exc:
        if exc.kind != "last-admin":
            raise
        log.warning("%s stays admin, though the provider says no more: nobody else is", user.login)
        return user
    accounts.keeper.forget(user_id=user.id)
    return replace(changed)


def _free_login(accounts: Accounts, identity: Identity) -> str:
    """The provider's name, with its host if somebody here has it, and a number if that is taken too."""
    host = urlsplit(identity.issuer).hostname or "elsewhere"
    plain = "".join(c if c.isalnum() or c in "._@+-" else "." for c in identity.login)[:40] or "user"
    numbered = (f"{plain}@{host}"[:58] + f".{n}" for n in range(2, 100))
    for candidate in (plain, f"{plain}@{host}"[:60], *numbered):
        login = clean_login(candidate)
        if accounts.people.find(login) is None:
            return login
    raise ProblemError(409, "user-exists", f"too many users are called {plain!r}")


def _name(identity: Identity) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in identity.name).split())[:120] or "?"


def _said(grants: tuple[Grant, ...]) -> str:
    return ", ".join(" ".join(filter(None, (g.role, g.estate, g.elevator_id))) for g in grants) or "none"
