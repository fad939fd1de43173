"""Somebody who is signed in, without the sign-in: for tests of what comes after it."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.accounts.who import RIGHTS, SCOPE_KEY, Actor, Role


class As:
    """Innermost middleware that says who is asking, whatever the gate found."""

    def __init__(self, app: ASGIApp, actor: Actor) -> None:
        self.app, self.actor = app, actor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[SCOPE_KEY] = self.actor
        await self.app(scope, receive, send)


def sign_in_as(app: FastAPI, actor: Actor) -> None:
    """Before the application's first request."""
    app.user_middleware.append(Middleware(As, actor=actor))


def sign_in(app: FastAPI, role: Role, elevators: frozenset[str] | None = None) -> None:
    """As somebody of this role, named after it."""
    sign_in_as(app, Actor(role, role.title(), RIGHTS[role], elevators))
