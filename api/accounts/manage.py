"""What admins do to accounts, and everybody to their own sessions and tokens; all of it is in the trail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from api.accounts.doorkeeper import actor_of_user
from api.accounts.passwords import first_password
from api.accounts.people import NewUser
from api.accounts.records import Grant, Session, Token, User
from api.accounts.rights import Actor, Right
from api.accounts.service import Accounts
from api.problems import ProblemError

FIRST_PASSWORD_LASTS: Final = timedelta(days=7)
TOKEN_DAYS: Final = (1, 365)
"""Shortest and longest life of a token."""


def check_grants(accounts: Accounts, grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """The grants, each once. Raises: ProblemError 422 if an estate or elevator is not in the settings."""
    kept = tuple(dict.fromkeys(grants))
    for grant in kept:
        if grant.estate is not None and grant.estate not in accounts.rules.estates:
            known = ", ".join(sorted(accounts.rules.estates)) or "none"
            raise ProblemError(
                422, "bad-request", f"no estate {grant.estate!r} in the settings; they have {known}"
            )
        if grant.elevator_id is not None and grant.elevator_id not in accounts.rules.elevators:
            known = ", ".join(sorted(accounts.rules.elevators)) or "none"
            raise ProblemError(
                422, "bad-request", f"no elevator {grant.elevator_id!r} in the settings; they have {known}"
            )
    return kept


def create_user(
    accounts: Accounts, by: Actor, login: str, name: str, grants: Iterable[Grant]
) -> tuple[User, str]:
    """A user, with a first password that is shown this once and must be changed within a week.

    Raises: ProblemError 409, 422.
    """
    login, name = accounts.clean(login, name)
    password = first_password()
    if accounts.people.find(login) is not None:
        raise ProblemError(409, "user-exists", f"there is a user {login!r}; choose another name")
    new = NewUser(
        login,
        name,
        check_grants(accounts, grants),
        accounts.passwords.hash(password),
        accounts.now() + FIRST_PASSWORD_LASTS,
    )
    accounts.trail.note(by, "user.create", login, _said(new.grants))
    return accounts.people.add(new, accounts.now()), password


def change_user(
    accounts: Accounts,
    by: Actor,
    user_id: str,
    *,
    name: str | None = None,
    grants: Iterable[Grant] | None = None,
    disabled: bool | None = None,
) -> User:
    """Change what is not None; what is the same already is no change. Raises: ProblemError 404, 409, 422."""
    user = need_user(accounts, user_id)
    if name is not None:
        _, name = accounts.clean(user.login, name)
    kept = None if grants is None else check_grants(accounts, grants)
    changes = []
    if name is not None and name != user.name:
        changes.append(f"name {user.name} -> {name}")
    if kept is not None and set(kept) != set(user.grants):
        changes.append(f"roles {_said(user.grants)} -> {_said(kept)}")
    if disabled is not None and disabled != user.disabled:
        changes.append("disabled" if disabled else "enabled")
    if not changes:
        return user
    accounts.trail.note(by, "user.change", user.login, "; ".join(changes))
    changed = accounts.people.change(user_id, accounts.now(), name=name, grants=kept, disabled=disabled)
    accounts.keeper.forget(user_id=user_id)
    return changed


def reset_password(accounts: Accounts, by: Actor, user_id: str) -> tuple[User, str]:
    """A new first password; every session of the user ends. Raises: ProblemError 404."""
    user = need_user(accounts, user_id)
    password = first_password()
    until = accounts.now() + FIRST_PASSWORD_LASTS
    accounts.trail.note(by, "password.reset", user.login)
    accounts.people.set_password(user_id, accounts.passwords.hash(password), accounts.now(), until)
    accounts.keeper.forget(user_id=user_id)
    return replace(user, must_change=True, password_until=until), password


def need_user(accounts: Accounts, user_id: str) -> User:
    """Raises: ProblemError 404."""
    user = accounts.people.get(user_id)
    if user is None:
        raise ProblemError(404, "unknown-user", f"there is no user {user_id}")
    return user


# --- sessions and tokens -----------------------------------------------------------------------------------


def short_id(session: Session) -> str:
    """A name for a session that cannot be used to be it."""
    return session.digest[:16]


def end_sessions(accounts: Accounts, by: Actor, user: User, which: str | None, but: str | None = None) -> int:
    """End the session of that `short_id`, or all but the one of digest ``but``. Returns: how many."""
    found = [
        s
        for s in accounts.keys.sessions(user.id)
        if s.digest != but and (which is None or short_id(s) == which)
    ]
    if found:
        accounts.trail.note(by, "session.end", user.login, f"{len(found)} session(s)")
    for session in found:
        accounts.end_session(session.digest)
    return len(found)


def create_token(
    accounts: Accounts, by: Actor, user: User, name: str, scopes: Iterable[Right], days: int
) -> tuple[str, Token]:
    """A token for a program; its secret is shown this once.

    Raises: ProblemError 403 for a right that the user has not, 409, 422.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise ProblemError(422, "bad-request", "a token has a name of 1 to 120 visible characters")
    if not TOKEN_DAYS[0] <= days <= TOKEN_DAYS[1]:
        raise ProblemError(422, "bad-request", f"a token lasts 1 to {TOKEN_DAYS[1]} days; got {days}")
    wanted = frozenset(scopes)
    if not wanted:
        raise ProblemError(422, "bad-request", "a token without a right can do nothing; name at least one")
    lacking = wanted - actor_of_user(user, accounts.rules.estates).rights
    if lacking:
        raise ProblemError(
            403,
            "not-allowed",
            f"{user.name} has no right to {', '.join(sorted(lacking))} and cannot pass it on",
        )
    accounts.trail.note(by, "token.create", name, f"for {days} days: {' '.join(sorted(wanted))}")
    return accounts.keys.add_token(user.id, name, wanted, accounts.now(), timedelta(days=days))


def revoke_token(accounts: Accounts, by: Actor, token_id: str) -> None:
    """End a token: one's own, or with the right to manage users anybody's. Again is harmless.

    Raises: ProblemError 404, also for a token of somebody else.
    """
    token = accounts.keys.token_of_id(token_id)
    if token is None or not (token.user_id == by.id or by.may(Right.MANAGE_USERS)):
        raise ProblemError(404, "unknown-token", f"there is no token {token_id}")
    if token.revoked_at is None:
        accounts.trail.note(by, "token.revoke", token.name, token.id)
        accounts.keys.revoke_token(token_id, accounts.now())
    accounts.keeper.forget(user_id=token.user_id)


def _said(grants: Iterable[Grant]) -> str:
    return ", ".join(" ".join(filter(None, (g.role, g.estate, g.elevator_id))) for g in grants) or "none"
