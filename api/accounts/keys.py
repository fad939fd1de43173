"""Sessions of browsers and tokens of programs in the store. Only digests of their secrets are kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session as Transaction
from uuid_utils.compat import uuid7

from api.accounts.people import Database
from api.accounts.records import Session, Token
from api.accounts.rights import Right
from api.accounts.tables import SessionRow, TokenRow
from api.problems import ProblemError

TOKEN_PREFIX: Final = "lg_"  # noqa: S105
"""So that a token that was published by mistake can be found by a scanner."""
SECRET_BYTES: Final = 32
"""256 random bits (ASVS 3.2.2 asks for 64)."""
MOST_SESSIONS: Final = 20
"""Browsers of one user; the one that was silent longest goes first."""
MOST_TOKENS: Final = 50
"""Tokens of one user."""


def digest_of(secret: str) -> str:
    """What is kept of a secret of 256 random bits: nothing slower is needed, it cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Keys:
    """Sessions and tokens. Every method raises StorageError if the store fails."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- sessions ---------------------------------------------------------------------------------------

    def open_session(
        self, user_id: str, method: str, at: datetime, lasts: timedelta, address: str, agent: str
    ) -> tuple[str, Session]:
        """A new session and the secret for its cookie."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        session = Session(digest_of(secret), user_id, method, at, at, at + lasts, address[:64], agent[:200])
        with self._db.writing("open a session") as t:
            mine = select(SessionRow).where(SessionRow.user_id == user_id).order_by(SessionRow.seen_at.desc())
            for old in t.scalars(mine.offset(MOST_SESSIONS - 1)):
                t.delete(old)
            t.add(SessionRow(**{name: getattr(session, name) for name in Session.__dataclass_fields__}))
        return secret, session

    def session(self, digest: str) -> Session | None:
        """The session of that digest."""
        with self._db.reading("read a session") as t:
            row = t.get(SessionRow, digest)
            return None if row is None else _session(row)

    def sessions(self, user_id: str) -> tuple[Session, ...]:
        """A user's sessions, the latest used first."""
        mine = select(SessionRow).where(SessionRow.user_id == user_id).order_by(SessionRow.seen_at.desc())
        with self._db.reading("list sessions") as t:
            return tuple(_session(row) for row in t.scalars(mine))

    def touch_session(self, digest: str, at: datetime) -> None:
        """Note that a session was used."""
        with self._db.writing("note the use of a session") as t:
            row = t.get(SessionRow, digest)
            if row is not None and row.seen_at < at:
                row.seen_at = at

    def end_session(self, digest: str) -> bool:
        """End one session. Returns: whether it was there."""
        with self._db.writing("end a session") as t:
            row = t.get(SessionRow, digest)
            if row is not None:
                t.delete(row)
            return row is not None

    def end_sessions(self, user_id: str, but: str | None = None) -> int:
        """End every session of a user, but one. Returns: how many."""
        with self._db.writing("end sessions") as t:
            rows = t.scalars(select(SessionRow).where(SessionRow.user_id == user_id)).all()
            ended = [row for row in rows if row.digest != but]
            for row in ended:
                t.delete(row)
            return len(ended)

    def sweep(self, at: datetime, idle: timedelta) -> None:
        """Remove sessions that have expired."""
        over = or_(SessionRow.expires_at <= at, SessionRow.seen_at <= at - idle)
        with self._db.writing("remove old sessions") as t:
            t.execute(delete(SessionRow).where(over))

    # --- tokens -----------------------------------------------------------------------------------------

    def add_token(
        self, user_id: str, name: str, scopes: frozenset[Right], at: datetime, lasts: timedelta
    ) -> tuple[str, Token]:
        """A new token and its secret, which is shown this once.

        Raises: ProblemError 409 if the user has too many.
        """
        secret = TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        with self._db.writing("make a token") as t:
            alive = _alive(t, user_id, at)
            if len(alive) >= MOST_TOKENS:
                raise ProblemError(409, "too-many-tokens", f"there are {len(alive)} tokens; revoke one first")
            row = TokenRow(
                id=str(uuid7()),
                user_id=user_id,
                name=name,
                digest=digest_of(secret),
                scopes=" ".join(sorted(scopes)),
                created_at=at,
                expires_at=at + lasts,
            )
            t.add(row)
            t.flush()
            return secret, _token(row)

    def token(self, digest: str) -> Token | None:
        """The token of that digest, revoked and expired ones too."""
        with self._db.reading("read a token") as t:
            row = t.scalar(select(TokenRow).where(TokenRow.digest == digest))
            return None if row is None else _token(row)

    def token_of_id(self, token_id: str) -> Token | None:
        """The token of that id."""
        with self._db.reading("read a token") as t:
            row = t.get(TokenRow, token_id)
            return None if row is None else _token(row)

    def tokens(self, user_id: str | None, at: datetime) -> tuple[Token, ...]:
        """Tokens that still work, of one user or of all, the newest first."""
        with self._db.reading("list tokens") as t:
            return tuple(_token(row) for row in _alive(t, user_id, at))

    def touch_token(self, token_id: str, at: datetime) -> None:
        """Note that a token was used."""
        with self._db.writing("note the use of a token") as t:
            row = t.get(TokenRow, token_id)
            if row is not None:
                row.used_at = at

    def revoke_token(self, token_id: str, at: datetime) -> None:
        """End a token. It stays in the store, so that the audit trail can be read."""
        with self._db.writing("revoke a token") as t:
            row = t.get(TokenRow, token_id)
            if row is not None:
                row.revoked_at = row.revoked_at or at


def _alive(t: Transaction, user_id: str | None, at: datetime) -> list[TokenRow]:
    query = select(TokenRow).where(TokenRow.revoked_at.is_(None), TokenRow.expires_at > at)
    if user_id is not None:
        query = query.where(TokenRow.user_id == user_id)
    return list(t.scalars(query.order_by(TokenRow.created_at.desc(), TokenRow.id.desc())))


def _session(row: SessionRow) -> Session:
    return Session(**{name: getattr(row, name) for name in Session.__dataclass_fields__})


def _token(row: TokenRow) -> Token:
    known = {right.value for right in Right}
    return Token(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        scopes=frozenset(Right(scope) for scope in row.scopes.split() if scope in known),
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
