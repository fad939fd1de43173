"""The web application in-process, with a guard that says what a test wants it to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.accounts.service import Accounts
from api.live import Command, GuardState, ReleaseReply, ReleaseRequest
from api.store import Store
from api.web import create_app
from api.web_link import LiveFrame
from tests.api.live_values import make_elevator, make_frame, make_state
from tests.support.accounts import CHEAP, RULES, Visitor, Wall
from tests.support.fakes import FakeClock
from vision.errors import LinkError


@dataclass
class FakeLink:
    """A guard on paper."""

    now: GuardState | None = field(default_factory=make_state)
    metrics: str | None = "liftguard_guard_test 1\n"
    pictures: list[LiveFrame] = field(default_factory=lambda: [(make_frame(1), b"\xff\xd8jpeg")])
    reply: ReleaseReply | None = field(default_factory=lambda: ReleaseReply(accepted=True, detail="let go"))
    asked: list[Command] = field(default_factory=list)
    states: list[GuardState | None] = field(default_factory=list)
    watching: int = 0

    @property
    def released(self) -> list[ReleaseRequest]:
        return [command for command in self.asked if isinstance(command, ReleaseRequest)]

    def state(self) -> GuardState | None:
        return self.now

    def metrics_text(self) -> str | None:
        return self.metrics

    async def frames(self, elevator_id: str) -> AsyncGenerator[LiveFrame, None]:
        self.watching += 1
        try:
            for picture in self.pictures:
                yield picture
            await asyncio.Event().wait()  # a camera never ends by itself
        finally:
            self.watching -= 1

    async def state_changes(self) -> AsyncGenerator[GuardState | None, None]:
        for state in self.states:
            yield state

    async def command(self, request: Command, timeout_s: float = 2.0) -> ReleaseReply:
        self.asked.append(request)
        if self.reply is None:
            raise LinkError("guard did not answer within 2 s")
        return self.reply

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "liftguard.db")
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def app(store: Store, link: FakeLink, tmp_path: Path) -> FastAPI:
    return create_app(
        store, link, version="9.9.9", max_pictures=2, max_streams=1, evidence_dir=tmp_path / "evidence"
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def ticks() -> FakeClock:
    return FakeClock()


@pytest.fixture
def accounts(store: Store, wall: Wall, ticks: FakeClock) -> Accounts:
    """Two elevators, each in an estate of its own, and nobody who may sign in yet."""
    return Accounts(store, RULES, passwords=CHEAP, clock=ticks, now=wall)


@pytest.fixture
def box(store: Store, link: FakeLink, accounts: Accounts) -> FastAPI:
    """The application over these accounts, with two elevators."""
    link.now = make_state(make_elevator(), make_elevator(id="car-2", name="Elevator 2"))
    return create_app(store, link, version="9.9.9", accounts=accounts)


@pytest.fixture
async def visitor(box: FastAPI) -> AsyncIterator[Visitor]:
    async with Visitor(box) as visitor:
        yield visitor
