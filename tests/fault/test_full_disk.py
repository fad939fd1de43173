"""A real disk, filled to its last byte by something else: events go on, the oldest unlocked clips go."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from api.evidence.retention import Limits
from api.evidence.sweeper import RESERVE, Sweeper
from api.store import Store
from tests.support.events import T0, make_event, make_file, write_file

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MiB. Making one needs root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode != 0:
        pytest.skip("only root can make a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        for size in (MIB, 4096, 1):
            while True:
                try:
                    file.write(b"x" * size)
                except OSError:
                    break


def test_a_disk_filled_by_something_else_is_survived(small_disk: Path) -> None:
    store = Store(small_disk / "liftguard.db")
    store.migrate()
    root = small_disk / "evidence"
    root.mkdir()
    clips = []
    for number in range(10):
        event = make_event(T0 + timedelta(minutes=number))
        store.start_event(event)
        clip = make_file(event, size_bytes=2 * MIB)
        write_file(root, clip, os.urandom(2 * MIB))
        store.put_file(clip)
        clips.append(clip)
    store.review(clips[0].event_id, lambda r: replace(r, locked=True), by="u", at=T0)
    limits = Limits(timedelta(days=365), None, None, 5 * MIB)
    own = Store(small_disk / "liftguard.db")
    sweeper = Sweeper(lambda: own, root, limits, lambda: 0.0, lambda: T0, sweep_s=60)
    sweeper.turn()
    assert len(list(root.rglob("*.mp4"))) == 10
    (small_disk / RESERVE).unlink(missing_ok=True)  # not even that helps

    fill(small_disk / "somebody-elses.log")
    assert sweeper._free(root) < 4096
    sweeper.turn()
    left = {p.relative_to(root).as_posix() for p in root.rglob("*.mp4")}
    assert left == {c.path for c in (clips[0], *clips[4:])}, "three of the oldest make 5 MiB"
    later = make_event(T0 + timedelta(hours=1))
    store.start_event(later)
    assert store.event(later.id) is not None
    assert [f.state for c in clips[:4] for f in store.files(c.event_id)] == ["stored", *["evicted"] * 3]
    assert store.integrity_check() == "ok"
    own.close()
    store.close()
