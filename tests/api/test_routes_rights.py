"""Every route names the right that it needs: a route that forgets is found here, whoever writes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from starlette.routing import BaseRoute

from api.accounts.forms import own_session
from api.accounts.gate import PUBLIC
from api.accounts.who import actor_of, right_of

OWN = {  # about whoever asks, whatever their rights
    "/api/v1/me",
    "/api/v1/tokens",
    "/api/v1/tokens/{token_id}",
    "/account",
    "/account/password",
    "/account/sessions/end",
    "/account/tokens",
    "/account/tokens/revoke",
}
ANYBODY_SIGNED_IN = {"/api/v1/openapi.json", "/sign-out"}
"""The description of the API, and leaving."""


def dependencies(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from dependencies(inner)


def routes(found: list[BaseRoute]) -> Iterator[tuple[str, Any]]:
    """Every route, those inside included routers too."""
    for route in found:
        included = getattr(route, "original_router", None)
        if included is not None:  # FastAPI's way of keeping an included router
            yield from routes(included.routes)
        else:
            yield str(getattr(route, "path", "")), route


def forgetful(app: FastAPI) -> list[str]:
    """Routes that ask for nothing and are on no list."""
    bad = []
    for path, route in routes(app.routes):
        if path in PUBLIC | ANYBODY_SIGNED_IN or path == "/static":
            continue
        asked = list(dependencies(route.dependant)) if hasattr(route, "dependant") else []
        named = any(right_of(call) is not None for call in asked)
        own = path in OWN and any(call in {own_session, actor_of} for call in asked)
        if not (named or own):
            bad.append(path)
    return bad


def test_every_route_names_its_right(app: FastAPI) -> None:
    paths = {path for path, _ in routes(app.routes)}
    assert {"/", "/api/v1/events", "/metrics", "/users", "/api/v1/elevators/{elevator_id}/live"} <= paths
    assert forgetful(app) == []


def test_a_route_that_forgets_is_found(app: FastAPI) -> None:
    @app.get("/api/v1/secrets")
    def secrets() -> str:
        return ""

    @app.websocket("/api/v1/wire")
    async def wire() -> None: ...

    assert forgetful(app) == ["/api/v1/secrets", "/api/v1/wire"]


def test_nothing_on_the_lists_has_gone(app: FastAPI) -> None:
    paths = {path for path, _ in routes(app.routes)}
    assert paths >= (OWN | ANYBODY_SIGNED_IN | PUBLIC)
