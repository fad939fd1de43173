"""What holds for every test: no settings of this machine, and no silent skip where a skip is not allowed."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.stores"]

settings.register_profile("quick", deadline=None)  # a busy machine is no failure; speed is for benchmarks
settings.load_profile("quick")
settings.register_profile("thorough", max_examples=1000, deadline=None)  # `make test-slow`

REQUIRED = frozenset(filter(None, os.environ.get("TESTS_REQUIRE", "").split(",")))
"""Markers whose tests must run: CI installs what they need, so a skip means that a step is missing."""


ALONE_FOLDERS = ("e2e", "fault", "browser")
ALONE_FILES = ("test_sources_live.py", "test_sources_playback.py")
"""What measures real stalls or starts whole processes: a neighbour on the other core changes what it sees."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` runs after all else, two files at a time, and alone again where it fails."""
    for item in items:
        path = item.path
        if path.parent.name in ALONE_FOLDERS or path.name in ALONE_FILES or item.get_closest_marker("rtsp"):
            item.add_marker("alone")


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a developer's liftguard.toml nor their environment decides what a test sees."""
    monkeypatch.setattr("api.load.DEFAULT_CONFIG_FILES", ())
    monkeypatch.setattr("api.overlay.FOLDER", "settings.d.test")  # not what was set on the page of a run here
    for name in os.environ:
        if name.startswith("LIFTGUARD_") and name != "LIFTGUARD_DATA":
            monkeypatch.delenv(name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure for the markers in ``TESTS_REQUIRE``."""
    report = yield
    wanted = REQUIRED & {mark.name for mark in item.iter_markers()}
    if report.skipped and wanted and call.when == "setup":
        reason: Any = report.longrepr
        said = reason[2] if isinstance(reason, tuple) else reason
        report.outcome = "failed"
        report.longrepr = f"skipped, but TESTS_REQUIRE names {', '.join(sorted(wanted))}: {said}"
    return report
