"""Passwords: argon2id, and which are good enough (OWASP ASVS 4.0.3 chapter 2.1, NIST SP 800-63B).

A password is a sentence of at least 12 characters. No rule asks for digits or signs, none makes it expire,
and every Unicode character counts; what is refused is what a guesser tries first.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from typing import Final, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.problems import ProblemError

SHORTEST: Final = 12
LONGEST: Final = 128
Complaint = Literal["short", "long", "login", "plain"]

FEWEST_GUESSES: Final = 1e8
"""What zxcvbn calls "safely unguessable" where attempts are limited; nothing among the 30 000 most common
passwords comes near (ASVS 2.1.7)."""
ZXCVBN_LONGEST: Final = 72
"""Characters that are looked at: more takes long, and cannot make the beginning easier."""
AT_ONCE: Final = 2
"""Hashes computed at a time: each takes 46 MiB and a core for some 50 ms."""
WAIT_S: Final = 5.0
"""A sign-in that has waited this long for its turn is refused: the box has other things to do."""


def tidy(password: str) -> str:
    """The same characters, however a keyboard composed them (NFKC, NIST SP 800-63B 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def complaint(password: str, login: str, name: str = "") -> Complaint | None:
    """What is wrong with a new password, None if nothing."""
    text = tidy(password)
    if len(" ".join(text.split())) < SHORTEST:
        return "short"
    if len(text) > LONGEST:
        return "long"
    plain = text.casefold()
    own = {part for part in (login.casefold(), name.casefold(), "liftguard") if len(part) >= 4}
    for part in own:
        if part in plain and len(plain.replace(part, "")) < SHORTEST - 4:
            return "login"
    return "plain" if _guesses(plain, own) < FEWEST_GUESSES else None


def _guesses(text: str, own: set[str]) -> float:
    """After how many guesses a program would have it that knows common passwords, words, names, dates,
    keyboards and repetitions (zxcvbn, Wheeler 2016).
    """
    from zxcvbn import zxcvbn  # here: its lists take a moment to load

    return float(zxcvbn(text[:ZXCVBN_LONGEST], user_inputs=sorted(own))["guesses"])


def first_password() -> str:
    """A password that a person may type once: 20 characters of 32, 100 random bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz123456789"  # 32, without what looks alike
    groups = ("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


class Passwords:
    """Makes and checks hashes, two at a time.

    Args: time_cost, memory_kib, lanes: of argon2id. The defaults are OWASP's first choice (Password Storage
    Cheat Sheet: 46 MiB, 1 pass, 1 lane).
    """

    def __init__(self, *, time_cost: int = 1, memory_kib: int = 47104, lanes: int = 1) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=lanes)
        self._turn = threading.BoundedSemaphore(AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        """The hash to keep. Raises: ProblemError 429 if too many wait for theirs."""
        self._wait()
        try:
            return self._hasher.hash(tidy(password))
        finally:
            self._turn.release()

    def verify(self, kept: str | None, password: str) -> bool:
        """Whether the password is right. Without a hash it takes as long and says no.

        Raises: ProblemError 429 if too many wait for their turn.
        """
        self._wait()
        try:
            right = self._hasher.verify(kept or self._nobody, tidy(password)[: 4 * LONGEST])
        except (VerificationError, InvalidHashError):
            return False
        finally:
            self._turn.release()
        return right and kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _wait(self) -> None:
        if not self._turn.acquire(timeout=WAIT_S):
            raise ProblemError(
                429, "too-many-attempts", "many are signing in; try again", headers={"retry-after": "5"}
            )
