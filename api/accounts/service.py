"""Signing in and out, the first account, passwords: each with its limits and its line in the audit trail."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from api.accounts.audit_store import AuditTrail
from api.accounts.doorkeeper import Doorkeeper, Known
from api.accounts.failures import KeptFailures
from api.accounts.keys import Keys, digest_of
from api.accounts.limits import Key, Limiter, keys_of, network
from api.accounts.oidc import Oidc
from api.accounts.passwords import LONGEST, SHORTEST, Complaint, Passwords, complaint
from api.accounts.people import Database, NewUser, People
from api.accounts.records import Grant, Method, User, clean_login
from api.accounts.setup_code import SetupCode
from api.accounts.who import Actor
from api.problems import ProblemError
from api.times import utc_now
from vision.types import Clock

log = logging.getLogger(__name__)

NOBODY: Final = Actor("nobody", "not signed in", frozenset(), frozenset())
"""Whose failed attempts are noted."""

_COMPLAINTS: Final[dict[Complaint, str]] = {
    "short": f"a password has at least {SHORTEST} characters; a short sentence is easy to remember",
    "long": f"a password has at most {LONGEST} characters",
    "login": "the password is little more than the name or `liftguard`; use a sentence of your own",
    "plain": "this is among the first things that a guesser tries; use a sentence of your own",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of accounts. ``estates``: the elevators of each; ``elevators``: their names."""

    idle: timedelta = timedelta(hours=1)
    lasts: timedelta = timedelta(hours=24)
    audit_days: int = 400
    open_until_set_up: bool = True
    estates: Mapping[str, frozenset[str]] = field(default_factory=dict)
    elevators: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a sign-in comes from. ``secret``: the session that it had until now."""

    address: str = ""
    agent: str = ""
    secret: str | None = None


class Accounts:
    """Everything about who is who, over one database.

    Args: clock: monotonic, for limits; now: wall clock, for what is stored.
    """

    def __init__(
        self,
        database: Database,
        rules: Rules | None = None,
        *,
        passwords: Passwords | None = None,
        oidc: Oidc | None = None,
        clock: Clock = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.rules = rules or Rules()
        self.now = now
        self.people = People(database)
        self.keys = Keys(database)
        self.trail = AuditTrail(database, now)
        self.keeper = Doorkeeper(
            self.people, self.keys, self.rules.estates, idle=self.rules.idle, clock=clock, now=now
        )
        self.code = SetupCode()
        self.oidc = oidc
        self.limiter = Limiter(clock)
        self._failures = KeptFailures(database, self.limiter, now)
        self._passwords = passwords

    @property
    def passwords(self) -> Passwords:
        """Made when it is first needed: it computes a hash."""
        if self._passwords is None:
            self._passwords = Passwords()
        return self._passwords

    # --- signing in --------------------------------------------------------------------------------------

    def sign_in(self, login: str, password: str, browser: Browser) -> str:
        """Check a password and open a session. Returns: the secret for its cookie.

        Raises: ProblemError 401 if name or password is wrong, without saying which; 429 after too many
        attempts; StorageError.
        """
        try:
            login = clean_login(login)
        except ValueError:
            login = ""  # goes the whole way too: as fast, and counted
        keys = keys_of(login, browser.address)
        self._attempt(*keys)
        user = self.people.find(login) if login else None
        kept = self.people.hash_of(user.id) if user is not None else None
        right = self.passwords.verify(kept, password)
        if user is None or kept is None or not right or user.disabled:
            # A name that nobody has is not written down: people type passwords into that field.
            self._failures.keep(keys if user is not None else [k for k in keys if k[0] == "address"])
            self.trail.note(NOBODY, "sign_in.failed", user.login if user else "(unknown name)")
            raise ProblemError(401, "wrong-sign-in", "the name or the password is not right")
        self._succeeded(*keys)
        if user.password_until is not None and self.now() >= user.password_until:
            self.trail.note(NOBODY, "sign_in.failed", user.login, "the first password has expired")
            raise ProblemError(
                401, "wrong-sign-in", "the first password has expired; ask an admin for a new one"
            )
        if self.passwords.outdated(kept):
            self.people.rehash(user.id, kept, self.passwords.hash(password))
        return self.open_session(user, "password", browser)

    def open_session(self, user: User, method: Method, browser: Browser) -> str:
        """A new session in place of the browser's old one, which ends (ASVS 3.2.1). Returns: its secret."""
        self.trail.note(_self(user), "sign_in", user.login, method)
        if browser.secret is not None:
            self.end_session(digest_of(browser.secret))
        now = self.now()
        secret, _ = self.keys.open_session(
            user.id, method, now, self.rules.lasts, browser.address, browser.agent
        )
        self.people.signed_in(user.id, now)
        return secret

    def sign_out(self, known: Known) -> None:
        """End the session at once; it is noted if that can be."""
        self.end_session(known.digest)
        self.trail.note(known.actor, "sign_out", known.user.login)

    def end_session(self, digest: str) -> bool:
        """End a session, in this process even if the store fails. Returns: whether it was there."""
        self.keeper.forget(digest=digest)
        return self.keys.end_session(digest)

    # --- the first account -------------------------------------------------------------------------------

    def set_up(self, code: str, login: str, name: str, password: str, browser: Browser) -> str:
        """Make the first account, an admin. Returns: the secret of a session.

        Raises: ProblemError 403 if the code is wrong, 409 if there is an account already, 422 if the name or
        password will not do, 429 after too many attempts; StorageError.
        """
        place: Key = ("code", network(browser.address))
        self._attempt(place)
        if not self.code.is_right(code):
            self._failures.keep([place])
            self.trail.note(NOBODY, "set_up.failed", "", "wrong code")
            raise ProblemError(
                403,
                "wrong-code",
                "the code is on the terminal where Liftguard was started; a restart makes a new one",
            )
        self._succeeded(place)
        new = self.new_user(login, name, (Grant("admin"),), password)
        user = self.people.add(new, self.now(), first=True)
        self.keeper.note_set_up()
        self.code.use()
        self.trail.note(_self(user), "user.create", user.login, "the first admin")
        log.info("the first account has been made: %s", user.login)
        return self.open_session(user, "setup", browser)

    def new_user(self, login: str, name: str, grants: tuple[Grant, ...], password: str) -> NewUser:
        """A user with a password of their own, checked. Raises: ProblemError 422."""
        login, name = self.clean(login, name)
        self.check_password(password, login, name)
        return NewUser(login, name, grants, self.passwords.hash(password))

    def clean(self, login: str, name: str) -> tuple[str, str]:
        """Login and name as they are kept. Raises: ProblemError 422."""
        try:
            login = clean_login(login)
        except ValueError as exc:
            raise ProblemError(422, "bad-request", str(exc)) from exc
        name = " ".join(name.split()) or login
        if len(name) > 120 or not name.isprintable():
            raise ProblemError(422, "bad-request", "a name has at most 120 characters, all of them visible")
        return login, name

    # --- passwords ---------------------------------------------------------------------------------------

    def check_password(self, password: str, login: str, name: str) -> None:
        """Raises: ProblemError 422 if a guesser would soon have it."""
        wrong = complaint(password, login, name)
        if wrong is not None:
            raise ProblemError(422, "weak-password", _COMPLAINTS[wrong])

    def change_password(self, known: Known, current: str, new: str, browser: Browser) -> str:
        """Change one's own password. Every session ends; returns the secret of a new one.

        Raises: ProblemError 403 if the current one is wrong, 422 if the new one will not do, 429.
        """
        user = known.user
        keys = keys_of(user.login, browser.address)
        self._attempt(*keys)
        if not self.passwords.verify(self.people.hash_of(user.id), current):
            self._failures.keep(keys)
            self.trail.note(known.actor, "password.failed", user.login)
            raise ProblemError(403, "wrong-sign-in", "the current password is not right")
        self._succeeded(*keys)
        self.check_password(new, user.login, user.name)
        if new == current:
            raise ProblemError(422, "weak-password", "this is the password that you have; use another")
        self.trail.note(known.actor, "password.change", user.login)
        self.people.set_password(user.id, self.passwords.hash(new), self.now(), None)
        self.keeper.forget(user_id=user.id)
        return self.open_session(user, "password", browser)

    # --- keeping house -----------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Remove what is over: sessions, and audit entries past their time. Raises: StorageError."""
        self.keys.sweep(self.now(), self.rules.idle)
        removed = self.trail.sweep(self.rules.audit_days)
        if removed:
            log.info("%d audit entries were older than %d days", removed, self.rules.audit_days)

    def _succeeded(self, *keys: Key) -> None:
        had = [count for key in keys if (count := self.limiter.count(key)) and count.failures > 1]
        self.limiter.succeeded(*keys)
        if had:  # who mistypes nothing costs no write
            self._failures.keep(keys)

    def _attempt(self, *keys: Key) -> None:
        self._failures.restore()
        wait_s = self.limiter.attempt(*keys)
        if wait_s > 0:
            seconds = math.ceil(wait_s)
            raise ProblemError(
                429,
                "too-many-attempts",
                f"wait {seconds} s before trying again",
                headers={"retry-after": str(seconds)},
            )


def _self(user: User) -> Actor:
    return Actor(user.id, user.name, frozenset(), frozenset())
