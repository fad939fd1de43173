"""One browser for all tests of this folder, and the sites that they open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from api.accounts.who import Actor, Right
from api.records import GuardRun, new_event_id
from api.settings import Settings
from api.store import Store
from api.web import create_app
from api.web_link import WebLink
from tests.browser.fake_guard import past_event
from tests.browser.sites import Site, running
from tests.support.chromium import headless
from tests.support.evidence_made import failed_clip, give_evidence
from tests.support.signed_in import sign_in_as

TIMEOUT_MS = 30_000
DESK = (1280, 860)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with headless() as browser:
        yield browser


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console says; a breach of the page's policy appears there too."""
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """A desk in Shanghai whose user reads English."""
    context = browser.new_context(
        locale="en-GB", timezone_id="Asia/Shanghai", viewport={"width": DESK[0], "height": DESK[1]}
    )
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective))"
    )
    yield page
    context.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "liftguard.db")
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def bare(store: Store, tmp_path: Path) -> Iterator[Site]:
    """As it is first started: no account, no event, and guard not there yet."""
    app = create_app(store, WebLink(tmp_path / "run"), version="0.1.0")
    with running(app, store, tmp_path) as site:
        yield site


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Iterator[Site]:
    """Guard runs, three events are over, and somebody who may do everything is signed in."""
    now = datetime.now(UTC)
    store.note_run(GuardRun(new_event_id(), now - timedelta(days=1), now, "0.1.0"))
    ids = [past_event(store, timedelta(hours=n + 1), "left", 12.0) for n in range(3)]
    first, second = store.event(ids[0]), store.event(ids[1])
    assert first is not None
    assert second is not None
    give_evidence(store, tmp_path / "evidence", first, 6, 12)
    failed_clip(store, second, "the disk was full")
    app = create_app(
        store,
        WebLink(tmp_path / "run"),
        version="0.1.0",
        settings=Settings(data_dir=tmp_path),
        evidence_dir=tmp_path / "evidence",
    )
    sign_in_as(app, Actor("u1", "Lin Wei", frozenset(Right)))
    with running(app, store, tmp_path) as site:
        site.ids = ids
        site.start_guard()
        yield site
