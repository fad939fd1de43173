"""The sweeper deletes what must go, keeps what is locked, and puts store and disk in step."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from api.evidence.chain import breaks
from api.evidence.files import EvidenceFile
from api.evidence.metrics import EvidenceMetrics
from api.evidence.reconcile import FOUND, Reconciled, reconcile
from api.evidence.retention import Eviction, Limits
from api.evidence.sweeper import DAY_S, RESERVE, RESERVE_BYTES, Sweeper, free_bytes
from api.store import Store
from tests.support.events import T0, content_of, make_event, make_file, write_file
from vision.errors import StorageError

NOW = T0 + timedelta(days=10)
PLENTY = 1 << 40
MONTH = Limits(timedelta(days=30), None, None, 0)


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


@dataclass
class Box:
    """A sweeper on a disk and a clock that the test turns."""

    store: Store
    root: Path
    limits: Limits = MONTH
    now_s: float = 0.0
    disk_bytes: int | None = None  # None: plenty; else what evidence and free space share

    def sweeper(self) -> Sweeper:
        return Sweeper(
            lambda: self.store,
            self.root,
            self.limits,
            lambda: self.now_s,
            lambda: NOW + timedelta(seconds=self.now_s),
            sweep_s=60,
            free=self.free,
        )

    def free(self, folder: Path) -> int:
        if self.disk_bytes is None:
            return PLENTY
        return self.disk_bytes - sum(p.stat().st_size for p in self.root.rglob("*") if p.is_file())

    def event(self, days_old: float, elevator_id: str = "car-1", *, locked: bool = False) -> EvidenceFile:
        event = make_event(NOW - timedelta(days=days_old), elevator_id)
        self.store.start_event(event)
        if locked:
            self.store.review(event.id, lambda r: replace(r, locked=True), by="u", at=T0)
        clip = make_file(event)
        path = write_file(self.root, clip, content_of(event))
        os.utime(path, (event.started_at.timestamp(),) * 2)
        self.store.put_file(clip)
        return clip

    def on_disk(self) -> set[str]:
        return {p.relative_to(self.root).as_posix() for p in self.root.rglob("*.mp4")}

    def state(self, file: EvidenceFile) -> tuple[str, str | None]:
        found = self.store.file(file.id)
        assert found is not None
        return found.state, found.reason


@pytest.fixture
def box(store: Store, tmp_path: Path) -> Box:
    return Box(store, tmp_path / "evidence")


def test_old_evidence_goes_and_locked_evidence_stays(box: Box) -> None:
    old, kept_for_court, young = box.event(31), box.event(400, locked=True), box.event(29)
    sweeper = box.sweeper()
    sweeper.turn()
    assert box.on_disk() == {kept_for_court.path, young.path}
    assert box.state(old) == ("evicted", "it was older than 30 days")
    assert box.state(kept_for_court) == ("stored", None)
    assert list(breaks(box.store.chain())) == []
    assert sweeper.figures.evicted == {"age": 1}
    assert [(u.files, u.used_bytes, u.locked_bytes) for u in sweeper.figures.usage] == [
        (2, 2 * young.size_bytes, kept_for_court.size_bytes)
    ]


def test_each_elevator_and_the_box_keep_their_room(box: Box) -> None:
    files = [box.event(9 - i, f"car-{i % 2}") for i in range(8)]
    size = files[0].size_bytes
    box.limits = replace(box.limits, elevator_max_bytes=3 * size, box_max_bytes=5 * size)
    box.sweeper().turn()
    assert box.on_disk() == {f.path for f in files[3:]}


def test_a_disk_that_something_else_fills_is_survived(box: Box) -> None:
    locked = box.event(9, locked=True)
    files = [box.event(8 - i) for i in range(5)]
    size = files[0].size_bytes
    box.limits = replace(box.limits, min_free_bytes=2 * size)
    box.disk_bytes = 8 * size
    sweeper = box.sweeper()
    sweeper.turn()
    assert len(box.on_disk()) == 6
    box.disk_bytes = 6 * size  # something else is copied onto it; the next sweep would be a minute away
    box.now_s += 1
    sweeper.turn()
    assert box.on_disk() == {locked.path, *(f.path for f in files[2:])}
    assert box.state(files[0])[1] == f"the disk had less than {2 * size / (1 << 30):.3g} GiB free"
    box.disk_bytes = size
    sweeper.turn()
    assert box.on_disk() == {locked.path}
    assert sweeper.figures.over, "nothing more may go, and that is said"
    box.event(0)
    assert len(box.store.events().events) == 7, "events go on"


class FullStore:
    """A store whose writes fail as long as the disk has no room for them."""

    def __init__(self, store: Store, box: Box) -> None:
        self._store, self._box = store, box

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def evict(self, evictions: Iterable[Eviction], at: datetime) -> tuple[Eviction, ...]:
        if self._box.free(self._box.root) <= 0:
            raise StorageError("database or disk is full")
        return self._store.evict(evictions, at)


def test_where_not_even_the_note_has_room_the_file_goes_first(box: Box) -> None:
    files = [box.event(8 - i) for i in range(3)]
    size = files[0].size_bytes
    box.limits = replace(box.limits, min_free_bytes=size)
    box.disk_bytes = 3 * size
    full: Store = FullStore(box.store, box)  # type: ignore[assignment]
    sweeper = Sweeper(lambda: full, box.root, box.limits, lambda: 0.0, lambda: NOW, sweep_s=60, free=box.free)
    sweeper.turn()
    assert box.on_disk() == {f.path for f in files[1:]}
    assert box.state(files[0])[0] == "evicted"


def test_a_reserve_is_kept_and_given_back_when_the_disk_is_full(box: Box) -> None:
    box.root.mkdir()
    sweeper = box.sweeper()
    sweeper.turn()
    reserve = box.root.parent / RESERVE
    assert reserve.stat().st_size == RESERVE_BYTES
    box.disk_bytes = 1000
    sweeper.turn()
    assert not reserve.exists()


def test_a_file_that_is_locked_at_the_last_moment_stays(box: Box) -> None:
    clip = box.event(40)
    planned = Eviction(next(iter(box.store.evictable())), "age", "old")
    box.store.review(clip.event_id, lambda r: replace(r, locked=True), by="u", at=T0)
    assert box.store.evict([planned], NOW) == ()
    assert box.state(clip) == ("stored", None)


def test_store_and_folder_are_put_in_step(box: Box) -> None:
    fine, gone, evicted = box.event(3), box.event(2), box.event(5)
    (box.root / gone.path).unlink()
    box.store.put_file(replace(evicted, state="evicted", reason="old"))  # a crash before it was deleted
    orphan_event = make_event(NOW - timedelta(days=4))
    orphan = write_file(box.root, make_file(orphan_event), content_of(orphan_event))
    strange = write_file(box.root, make_file(make_event(), path="car-1/notes.mp4"), b"?")
    fresh = write_file(box.root, make_file(make_event()), b"just being told to the store")
    half = box.root / ".parts" / "car-1" / "half.mp4"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    for path in (orphan, strange, half):
        os.utime(path, (T0.timestamp(),) * 2)
    os.utime(fresh, (NOW.timestamp(),) * 2)

    assert reconcile(box.store, box.root, NOW) == Reconciled(1, 0, 1, 1, 1)
    assert box.state(gone)[0] == "missing"
    assert box.state(fine) == ("stored", None)
    assert not (box.root / evicted.path).exists()
    assert strange.exists()
    assert half.exists()
    (found,) = box.store.files(orphan_event.id)
    expected = make_file(orphan_event)
    assert (found.kind, found.sha256, found.reason) == ("clip", expected.sha256, FOUND)

    event = box.store.event(gone.event_id)
    assert event is not None
    (box.root / gone.path).write_bytes(f"{event.id} clip 0 ".encode() * 40)
    assert reconcile(box.store, box.root, NOW) == Reconciled(back=1, strange=1)
    assert box.state(gone) == ("stored", None)
    assert list(breaks(box.store.chain())) == []


def test_a_disk_that_is_not_mounted_loses_nothing(box: Box) -> None:
    clip = box.event(1)
    box.root.rename(box.root.with_name("unmounted"))
    with pytest.raises(StorageError, match="mounted"):
        reconcile(box.store, box.root, NOW)
    box.root.mkdir()
    with pytest.raises(StorageError, match="mounted"):
        reconcile(box.store, box.root, NOW)
    assert box.state(clip) == ("stored", None)


def test_the_comparison_comes_at_the_start_and_once_a_day(box: Box) -> None:
    box.event(1)
    gone = box.event(1)
    sweeper = box.sweeper()
    sweeper.turn()
    (box.root / gone.path).unlink()
    for box.now_s in (60.0, DAY_S - 1):
        sweeper.turn()
        assert box.state(gone)[0] == "stored"
    box.now_s = DAY_S + 60
    sweeper.turn()
    assert box.state(gone)[0] == "missing"
    assert sweeper.figures.troubles == {"missing": 1, "damaged": 0, "failed": 0}


def test_what_prometheus_hears(box: Box) -> None:
    box.event(40)
    box.event(1, locked=True)
    sweeper = box.sweeper()
    sweeper.turn()
    registry = CollectorRegistry()
    EvidenceMetrics(registry).set(sweeper.figures)
    text = generate_latest(registry).decode()
    assert 'liftguard_evidence_files{elevator="car-1"} 1.0' in text
    assert 'liftguard_evidence_evicted_files{cause="age"} 1.0' in text
    free = next(line for line in text.splitlines() if line.startswith("liftguard_evidence_disk_free_bytes "))
    assert float(free.split()[1]) == PLENTY
    assert "liftguard_evidence_sweep_ok 1.0" in text


def test_free_space_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") > 0
