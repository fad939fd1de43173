"""What the `api` benchmark looks at: a store full of events, accounts that are signed in, settings."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from api.accounts.passwords import Passwords
from api.accounts.people import NewUser
from api.accounts.records import Grant
from api.accounts.rules import rules_of
from api.accounts.service import Accounts
from api.load import load_settings
from api.store import Store
from api.tables import EventRow
from benchmarks.search_data import NEWEST, rows


@dataclass(frozen=True, slots=True)
class World:
    """Who asks, and for what."""

    cookies: list[str]  # secrets of sessions, one per guard
    paths: list[str]  # of the event list


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, port: int) -> dict[str, str]:
    """Settings of a box of its own: nothing of this machine's settings counts."""
    config = folder / "empty.toml"
    config.touch()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LIFTGUARD_")}
    return kept | {
        "LIFTGUARD_CONFIG": str(config),
        "LIFTGUARD_DATA_DIR": str(folder / "var"),
        "LIFTGUARD_WEB__PORT": str(port),
        "LIFTGUARD_LOG_LEVEL": "warning",
    }


def make_world(env: Mapping[str, str], events: int, guards: int) -> World:
    """Fill the store: events of the last months up to now, and guards who have signed in."""
    settings = load_settings(env=env)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = Store(settings.store_url)
    store.migrate()
    now = datetime.now(UTC)
    shift = now - NEWEST - timedelta(minutes=5)
    moved = []
    for row, _ in rows(events):
        times = {k: v + shift for k, v in row.items() if isinstance(v, datetime)}
        moved.append(row | times | {"elevator_id": "car-1", "camera_id": "car-1/cabin"})
    with store.writing("fill the store") as session:
        session.execute(insert(EventRow), moved)
    cheap = Passwords(time_cost=1, memory_kib=8, lanes=1)  # nobody signs in by password here
    accounts = Accounts(store, rules_of(settings), passwords=cheap)
    cookies = []
    for number in range(guards):
        grants = (Grant("admin"),) if number == 0 else (Grant("guard"),)
        user = accounts.people.add(NewUser(f"guard{number}", f"Guard {number}", grants), now)
        secret, _ = accounts.keys.open_session(
            user.id, "password", now, timedelta(hours=24), "127.0.0.1", "benchmark"
        )
        cookies.append(secret)
    store.tidy()
    paths = _paths(store, now)
    store.close()
    return World(cookies, paths)


def _paths(store: Store, now: datetime) -> list[str]:
    """Twenty lists: half of the requests are for the first page, the others for filters and older pages."""
    base = "/api/v1/events"
    week = (now - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    others = [
        "?limit=10",
        "?limit=200",
        "?verdict=none",
        "?outcome=left",
        "?outcome=open",
        "?elevator_id=car-1&verdict=confirmed",
        f"?since={week}",
        "?min_duration_s=60",
    ]
    cursor = None
    for _ in range(2):
        page = store.events(50, cursor)
        cursor = page.next
        if cursor is not None:
            others.append(f"?cursor={cursor.encode()}")
    return [base + path for other in others for path in ("", other)]
