"""Who a session or a token is. What the store said is remembered for a few seconds.

If the store fails, whoever was let in by this process stays in until their session expires: the page must
show the door when the disk is broken. Nobody new comes in. What another process revokes (the command line)
counts after `CHECK_S`; what this process revokes, at once.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from api.accounts.csrf import form_token
from api.accounts.keys import TOKEN_PREFIX, Keys, digest_of
from api.accounts.people import People
from api.accounts.records import Session, Token, User
from api.accounts.who import RIGHTS, Actor, Held, Right
from vision.errors import StorageError
from vision.types import Clock

log = logging.getLogger(__name__)

CHECK_S: Final = 5.0
"""So long is believed what the store said of a session or token."""
TOUCH: Final = timedelta(minutes=1)
"""How exactly the store knows when a session was last used."""
REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who has proved who they are."""

    actor: Actor
    user: User
    kind: Literal["session", "token"]
    digest: str
    seen_at: datetime
    expires_at: datetime
    form_token: str = ""  # what forms of this session carry
    checked_s: float = 0.0


def actor_of_user(
    user: User, estates: Mapping[str, Iterable[str]], scopes: frozenset[Right] | None = None, via: str = ""
) -> Actor:
    """What a user may do where; a token only what its scopes name.

    Args: estates: the elevators of each estate. via: the name of the token.
    """
    held = []
    for grant in user.grants:
        rights = RIGHTS[grant.role] if scopes is None else RIGHTS[grant.role] & scopes
        if grant.everywhere:
            held.append(Held(rights, None))
        elif grant.elevator_id is not None:
            held.append(Held(rights, frozenset({grant.elevator_id})))
        else:
            held.append(Held(rights, frozenset(estates.get(grant.estate or "", ()))))
    return Actor.of(user.id, f"{user.name} ({via})" if via else user.name, held)


class Doorkeeper:
    """Answers who a secret belongs to.

    Args: idle: a session without a request for this long is over. clock: monotonic, for what is remembered;
    now: wall clock, for what is stored.
    """

    def __init__(
        self,
        people: People,
        keys: Keys,
        estates: Mapping[str, Iterable[str]],
        *,
        idle: timedelta,
        clock: Clock,
        now: Callable[[], datetime],
    ) -> None:
        self._people = people
        self._keys = keys
        self._estates = {name: frozenset(ids) for name, ids in estates.items()}
        self._idle = idle
        self.clock = clock
        self._now = now
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._lock = threading.Lock()
        self._asking = tuple(threading.Lock() for _ in range(32))  # a page's requests ask once for all
        self._any: bool | None = None
        self._any_checked_s = 0.0
        self._failing = False

    # --- whether there is anybody ------------------------------------------------------------------------

    def remembered_set_up(self) -> bool | None:
        """Whether an account exists, if that need not be looked up. Never blocks."""
        if self._any or (self._any is not None and self.clock() - self._any_checked_s < 1.0):
            return self._any
        return None

    def set_up(self) -> bool:
        """Whether an account exists. Once one does, that stays so: accounts are never deleted.

        If the store fails, what it said last counts. Raises: StorageError if it has not said anything yet.
        """
        known = self.remembered_set_up()
        if known is not None:
            return known
        try:
            self._any = self._people.any()
        except StorageError:
            if self._any is None:
                raise
        self._any_checked_s = self.clock()
        return self._any

    def note_set_up(self) -> None:
        """This process has just made an account: from now on nobody comes in without one."""
        self._any = True

    # --- who it is ---------------------------------------------------------------------------------------

    def remembered(self, secret: str) -> Known | None:
        """Who this is, if that need not be looked up. Never blocks."""
        known = self._known.get(digest_of(secret))
        if known is None or self.clock() - known.checked_s >= CHECK_S or self._over(known):
            return None
        return known

    def look_up(self, secret: str) -> Known | None:
        """Who this is; None: nobody, or not any more. Blocks.

        Raises: StorageError if the store fails and this process has not let the secret in before.
        """
        digest = digest_of(secret)
        begun_s = self.clock()
        asking = self._asking[int(digest[:2], 16) % len(self._asking)]
        waited = not asking.acquire(blocking=False)
        if waited:
            asking.acquire()
        try:
            known = self._known.get(digest)
            if waited and known is not None and known.checked_s >= begun_s and not self._over(known):
                return known  # another request of the same page has asked meanwhile
            return self._look_up(secret, digest)
        finally:
            asking.release()

    def _look_up(self, secret: str, digest: str) -> Known | None:
        before = self._known.get(digest)
        try:
            known = self._ask(secret, digest, before)
        except StorageError as exc:
            if before is None or self._over(before):
                raise
            if not self._failing:
                log.error("sessions cannot be read; who is signed in stays signed in: %s", exc)
            self._failing = True
            known = replace(before, checked_s=self.clock(), seen_at=self._now())
        else:
            self._failing = False
        with self._lock:
            if known is None:
                self._known.pop(digest, None)
            elif before is None or digest in self._known:  # not forgotten meanwhile
                self._known[digest] = known
                self._known.move_to_end(digest)
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return known

    def forget(self, *, digest: str | None = None, user_id: str | None = None) -> None:
        """Look up again whoever this is: their session ended, or their rights changed."""
        with self._lock:
            for key, known in list(self._known.items()):
                if key == digest or known.user.id == user_id:
                    del self._known[key]

    # --- inside ------------------------------------------------------------------------------------------

    def _over(self, known: Known) -> bool:
        now = self._now()
        return now >= known.expires_at or (known.kind == "session" and now - known.seen_at >= self._idle)

    def _ask(self, secret: str, digest: str, before: Known | None) -> Known | None:
        now = self._now()
        if secret.startswith(TOKEN_PREFIX):
            token = self._keys.token(digest)
            if token is None or token.revoked_at is not None or now >= token.expires_at:
                return None
            user = self._people.get(token.user_id)
            return None if user is None or user.disabled else self._known_token(user, token, digest)
        session = self._keys.session(digest)
        if session is None:
            return None
        seen_at = session.seen_at if before is None else max(session.seen_at, before.seen_at)
        if now >= session.expires_at or now - seen_at >= self._idle:
            return None
        user = self._people.get(session.user_id)
        if user is None or user.disabled:
            return None
        return self._known_session(user, session, form_token(secret))

    def _known_token(self, user: User, token: Token, digest: str) -> Known:
        now = self._now()
        if token.used_at is None or now - token.used_at >= TOUCH:
            self._touch(lambda: self._keys.touch_token(token.id, now))
        actor = actor_of_user(user, self._estates, token.scopes, token.name)
        return Known(actor, user, "token", digest, now, token.expires_at, checked_s=self.clock())

    def _known_session(self, user: User, session: Session, forms: str) -> Known:
        now = self._now()
        if now - session.seen_at >= TOUCH:
            self._touch(lambda: self._keys.touch_session(session.digest, now))
        return Known(
            actor_of_user(user, self._estates),
            user,
            "session",
            session.digest,
            now,
            session.expires_at,
            forms,
            self.clock(),
        )

    def _touch(self, write: Callable[[], None]) -> None:
        """A full disk may not keep anybody out: memory knows when the session was used, too."""
        try:
            write()
        except StorageError as exc:
            log.warning("the use of a session or token could not be noted: %s", exc)
