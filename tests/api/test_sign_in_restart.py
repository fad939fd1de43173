"""A restart of web gives a guesser no free tries anew (ASVS 2.2.1); unknown names are never written down."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from api.accounts.limits import LIMITS
from api.accounts.records import Grant
from api.accounts.service import Accounts, Browser
from api.problems import ProblemError
from api.store import Store
from tests.support.accounts import CHEAP, PASSWORD, RULES, Wall, add_user
from tests.support.fakes import FakeClock

HERE = Browser("192.0.2.7")


def started(store: Store, wall: Wall, clock: FakeClock | None = None) -> Accounts:
    """Web's accounts as after a start: a monotonic clock of its own, nothing in memory."""
    return Accounts(store, RULES, passwords=CHEAP, clock=clock or FakeClock(), now=wall)


def status(accounts: Accounts, login: str, password: str, browser: Browser = HERE) -> int:
    try:
        accounts.sign_in(login, password, browser)
    except ProblemError as exc:
        return exc.problem.status
    return 200


def rows(tmp_path: Path) -> list[tuple[str, str, int]]:
    with sqlite3.connect(tmp_path / "liftguard.db") as raw:
        found = raw.execute("SELECT kind, who, failures FROM sign_in_failures ORDER BY kind").fetchall()
    raw.close()
    return found


def test_a_restart_forgets_no_failures(store: Store, wall: Wall, tmp_path: Path) -> None:
    add_user(started(store, wall), "ann", Grant("admin"))
    for _ in range(LIMITS["pair"].free):
        assert status(started(store, wall), "ann", "wrong") == 401  # each time another process
    assert status(started(store, wall), "ann", PASSWORD) == 429
    assert status(started(store, wall), "ann", PASSWORD, Browser("198.51.100.1")) == 200, "others may"
    wall.on(seconds=1.5)
    assert status(started(store, wall), "ann", "wrong") == 401
    wall.on(seconds=1.5)
    assert status(started(store, wall), "ann", "wrong") == 429, "the pause has doubled"
    wall.on(seconds=1)
    assert status(started(store, wall), "ann", PASSWORD) == 200
    assert "pair" not in {kind for kind, _, _ in rows(tmp_path)}, "it was the right one: begun anew"
    wall.on(hours=2)
    assert status(started(store, wall), "ann", "wrong") == 401
    assert {failures for _, _, failures in rows(tmp_path)} == {1}, "older ones are forgotten"


def test_what_is_typed_as_a_name_is_not_written_down(store: Store, wall: Wall, tmp_path: Path) -> None:
    add_user(started(store, wall), "ann", Grant("admin"))
    for login in ("my secret sentence", "hunter2", ""):
        assert status(started(store, wall), login, "x") == 401
    assert rows(tmp_path) == [("address", "192.0.2.7", 3)]


def test_one_address_has_its_tries_over_all_restarts_and_accounts(store: Store, wall: Wall) -> None:
    add_user(started(store, wall), "ann", Grant("admin"))
    tries = [status(started(store, wall), f"name{n}", "x") for n in range(LIMITS["address"].free + 1)]
    assert tries == [401] * LIMITS["address"].free + [429]


def test_a_clock_that_was_set_back_locks_nobody_out(store: Store, wall: Wall) -> None:
    add_user(started(store, wall), "ann", Grant("admin"))
    for _ in range(LIMITS["pair"].free):
        assert status(started(store, wall), "ann", "wrong") == 401
    wall.on(days=-300)
    clock = FakeClock()
    after = started(store, wall, clock)
    assert status(after, "ann", PASSWORD) == 429
    clock.advance(LIMITS["pair"].most_s)
    assert status(after, "ann", PASSWORD) == 200


def test_without_a_store_memory_counts(store: Store, wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = started(store, wall)
    user = add_user(accounts, "ann", Grant("admin"))
    assert status(accounts, "ann", PASSWORD) == 200
    with sqlite3.connect(store.where) as raw:
        raw.execute("DROP TABLE sign_in_failures")
    raw.close()
    assert user.login == "ann"
    tries = [status(accounts, "ann", "wrong") for _ in range(LIMITS["pair"].free + 1)]
    assert tries == [401] * LIMITS["pair"].free + [429]
