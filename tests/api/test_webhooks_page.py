"""The page of webhooks: its forms work without script, the secret is shown once."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from api.accounts.who import Role
from api.notices.values import Answer
from api.notices.webhook_store import Webhooks
from api.store import Store
from api.times import utc_now
from tests.support.events import make_event
from tests.support.signed_in import sign_in

pytestmark = pytest.mark.anyio
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def admin(app: FastAPI) -> None:
    sign_in(app, "admin")


async def send(client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """As a form that a browser sends from this page, with the token that the page holds."""
    shown = (await client.get("/webhooks?lang=en")).text
    token = shown.partition('name="csrf" value="')[2].partition('"')[0]
    return await client.post(path, data={"csrf": token, **fields})


@pytest.mark.usefixtures("admin")
async def test_a_webhook_is_added_switched_tested_and_removed(
    client: httpx.AsyncClient, store: Store
) -> None:
    made = await send(
        client,
        "/webhooks?lang=en",
        url="https://example.org/hook",
        description="<b>",
        **{"event.ended": "on"},
    )
    assert made.status_code == 200, made.text
    assert "whsec_" in made.text
    shown = (await client.get("/webhooks?lang=zh")).text
    assert "whsec_" not in shown
    assert "https://example.org/hook" in shown
    assert "&lt;b&gt;" in shown
    (hook,) = Webhooks(store, utc_now).all()
    assert hook.types == ("event.ended",)

    assert (await send(client, f"/webhooks/{hook.id}/switch", to="off")).status_code == 303
    assert not Webhooks(store, utc_now).get(hook.id).enabled
    assert (await send(client, f"/webhooks/{hook.id}/test")).status_code == 303
    assert (await send(client, f"/webhooks/{hook.id}/remove")).status_code == 303
    assert Webhooks(store, utc_now).all() == ()


@pytest.mark.usefixtures("admin")
async def test_a_bad_address_is_said_and_what_was_typed_stays(client: httpx.AsyncClient) -> None:
    answer = await send(client, "/webhooks?lang=en", url="ftp://example.org", description="mine")
    assert answer.status_code == 422
    assert "mine" in answer.text


@pytest.mark.usefixtures("admin")
async def test_what_was_given_up_is_listed_and_sent_again(client: httpx.AsyncClient, store: Store) -> None:
    webhooks = Webhooks(store, utc_now)
    webhooks.add("https://example.org/", "", ("event.started",), None)
    store.start_event(make_event(utc_now()))
    assert webhooks.fill() == 1
    ((_, message),) = webhooks.due(9)
    webhooks.tried(message.id, Answer(False, "HTTP 410 Gone", gone=True))
    assert "HTTP 410 Gone" in (await client.get("/webhooks?lang=en")).text
    assert (await send(client, f"/webhooks/messages/{message.id}/retry")).status_code == 303
    assert [m.id for _, m in webhooks.due(9)] == [message.id]


@pytest.mark.parametrize("role", ["manager", "guard", "viewer"])
async def test_only_an_admin_sees_it(app: FastAPI, client: httpx.AsyncClient, role: Role) -> None:
    sign_in(app, role)
    assert (await client.get("/webhooks")).status_code == 403
