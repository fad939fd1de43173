"""Idempotency-Key: done once, answered again; of whoever sent it; the door never waits for it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.accounts.records import Grant
from api.accounts.service import Accounts
from api.idempotency.seal import open_sealed, seal, secret_of
from api.idempotency.store import MOST, StoredKeys
from api.idempotency.values import Answer, Asked, Lost, Mismatch, Running
from api.live import Command, ReleaseReply
from api.store import Store
from tests.api.conftest import FakeLink
from tests.api.test_api_events import add, problem
from tests.support.accounts import Wall, add_user, bearer
from tests.support.fakes import FakeClock
from vision.errors import StorageError

pytestmark = pytest.mark.anyio
HOOK = {"url": "https://example.org/hook"}
RELEASE = "/api/v1/elevators/car-1/release"
OK = Answer(200, (("content-type", "application/json"),), b"{}")


@pytest.fixture
def boss(accounts: Accounts) -> dict[str, str]:
    return bearer(accounts, add_user(accounts, "boss", Grant("admin")))


@pytest.fixture
async def client(box: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(box, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


def keyed(header: dict[str, str], key: str = "one") -> dict[str, str]:
    return header | {"idempotency-key": key}


async def users(client: httpx.AsyncClient, header: dict[str, str]) -> list[str]:
    return [u["login"] for u in (await client.get("/api/v1/users", headers=header)).json()["users"]]


async def test_a_write_sent_twice_is_done_once(client: httpx.AsyncClient, boss: dict[str, str]) -> None:
    body = {"login": "li.wei", "name": "Li Wei", "grants": [{"role": "guard"}]}
    first = await client.post("/api/v1/users", json=body, headers=keyed(boss))
    assert first.status_code == 201, first.text
    assert "idempotency-replayed" not in first.headers
    again = await client.post("/api/v1/users", json=body, headers=keyed(boss, '"one"'))  # as RFC 9651 has it
    assert (again.status_code, again.content) == (201, first.content)  # with the password shown once
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert await users(client, boss) == ["boss", "li.wei"]
    problem(await client.post("/api/v1/users", json=body, headers=keyed(boss, "two")), 409, "user-exists")
    problem(await client.post("/api/v1/users", json=body, headers=boss), 409, "user-exists")


async def test_a_key_stands_for_one_request(
    client: httpx.AsyncClient, boss: dict[str, str], store: Store
) -> None:
    one, two = add(store, 0), add(store, 1)
    header = keyed(boss) | {"if-match": "*"}
    done = await client.patch(f"/api/v1/events/{one}", json={"locked": True}, headers=header)
    assert done.status_code == 200
    for path, body, more in (
        (one, {"locked": False}, {}),
        (two, {"locked": True}, {}),
        (one, {"locked": True}, {"if-match": '"0"'}),
    ):
        answer = await client.patch(f"/api/v1/events/{path}", json=body, headers=header | more)
        problem(answer, 422, "key-reused")
    again = await client.patch(f"/api/v1/events/{one}", json={"locked": True}, headers=header)
    assert (again.content, again.headers["etag"]) == (done.content, done.headers["etag"])
    event = store.event(one)
    assert event is not None
    assert event.review_version == 1


async def test_a_key_belongs_to_who_sent_it(
    client: httpx.AsyncClient, boss: dict[str, str], accounts: Accounts
) -> None:
    other = bearer(accounts, add_user(accounts, "other", Grant("admin")))
    bodies = [{"login": f"user{n}", "name": "N", "grants": [{"role": "guard"}]} for n in range(2)]
    for header, body in zip((boss, other), bodies, strict=True):
        answer = await client.post("/api/v1/users", json=body, headers=keyed(header))
        assert answer.status_code == 201
        assert answer.json()["user"]["login"] == body["login"]


async def test_a_refusal_is_given_again_and_a_failure_is_not(
    client: httpx.AsyncClient, boss: dict[str, str], link: FakeLink
) -> None:
    gone = "/api/v1/tokens/0190f3a0-0000-7000-8000-000000000000"
    header = keyed(boss) | {"content-type": "application/json"}
    first = await client.delete(gone, headers=header)
    problem(first, 404, "unknown-token")
    assert (await client.delete(gone, headers=header)).headers["idempotency-replayed"] == "true"
    link.now = None
    failing = keyed(boss, "restart")
    problem(await client.post("/api/v1/guard/restart", json={}, headers=failing), 503, "guard-silent")
    problem(await client.post("/api/v1/guard/restart", json={}, headers=failing), 503, "guard-silent")


async def test_an_answer_without_a_body_comes_again(
    client: httpx.AsyncClient, boss: dict[str, str], accounts: Accounts
) -> None:
    user = add_user(accounts, "li.wei", Grant("guard"))
    header = keyed(boss) | {"content-type": "application/json"}
    for replayed in (None, "true"):
        answer = await client.delete(f"/api/v1/users/{user.id}/sessions", headers=header)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers.get("idempotency-replayed") == replayed


@pytest.mark.parametrize("key", ["", '""', "a b", "é", "x" * 256, '"open', '"a" "b"'])
async def test_keys_that_are_none(client: httpx.AsyncClient, boss: dict[str, str], key: str) -> None:
    header = {k.encode(): v.encode("latin-1") for k, v in keyed(boss, key).items()}
    answer = await client.post("/api/v1/users", json={}, headers=header)
    problem(answer, 400, "bad-request")


async def test_a_door_is_let_go_again_when_the_first_release_is_over(
    client: httpx.AsyncClient, boss: dict[str, str], link: FakeLink, ticks: FakeClock
) -> None:
    async def release(body: str = "resident waits") -> httpx.Response:
        return await client.post(RELEASE, json={"reason": body}, headers=keyed(boss))

    assert (await release()).status_code == (await release()).status_code == 200
    assert len(link.released) == 1
    assert (await release("another reason")).status_code == 200  # on doubt it is let go
    assert len(link.released) == 2
    ticks.advance(31.0)
    assert (await release()).status_code == 200
    assert len(link.released) == 3
    rearm = RELEASE.replace("release", "rearm")
    assert (await client.post(rearm, json={"reason": "x"}, headers=keyed(boss, "r"))).status_code == 200
    assert (await release()).status_code == 200
    assert len(link.released) == 4


async def test_a_door_that_was_not_let_go_is_tried_again(
    client: httpx.AsyncClient, boss: dict[str, str], link: FakeLink
) -> None:
    link.reply = ReleaseReply(accepted=False, detail="nothing is held")
    problem(await client.post(RELEASE, json={"reason": "x"}, headers=keyed(boss)), 409, "release-refused")
    link.reply = ReleaseReply(accepted=True, detail="let go")
    assert (await client.post(RELEASE, json={"reason": "x"}, headers=keyed(boss))).status_code == 200


async def test_a_broken_store_does_not_keep_a_door(
    client: httpx.AsyncClient, boss: dict[str, str], link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await client.get("/api/v1/me", headers=boss)).status_code == 200  # known while the store worked

    def fail(*_: object) -> None:
        raise StorageError("the disk is gone")

    monkeypatch.setattr(StoredKeys, "begin", fail)
    answer = await client.post("/api/v1/webhooks", json=HOOK, headers=keyed(boss))
    problem(answer, 503, "store-failing")
    assert (await client.post(RELEASE, json={"reason": "x"}, headers=keyed(boss))).status_code == 200
    assert len(link.released) == 1


async def test_no_secret_can_be_read_in_the_store(
    client: httpx.AsyncClient, boss: dict[str, str], store: Store, tmp_path: Path
) -> None:
    body = {"login": "li.wei", "name": "Li Wei", "grants": [{"role": "guard"}]}
    made = (await client.post("/api/v1/users", json=body, headers=keyed(boss, "my-own-key"))).json()
    with sqlite3.connect(tmp_path / "liftguard.db") as raw:
        dump = "\n".join(raw.iterdump())
    secret = made["first_password"]
    assert secret
    for text in (secret, secret.encode().hex().upper(), "my-own-key"):
        assert text not in dump


@pytest.mark.parametrize("path", ["/api/v1/guard/restart", RELEASE])
async def test_what_is_sent_twice_at_once_is_done_once(
    client: httpx.AsyncClient,
    boss: dict[str, str],
    link: FakeLink,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: Command, _timeout_s: float = 2.0) -> ReleaseReply:
        link.asked.append(request)
        begun.set()
        await go_on.wait()
        return ReleaseReply(accepted=True, detail="done")

    monkeypatch.setattr(link, "command", slow)
    body = {"reason": "x"} if path == RELEASE else {}

    async def send() -> httpx.Response:
        return await client.post(path, json=body, headers=keyed(boss))

    async with asyncio.timeout(60):
        first = asyncio.create_task(send())
        await begun.wait()
        problem(await send(), 409, "still-running")
        go_on.set()
        assert (await first).status_code == 200
        assert (await send()).headers["idempotency-replayed"] == "true"
    assert len(link.asked) == 1


# --- what is remembered -------------------------------------------------------------------------------------


def test_the_store_remembers_for_a_day_and_over_a_restart(store: Store, wall: Wall) -> None:
    asked, secret = Asked("p", "k", "f"), b"s" * 32
    keys = StoredKeys(store, wall)
    assert keys.begin(asked, secret) is None
    with pytest.raises(Running):
        keys.begin(asked, secret)
    with pytest.raises(Lost):
        StoredKeys(store, wall).begin(asked, secret)  # web was started again in the middle
    keys.finish(asked, OK, secret)
    assert StoredKeys(store, wall).begin(asked, secret) == OK
    with pytest.raises(Mismatch):
        keys.begin(Asked("p", "k", "other"), secret)
    with pytest.raises(Lost):
        keys.begin(asked, b"t" * 32)
    wall.now += timedelta(hours=24)
    assert keys.begin(asked, secret) is None
    keys.forget(asked)
    assert keys.begin(asked, secret) is None


def test_old_keys_are_removed_and_one_program_cannot_fill_the_disk(store: Store, wall: Wall) -> None:
    keys = StoredKeys(store, wall)
    for number in range(MOST + 1):
        keys.begin(Asked("p", str(number), "f"), b"s" * 32)
    assert keys.begin(Asked("p", "0", "f"), b"s" * 32) is None  # the oldest went
    with pytest.raises(Running):
        keys.begin(Asked("p", str(MOST), "f"), b"s" * 32)
    wall.on(hours=25)
    keys.sweep()
    assert keys.begin(Asked("p", str(MOST), "f"), b"s" * 32) is None


def test_an_answer_is_only_for_who_has_both_secrets() -> None:
    kept = seal(OK, secret_of("lg_token", "key"))
    assert open_sealed(kept, secret_of("lg_token", "key")) == OK
    for credential, key in (("lg_other", "key"), ("lg_token", "other"), ("", "key")):
        assert open_sealed(kept, secret_of(credential, key)) is None
