"""The code that proves that whoever makes the first account can see this machine's terminal.

It is random, lives in the memory of the process that printed it, works once, and is never logged: it is
printed only where standard error is a terminal, not into a file or a journal. Without a terminal (a service)
the first account is made on the box with `liftguard user add`.
"""

from __future__ import annotations

import secrets
import threading
from typing import Final, TextIO

from api.accounts.csrf import same

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing that looks alike
_LIKE: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})
LENGTH: Final = 20
"""Characters: 100 random bits."""


class SetupCode:
    """One code. Safe to use from several threads."""

    def __init__(self) -> None:
        self._code = "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))
        self._used = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Without the code: it may not get into a log."""
        return "SetupCode(…)"

    @property
    def shown(self) -> str:
        """As it is printed: groups of five."""
        return "-".join(self._code[i : i + 5] for i in range(0, LENGTH, 5))

    def is_right(self, given: str) -> bool:
        """Whether this is the code, however it was typed, and it has not been used."""
        plain = "".join(c for c in given.upper() if c.isalnum()).translate(_LIKE)
        with self._lock:
            return same(plain, self._code) and not self._used

    def use(self) -> None:
        """It has made the first account."""
        with self._lock:
            self._used = True


def print_code(code: SetupCode, address: str, terminal: TextIO) -> bool:
    """Print the code for the person at the terminal. Returns: whether this is a terminal."""
    if not terminal.isatty():
        return False
    terminal.write(
        f"\n  No account has been made yet. Open {address}/setup and enter this code:\n\n"
        f"      {code.shown}\n\n  It is for the first admin, works once, and ends with this program.\n\n"
    )
    terminal.flush()
    return True
