"""Schemathesis over the OpenAPI document with a valid token: no 5xx, and answers are as described."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.accounts.records import Grant
from api.accounts.service import Accounts
from api.store import Store
from api.web import create_app, openapi_json
from tests.api.conftest import FakeLink
from tests.api.live_values import make_state
from tests.support.accounts import CHEAP, RULES, add_user, bearer

EXAMPLES = int(os.environ.get("LIFTGUARD_SCHEMATHESIS_EXAMPLES", "2"))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


OPERATIONS = [(method, path) for path, item in json.loads(openapi_json())["paths"].items() for method in item]


class Bounded:
    """A reader who goes away after the first message of an answer that never ends (server-sent events)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        enough, asked, endless = asyncio.Event(), False, False

        async def hear() -> Message:
            nonlocal asked
            if not asked:
                asked = True
                return await receive()
            await enough.wait()
            return {"type": "http.disconnect"}

        async def say(message: Message) -> None:
            nonlocal endless
            if enough.is_set():
                return
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
                endless = kind.startswith(b"text/event-stream")
            elif endless:
                enough.set()
                message = dict(message) | {"more_body": False}
            await send(message)

        if scope["type"] == "http":
            await self.app(scope, hear, say)
        else:
            await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    """The schema of a running box, and what every request carries."""
    folder: Path = tmp_path_factory.mktemp("schemathesis")
    store = Store(folder / "liftguard.db")
    store.migrate()
    accounts = Accounts(store, RULES, passwords=CHEAP)
    header = bearer(accounts, add_user(accounts, "boss", Grant("admin"))) | {"host": "127.0.0.1"}
    link = FakeLink(states=[make_state()])
    app = Bounded(create_app(store, link, version="1", accounts=accounts))
    yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=header), header
    store.close()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_described(api: tuple[Any, dict[str, str]], method: str, path: str) -> None:
    schema, header = api

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=schema[path][method.upper()].as_strategy())
    def check(case: Any) -> None:
        case.call_and_validate(headers=header, checks=CHECKS)

    check()
