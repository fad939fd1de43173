"""A real disk that fails, for the tests that break one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.failing_disk import FailingDisk


@pytest.fixture
def failing_disk(tmp_path: Path) -> Iterator[FailingDisk]:
    try:
        disk = FailingDisk(tmp_path / "disk")
    except OSError as exc:
        pytest.skip(f"needs Linux to make and mount a file system: {exc}")
    yield disk
    disk.gone()
