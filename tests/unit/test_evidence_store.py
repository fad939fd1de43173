"""What is known of evidence files, and the paths under which they may lie."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from api.evidence.chain import GENESIS, breaks
from api.evidence.paths import check_path, delete_inside, open_inside
from api.store import Store
from tests.support.events import make_event, make_file


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def test_a_file_goes_through_its_states(store: Store) -> None:
    event = make_event()
    whole = make_file(event)
    writing = replace(whole, state="writing", sha256=None, size_bytes=0, duration_s=0.0)
    store.put_file(writing)
    assert store.files(event.id) == (writing,)
    assert store.chain() == ()
    store.put_file(whole)
    store.put_file(whole)
    assert store.files(event.id) == (whole,)
    assert store.file(whole.id) == whole
    assert len(store.chain()) == 1, "saying it twice adds nothing"
    gone = replace(whole, state="evicted", reason="older than 30 days")
    store.put_file(gone)
    store.put_file(whole)
    assert store.files(event.id) == (gone,), "what was evicted stays evicted"
    assert [link.seq for link in store.chain()] == [1, 2]
    assert list(breaks(store.chain())) == []
    assert store.chain_head() == (2, store.chain()[-1].chain)


def test_files_come_by_kind_and_segment(store: Store) -> None:
    event = make_event()
    wanted = [make_file(event, "clip", 0), make_file(event, "clip", 1), make_file(event, "snapshot")]
    for file in reversed(wanted):
        store.put_file(file)
    assert store.files(event.id) == tuple(wanted)
    assert store.files(make_event().id) == ()
    assert store.file(event.id) is None


def test_an_empty_chain_stands_on_the_genesis(store: Store) -> None:
    assert store.chain_head() == (0, GENESIS)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        "a/.hidden",
        "a\\b",
        "a/b\n",
        "a/\0",
        "a" * 401,
        "é",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(store: Store, tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="not one of ours"):
        check_path(path)
    with pytest.raises(ValueError, match="not one of ours"):
        store.put_file(make_file(make_event(), path=path))
    with pytest.raises(ValueError, match="not one of ours"):
        open_inside(tmp_path, path)


def test_files_open_only_inside_and_never_through_a_link(tmp_path: Path) -> None:
    root = tmp_path / "evidence"
    (root / "car-1" / "2026").mkdir(parents=True)
    (root / "car-1" / "2026" / "clip.mp4").write_bytes(b"clip")
    (tmp_path / "secret").write_text("secret")
    (root / "car-1" / "link.mp4").symlink_to(tmp_path / "secret")
    (root / "linked").symlink_to(root / "car-1")
    os.mkfifo(root / "pipe.mp4")
    with open_inside(root, "car-1/2026/clip.mp4") as file:
        assert file.read() == b"clip"
    for path in ("car-1/link.mp4", "linked/2026/clip.mp4", "pipe.mp4", "car-1/2026", "car-1/nothing.mp4"):
        with pytest.raises(OSError, match=r".+"):
            open_inside(root, path)
    for path in ("linked/2026/clip.mp4", "car-1/2026"):
        with pytest.raises(OSError, match=r".+"):
            delete_inside(root, path)
    assert delete_inside(root, "car-1/2026/clip.mp4") == 4
    assert delete_inside(root, "car-1/2026/clip.mp4") == 0
