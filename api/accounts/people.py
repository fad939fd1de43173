"""Users and their roles in the store."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, cast

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session as Transaction
from uuid_utils.compat import uuid7

from api.accounts.records import Grant, User
from api.accounts.rights import Role
from api.accounts.tables import GrantRow, SessionRow, TokenRow, UserRow
from api.problems import ProblemError

MOST_USERS: Final = 1000
"""Accounts on one box. One page of the list shows them all."""


class Database(Protocol):
    """What this area needs of the store."""

    def reading(self, doing: str) -> AbstractContextManager[Transaction]: ...  # noqa: D102
    def writing(self, doing: str) -> AbstractContextManager[Transaction]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be made. ``password_until``: the password was made by somebody else and must be changed."""

    login: str
    name: str
    grants: tuple[Grant, ...]
    password_hash: str | None = None
    password_until: datetime | None = None
    issuer: str | None = None
    subject: str | None = None


class People:
    """Users and roles. Every method raises StorageError if the store fails."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def any(self) -> bool:
        """Whether an account has been made yet."""
        with self._db.reading("read the accounts") as t:
            return t.execute(select(UserRow.id).limit(1)).first() is not None

    def all(self) -> tuple[User, ...]:
        """Everybody, by login name."""
        with self._db.reading("list the accounts") as t:
            rows = t.scalars(select(UserRow).order_by(UserRow.login).limit(MOST_USERS)).all()
            grants = t.scalars(select(GrantRow).order_by(GrantRow.id)).all()
            return tuple(_user(row, [g for g in grants if g.user_id == row.id]) for row in rows)

    def get(self, user_id: str) -> User | None:
        """One user."""
        with self._db.reading("read an account") as t:
            return _load(t, t.get(UserRow, user_id))

    def find(self, login: str) -> User | None:
        """The user of that (clean) login name."""
        with self._db.reading("read an account") as t:
            return _load(t, t.scalar(select(UserRow).where(UserRow.login == login)))

    def find_foreign(self, issuer: str, subject: str) -> User | None:
        """The user whom an OpenID provider knows by that subject."""
        with self._db.reading("read an account") as t:
            same = select(UserRow).where(UserRow.issuer == issuer, UserRow.subject == subject)
            return _load(t, t.scalar(same))

    def hash_of(self, user_id: str) -> str | None:
        """The kept hash of a user's password."""
        with self._db.reading("read an account") as t:
            return t.scalar(select(UserRow.password_hash).where(UserRow.id == user_id))

    def add(self, new: NewUser, at: datetime, *, first: bool = False) -> User:
        """Make a user. ``first``: only if there is none.

        Raises: ProblemError 409 if the login name is taken, or with ``first`` if somebody is there already.
        """
        with self._db.writing("make an account") as t:
            count = t.scalar(select(func.count(UserRow.id))) or 0
            if first and count:
                raise ProblemError(409, "user-exists", "the first account has been made already; sign in")
            if count >= MOST_USERS:
                raise ProblemError(409, "user-exists", f"there are {count} accounts, which is the most")
            if t.scalar(select(UserRow.id).where(UserRow.login == new.login)) is not None:
                raise ProblemError(409, "user-exists", f"there is a user {new.login!r}; choose another name")
            row = UserRow(
                id=str(uuid7()),
                login=new.login,
                name=new.name,
                password_hash=new.password_hash,
                password_at=at if new.password_hash else None,
                password_until=new.password_until,
                must_change=new.password_until is not None,
                disabled=False,
                issuer=new.issuer,
                subject=new.subject,
                created_at=at,
            )
            t.add(row)
            t.flush()
            _put_grants(t, row.id, new.grants)
            return _need(_load(t, row))

    def set_password(self, user_id: str, password_hash: str, at: datetime, until: datetime | None) -> None:
        """A new password. ``until``: somebody else made it, it must be changed before then.

        Every session of the user ends: whoever changes a password may do so because another knows it.
        """
        with self._db.writing("change a password") as t:
            row = _row(t, user_id)
            row.password_hash, row.password_at = password_hash, at
            row.password_until, row.must_change = until, until is not None
            t.execute(delete(SessionRow).where(SessionRow.user_id == user_id))

    def rehash(self, user_id: str, before: str, after: str) -> None:
        """Keep the same password under today's parameters, unless it was changed meanwhile."""
        with self._db.writing("keep a password") as t:
            row = _row(t, user_id)
            if row.password_hash == before:
                row.password_hash = after

    def signed_in(self, user_id: str, at: datetime) -> None:
        """Note when somebody signed in."""
        with self._db.writing("note a sign-in") as t:
            _row(t, user_id).signed_in_at = at

    def change(
        self,
        user_id: str,
        at: datetime,
        *,
        name: str | None = None,
        grants: Iterable[Grant] | None = None,
        disabled: bool | None = None,
    ) -> User:
        """Change what is not None. Disabling ends every session and token of the user.

        Raises: ProblemError 404 if there is no such user, 409 if no admin would be left.
        """
        with self._db.writing("change an account") as t:
            row = _row(t, user_id)
            if name is not None:
                row.name = name
            if grants is not None:
                t.execute(delete(GrantRow).where(GrantRow.user_id == user_id))
                _put_grants(t, user_id, grants)
            if disabled is not None:
                row.disabled = disabled
                if disabled:
                    t.execute(delete(SessionRow).where(SessionRow.user_id == user_id))
                    for token in t.scalars(select(TokenRow).where(TokenRow.user_id == user_id)):
                        token.revoked_at = token.revoked_at or at
            t.flush()
            admins = (
                select(func.count(UserRow.id))
                .join(GrantRow, GrantRow.user_id == UserRow.id)
                .where(GrantRow.role == "admin", UserRow.disabled.is_(False))
            )
            if not t.scalar(admins):
                raise ProblemError(
                    409, "last-admin", "nobody could manage accounts any more; name another admin"
                )
            return _need(_load(t, row))


def _put_grants(t: Transaction, user_id: str, grants: Iterable[Grant]) -> None:
    for grant in dict.fromkeys(grants):
        t.add(GrantRow(user_id=user_id, role=grant.role, estate=grant.estate, elevator_id=grant.elevator_id))
    t.flush()


def _row(t: Transaction, user_id: str) -> UserRow:
    row = t.get(UserRow, user_id)
    if row is None:
        raise ProblemError(404, "unknown-user", f"there is no user {user_id}")
    return row


def _load(t: Transaction, row: UserRow | None) -> User | None:
    if row is None:
        return None
    grants = t.scalars(select(GrantRow).where(GrantRow.user_id == row.id).order_by(GrantRow.id)).all()
    return _user(row, grants)


def _need(user: User | None) -> User:
    if user is None:
        raise ProblemError(404, "unknown-user", "the user has just been removed")
    return user


def _user(row: UserRow, grants: Iterable[GrantRow]) -> User:
    return User(
        id=row.id,
        login=row.login,
        name=row.name,
        grants=tuple(Grant(cast(Role, g.role), g.estate, g.elevator_id) for g in grants),
        created_at=row.created_at,
        disabled=row.disabled,
        must_change=row.must_change,
        password_at=row.password_at,
        password_until=row.password_until,
        issuer=row.issuer,
        subject=row.subject,
        signed_in_at=row.signed_in_at,
    )
