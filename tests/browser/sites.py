"""A real web server on loopback for a browser to open, with a store, a link and a guard to play a story."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI

from api.store import Store
from api.web import make_server
from tests.browser.fake_guard import FakeGuard
from tests.support.waiting import eventually


@dataclass
class Site:
    """What a test needs of a running site."""

    base: str
    store: Store
    folder: Path
    ids: list[str] = field(default_factory=list)  # events that are over, newest first
    guards: list[FakeGuard] = field(default_factory=list)

    @property
    def guard(self) -> FakeGuard:
        return self.guards[0]

    def start_guard(self) -> FakeGuard:
        guard = FakeGuard(self.folder / "run", self.store)
        self.guards.append(guard)
        return guard

    def said(self, event_id: str) -> tuple[str | None, str | None, bool]:
        """Verdict, reason and lock of an event."""
        event = self.store.event(event_id)
        assert event is not None
        return event.verdict, event.verdict_reason, event.locked


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Run the application; the value is its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = make_server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started, what="the server")
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()


@contextmanager
def running(app: FastAPI, store: Store, folder: Path) -> Iterator[Site]:
    """The same as a `Site`; guards that were started are stopped."""
    with served(app) as base:
        site = Site(base, store, folder)
        try:
            yield site
        finally:
            for guard in site.guards:
                guard.close()
