"""OWASP ASVS 4.0.3, chapter 4: access control. The number of each requirement stands at its test."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from api.accounts.records import Grant
from api.accounts.rights import BOX_WIDE, RIGHTS, Actor, Held, Right, Role
from api.accounts.service import Accounts, Browser
from api.live import CameraState
from api.store import Store
from tests.api.conftest import FakeLink
from tests.api.live_values import T0, make_elevator, make_state
from tests.api.test_api_events import add
from tests.api.test_api_live import Asgi, pictures_of
from tests.support.accounts import PASSWORD, Visitor, add_user, bearer

pytestmark = pytest.mark.anyio
JSON = {"content-type": "application/json"}
ROLES: tuple[Role, ...] = ("viewer", "guard", "manager", "admin")

ASKED: list[tuple[str, str, dict[str, Any] | None, Right]] = [
    ("GET", "/api/v1/elevators", None, Right.SEE_LIVE),
    ("GET", "/api/v1/elevators/car-1", None, Right.SEE_LIVE),
    ("GET", "/api/v1/latency", None, Right.SEE_LIVE),
    ("GET", "/metrics", None, Right.SEE_LIVE),
    ("GET", "/devices", None, Right.SEE_LIVE),
    ("GET", "/api/v1/events", None, Right.SEE_EVENTS),
    ("GET", "/statistics", None, Right.SEE_EVENTS),
    ("POST", "/api/v1/elevators/car-1/release", {"reason": "x"}, Right.RELEASE),
    ("GET", "/api/v1/users", None, Right.MANAGE_USERS),
    ("POST", "/api/v1/users", {"login": "new"}, Right.MANAGE_USERS),
    ("GET", "/users", None, Right.MANAGE_USERS),
    ("GET", "/api/v1/audit", None, Right.SEE_AUDIT),
    ("GET", "/api/v1/audit/check", None, Right.SEE_AUDIT),
]


@pytest.fixture
async def client(box: FastAPI) -> Any:
    transport = httpx.ASGITransport(box, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


@pytest.mark.parametrize("role", ROLES)
async def test_4_1_3_each_role_may_do_what_is_its_own_and_no_more(
    client: httpx.AsyncClient, accounts: Accounts, role: Role
) -> None:
    add_user(accounts, "boss", Grant("admin"))
    header = bearer(accounts, add_user(accounts, "somebody", Grant(role)))
    for method, path, body, right in ASKED:
        answer = await client.request(method, path, json=body, headers=header)
        allowed = right in RIGHTS[role]
        assert (answer.status_code < 300) == allowed, f"{role} {method} {path}: {answer.status_code}"
        if not allowed:
            assert answer.status_code == 403


async def test_4_1_1_without_sign_in_nothing_answers(client: httpx.AsyncClient, accounts: Accounts) -> None:
    add_user(accounts, "boss", Grant("admin"))
    for method, path, body, _ in ASKED:
        answer = await client.request(method, path, json=body)
        expected = 303 if method == "GET" and not path.startswith(("/api", "/metrics")) else 401
        assert answer.status_code == expected, path
    assert (await client.get("/api/v1/health/live")).json() == {"status": "alive"}
    assert (await client.get("/api/v1/openapi.json")).status_code == 401


async def test_4_1_2_nobody_gives_themselves_a_role_by_another_field(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    boss = add_user(accounts, "boss", Grant("admin"))
    guard = add_user(accounts, "guard", Grant("guard"))
    body = {"name": "Guard", "grants": [{"role": "admin"}]}
    own = await client.put(f"/api/v1/users/{guard.id}", json=body, headers=bearer(accounts, guard))
    assert own.status_code == 403
    extra = {"login": "eve", "must_change": False, "password_hash": "x"}
    assert (await client.post("/api/v1/users", json=extra, headers=bearer(accounts, boss))).status_code == 422
    more = {"name": "x", "scopes": ["manage_users"], "days": 1}
    secret = accounts.sign_in("guard", PASSWORD, Browser())
    client.cookies.set("liftguard_session", secret)
    answer = await client.post("/api/v1/tokens", json=more, headers={"origin": "http://127.0.0.1:8080"})
    assert answer.status_code == 403, "a token has a part of one's own rights"


async def test_4_1_5_a_role_that_is_taken_away_counts_at_once(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    boss, ann = add_user(accounts, "boss", Grant("admin")), add_user(accounts, "ann", Grant("manager"))
    header, own = bearer(accounts, boss), bearer(accounts, ann)
    assert (await client.get("/api/v1/events", headers=own)).status_code == 200
    body = {"name": "Ann", "grants": []}
    for _ in range(2):  # idempotent
        answer = await client.put(f"/api/v1/users/{ann.id}", json=body, headers=header)
        assert answer.status_code == 200
    assert (await client.get("/api/v1/events", headers=own)).status_code == 403
    off = body | {"disabled": True}
    await client.put(f"/api/v1/users/{ann.id}", json=off, headers=header)
    assert (await client.get("/api/v1/me", headers=own)).status_code == 401
    changes = accounts.trail.entries(10)[0]
    assert [e.action for e in changes].count("user.change") == 2, "the repeated one changed nothing"


async def test_somebody_must_stay_admin(client: httpx.AsyncClient, accounts: Accounts) -> None:
    boss = add_user(accounts, "boss", Grant("admin"))
    header = bearer(accounts, boss)
    for body in ({"name": "B", "grants": []}, {"name": "B", "grants": [{"role": "admin"}], "disabled": True}):
        answer = await client.put(f"/api/v1/users/{boss.id}", json=body, headers=header)
        assert answer.json()["type"] == "urn:liftguard:problem:last-admin"
    assert (await client.get("/api/v1/me", headers=header)).status_code == 200


async def test_4_2_1_one_cannot_reach_the_tokens_and_sessions_of_others(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    boss, ann = add_user(accounts, "boss", Grant("admin")), add_user(accounts, "ann", Grant("manager"))
    bearer(accounts, boss)
    theirs = accounts.keys.tokens(boss.id, accounts.now())[0]
    own = bearer(accounts, ann)
    answer = await client.delete(f"/api/v1/tokens/{theirs.id}", headers=own | JSON)
    assert answer.json()["type"] == "urn:liftguard:problem:unknown-token"
    assert (await client.get(f"/api/v1/tokens?user_id={boss.id}", headers=own)).status_code == 403
    mine = (await client.get("/api/v1/tokens", headers=own)).json()["tokens"]
    assert [t["user_id"] for t in mine] == [ann.id]
    for _ in range(2):  # idempotent
        gone = await client.delete(f"/api/v1/tokens/{theirs.id}", headers=bearer(accounts, boss) | JSON)
        assert gone.status_code == 204


# --- 4.2.1 elevators ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("grant", [Grant("guard", elevator_id="car-1"), Grant("guard", estate="North")])
async def test_4_2_1_a_part_of_the_box_shows_nothing_of_the_rest(
    box: FastAPI, client: httpx.AsyncClient, accounts: Accounts, store: Store, link: FakeLink, grant: Grant
) -> None:
    mine, other = add(store, 0), add(store, 1, "car-2")
    header = bearer(accounts, add_user(accounts, "guard", grant))

    async def get(path: str) -> httpx.Response:
        return await client.get(path, headers=header)

    assert [e["id"] for e in (await get("/api/v1/elevators")).json()["elevators"]] == ["car-1"]
    assert [e["id"] for e in (await get("/api/v1/events")).json()["events"]] == [mine]
    assert (await get("/api/v1/events?elevator_id=car-2")).json()["events"] == []
    assert (await get(f"/api/v1/events/{mine}")).status_code == 200
    assert (await get(f"/api/v1/events/{other}")).status_code in {403, 404}
    for path in ("/api/v1/elevators/car-2", "/api/v1/elevators/car-2/snapshot.jpg"):
        assert (await get(path)).status_code == 403
    assert (await get("/metrics")).status_code == 403, "they are of the whole box"
    body = {"reason": "x"}
    refused = await client.post("/api/v1/elevators/car-2/release", json=body, headers=header)
    assert refused.status_code == 403
    assert link.asked == []
    for path in ("/", "/devices", "/statistics", "/fragments/events"):
        text = (await get(path)).text
        assert "Elevator 2" not in text, path
        assert other not in text, path
    me = (await get("/api/v1/me")).json()
    assert me["elevators"] == ["car-1"]
    link.states = [link.now]
    stream = Asgi(box, "http", "/api/v1/live", header)
    assert (await stream.get())["status"] == 200
    assert b"car-2" not in (await stream.get())["body"]
    viewer = pictures_of(box, "car-2", {"origin": "http://127.0.0.1:8080"} | header)
    assert (await viewer.get())["type"] == "websocket.accept"
    assert (await viewer.get())["code"] == 4403


async def test_4_2_1_health_speaks_only_of_ones_own_elevators(
    client: httpx.AsyncClient, accounts: Accounts, link: FakeLink
) -> None:
    lost = CameraState(source="x", state="lost", detail="The secret camera is away.", since=T0, fps=0.0)
    link.now = make_state(make_elevator(), make_elevator(id="car-2", camera=lost))
    boss = bearer(accounts, add_user(accounts, "boss", Grant("admin")))
    guard = bearer(accounts, add_user(accounts, "guard", Grant("guard", elevator_id="car-1")))
    assert (await client.get("/api/v1/health", headers=boss)).status_code == 503
    answer = await client.get("/api/v1/health", headers=guard)
    assert answer.status_code == 200
    assert "secret" not in answer.text


async def test_roles_differ_from_elevator_to_elevator(client: httpx.AsyncClient, accounts: Accounts) -> None:
    add_user(accounts, "boss", Grant("admin"))
    grants = (Grant("guard", elevator_id="car-1"), Grant("viewer", estate="South"))
    header = bearer(accounts, add_user(accounts, "ann", *grants))
    codes = [
        (
            await client.post(f"/api/v1/elevators/{e}/release", json={"reason": "x"}, headers=header)
        ).status_code
        for e in ("car-1", "car-2")
    ]
    assert codes == [200, 403]
    assert (await client.get("/api/v1/elevators/car-2", headers=header)).status_code == 200


rights = st.frozensets(st.sampled_from(list(Right)))
places = st.none() | st.frozensets(st.sampled_from(["car-1", "car-2", "car-3"]))


@given(st.lists(st.builds(Held, rights, places), max_size=5), st.sampled_from(list(Right)))
def test_what_is_held_is_never_more_than_was_given(held: list[Held], right: Right) -> None:
    actor = Actor.of("a", "A", held)
    for elevator in ("car-1", "car-2", "car-3"):
        given = any(right in h.rights and (h.elevators is None or elevator in h.elevators) for h in held)
        if actor.may(right, elevator):
            assert given
        if given and right not in BOX_WIDE:
            assert actor.may(right, elevator)
    if right in BOX_WIDE and actor.may(right):
        assert any(right in h.rights and h.elevators is None for h in held), "over a part, never box-wide"
    assert actor.may(right) == (right in actor.rights)
    where = actor.where(right)
    assert where is None or actor.elevators is None or where <= actor.elevators


@pytest.mark.parametrize(("estate", "elevator"), [("North", None), (None, "car-1")])
async def test_an_admin_of_a_part_is_refused(
    client: httpx.AsyncClient, accounts: Accounts, estate: str | None, elevator: str | None
) -> None:
    header = bearer(accounts, add_user(accounts, "boss", Grant("admin")))
    grant = {"role": "admin", "estate": estate, "elevator_id": elevator}
    answer = await client.post("/api/v1/users", json={"login": "x", "grants": [grant]}, headers=header)
    assert answer.status_code == 422
    unknown = {"role": "guard", "elevator_id": "car-9"}
    answer = await client.post("/api/v1/users", json={"login": "x", "grants": [unknown]}, headers=header)
    assert answer.status_code == 422
    assert "car-1, car-2" in answer.json()["detail"]


# --- 4.2.2 forged requests ----------------------------------------------------------------------------------


async def test_4_2_2_a_form_without_the_sessions_token_is_refused(
    visitor: Visitor, box: FastAPI, accounts: Accounts
) -> None:
    add_user(accounts, "boss", Grant("admin"))
    await visitor.sign_in("boss")
    async with Visitor(box) as eve:
        page = (await eve.get("/sign-in")).text
        token_of_eve = page.partition('name="csrf" value="')[2].partition('"')[0]
    for token in ("", "x", token_of_eve):
        answer = await visitor.send("/users", {"login": "eve", "role": "admin", "csrf": token})
        assert answer.status_code == 403, token
    assert (await visitor.send("/sign-in", {"login": "boss", "password": PASSWORD})).status_code == 403
    assert len(accounts.people.all()) == 1


async def test_4_2_2_a_cookie_without_an_origin_changes_nothing(
    visitor: Visitor, accounts: Accounts, link: FakeLink
) -> None:
    add_user(accounts, "boss", Grant("admin"))
    await visitor.sign_in("boss")
    path = "/api/v1/elevators/car-1/release"
    bare = await visitor.http.post(path, json={"reason": "x"})
    assert bare.json()["type"] == "urn:liftguard:problem:forged-form"
    foreign = await visitor.http.post(path, json={"reason": "x"}, headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403
    assert link.asked == []
    own = await visitor.http.post(path, json={"reason": "x"}, headers={"origin": visitor.base})
    assert own.status_code == 200
    assert [(r.by, r.reason) for r in link.released] == [("Boss", "x")], "who asks is who did it"
