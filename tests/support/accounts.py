"""Accounts for tests: cheap hashes, clocks that a test turns, and a browser that fills in forms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType

import httpx
from fastapi import FastAPI

from api.accounts.passwords import Passwords
from api.accounts.people import NewUser
from api.accounts.records import Grant, User
from api.accounts.rights import Right
from api.accounts.service import Accounts, Rules

CHEAP = Passwords(time_cost=1, memory_kib=8, lanes=1)
PASSWORD = "our lift is slow on mondays"
RULES = Rules(
    estates={"North": frozenset({"car-1"}), "South": frozenset({"car-2"})},
    elevators={"car-1": "Elevator 1", "car-2": "Elevator 2"},
)
ORIGIN = "http://127.0.0.1:8080"


@dataclass
class Wall:
    """A wall clock that a test turns."""

    now: datetime = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def on(self, **span: float) -> None:
        self.now += timedelta(**span)


def add_user(accounts: Accounts, login: str, *grants: Grant, password: str = PASSWORD) -> User:
    """Somebody who has chosen a password already."""
    accounts.keeper.note_set_up()
    return accounts.people.add(
        NewUser(login, login.title(), grants, accounts.passwords.hash(password)), accounts.now()
    )


def bearer(accounts: Accounts, user: User, *scopes: Right, days: int = 30) -> dict[str, str]:
    """The header of a new token with these rights, all of them by default."""
    secret, _ = accounts.keys.add_token(
        user.id, "test", frozenset(scopes or Right), accounts.now(), timedelta(days=days)
    )
    return {"authorization": f"Bearer {secret}"}


def form_token(page: str) -> str:
    """What a page's forms carry."""
    found = re.search(r'name="csrf" value="(\w+)"', page)
    assert found is not None, page
    return found.group(1)


class Visitor:
    """A browser without script: keeps cookies, says where it comes from, sends forms."""

    def __init__(self, app: FastAPI, *, address: str = "127.0.0.1", base: str = ORIGIN) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 50000))
        self.base = base
        self.http = httpx.AsyncClient(
            transport=transport, base_url=base, headers={"accept": "text/html", "user-agent": "test browser"}
        )

    async def __aenter__(self) -> Visitor:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers=headers)

    async def form(self, path: str, fields: dict[str, str], page: str | None = None) -> httpx.Response:
        """Open the page, fill in its form and send it."""
        token = form_token((await self.get(page or path)).text)
        return await self.send(path, fields | {"csrf": token})

    async def send(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """Send a form as it is."""
        return await self.http.post(path, data=fields, headers={"origin": self.base} | headers)

    async def sign_in(self, login: str, password: str = PASSWORD, page: str = "/sign-in") -> httpx.Response:
        return await self.form(page, {"login": login, "password": password}, page)

    def cookie(self, name: str = "liftguard_session") -> str | None:
        return self.http.cookies.get(name)
