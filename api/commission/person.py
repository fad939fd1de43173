"""The installer on the ladder: told what to do, asked what they saw. On a terminal, or in a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from api.commission.words import Words


class Person(Protocol):
    """Somebody at the elevator."""

    def step(self, title: str, text: str) -> None:
        """A new step begins."""
        ...

    def tell(self, text: str) -> None:
        """Say what happens now."""
        ...

    def ready(self, text: str) -> bool:
        """Wait until they are ready; False: leave this out."""
        ...

    def confirm(self, question: str) -> bool | None:
        """Yes, no, or None: could not be tried."""
        ...

    def text(self, question: str) -> str:
        """A line of text, not empty."""
        ...

    def watch(self, text: str, look: Callable[[], bool], timeout_s: float) -> bool:
        """Call ``look`` again and again until it says True (True) or the time is over (False)."""
        ...


class Terminal:
    """A person at a terminal.

    Args: read: gives a line for a prompt, as `input`; EOFError when there are no more.
    """

    def __init__(
        self,
        words: Words,
        console: Console,
        *,
        clock: Callable[[], float],
        pause: Callable[[float], None],
        read: Callable[[str], str] = input,
    ) -> None:
        self._words = words
        self._console = console
        self._clock = clock
        self._pause = pause
        self._read = read

    def step(self, title: str, text: str) -> None:
        """See `Person.step`."""
        self._console.print(Panel(escape(text), title=f"[bold]{escape(title)}[/]", title_align="left"))

    def tell(self, text: str) -> None:
        """See `Person.tell`."""
        self._console.print(f"  {escape(text)}")

    def ready(self, text: str) -> bool:
        """See `Person.ready`. Enter is yes."""
        return self._ask(f"{text} {self._words('keys_ready')}", empty="y") == "y"

    def confirm(self, question: str) -> bool | None:
        """See `Person.confirm`. There is no default: Enter alone asks again."""
        return {"y": True, "n": False, "s": None}[self._ask(f"{question} {self._words('keys_confirm')}")]

    def text(self, question: str) -> str:
        """See `Person.text`."""
        while True:
            said = self._read(f"  {question}: ").strip()
            if said and said.isprintable() and len(said) <= 120:
                return said
            self.tell(self._words("say_again_text"))

    def watch(self, text: str, look: Callable[[], bool], timeout_s: float) -> bool:
        """See `Person.watch`."""
        until_s = self._clock() + timeout_s
        with self._console.status(escape(text)):
            while True:
                if look():
                    return True
                if self._clock() >= until_s:
                    return False
                self._pause(0.05)

    def _ask(self, question: str, *, empty: str = "") -> str:
        """One of y, n and s."""
        while True:
            said = (self._read(f"  {question} ").strip().lower() or empty)[:1]
            key = self._words("keys").find(said) if said else -1
            if key >= 0:
                return "ynsyns"[key]  # the language's own letters after the Latin ones
            self.tell(self._words("say_again"))
