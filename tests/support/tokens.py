"""Somebody with a role and a token, for tests of routes that need more than an open box gives."""

from __future__ import annotations

from datetime import timedelta

from api.accounts.keys import Keys
from api.accounts.people import NewUser, People
from api.accounts.records import Grant
from api.accounts.who import RIGHTS, Role
from api.store import Store
from api.times import utc_now


def bearer(
    store: Store, role: Role = "admin", login: str = "", elevator_id: str | None = None
) -> dict[str, str]:
    """Headers of a new user with that role; the box counts as set up once its keeper has noticed."""
    now = utc_now()
    name = login or role
    user = People(store).add(NewUser(name, name, (Grant(role, elevator_id=elevator_id),)), now)
    secret, _ = Keys(store).add_token(user.id, name, RIGHTS[role], now, timedelta(days=1))
    return {"authorization": f"Bearer {secret}"}
