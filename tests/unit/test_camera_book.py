"""A camera's troubles become rows and pictures; a disk that takes neither does not matter to anybody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from api.book import Write
from api.cameras import pictures
from api.cameras.book import SAID, SEEN_S, CameraBook
from api.cameras.records import TROUBLE_ENDS
from api.records import Cursor
from api.store import Store
from vision.trouble import TROUBLE_KINDS, Trouble
from vision.types import Frame

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
IMAGE = np.full((72, 128, 3), 90, np.uint8)
COVERED, TURNED = Trouble("covered", 1.0), Trouble("turned", 40.0)


def utc(t_s: float) -> datetime:
    return T0 + timedelta(seconds=t_s)


def frame(t_s: float) -> Frame:
    return Frame(IMAGE, t_s, int(t_s))


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "camera-troubles"
        self.store = Store(folder / "liftguard.db")
        self.store.migrate()
        self.writes: list[Write] = []
        self.book = CameraBook("car-1", "car-1/cabin", self.folder, utc, self.writes.append)

    def write(self) -> None:
        for write in self.writes:
            write.do(self.store)
        self.writes.clear()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.store.close()


def test_a_trouble_is_kept_with_its_picture_from_its_begin_to_its_end(bench: Bench) -> None:
    bench.book.see(None, frame(0.5))
    bench.book.see(COVERED, frame(7.0))
    bench.book.see(COVERED, frame(7.5))
    bench.write()
    (open_,) = bench.store.camera_troubles().troubles
    assert open_.kind == "covered"
    assert (open_.began_at, open_.reported_at, open_.ended_at) == (utc(1.0), utc(7.0), None)
    assert open_.picture is not None
    kept = cv2.imread(str(bench.folder / open_.picture))
    assert kept is not None
    assert abs(int(kept.mean()) - 90) <= 2
    assert bench.book.open is not None
    bench.book.see(None, frame(20.0))
    bench.write()
    ended = bench.store.camera_trouble(open_.id)
    assert ended is not None
    assert (ended.ended_at, ended.end) == (utc(20.0), "clear")
    assert bench.book.open is None


def test_what_is_taken_for_a_vehicle_is_framed_in_its_picture(bench: Bench) -> None:
    bench.book.see(Trouble("mistaken", 1.0, (0.25, 0.25, 0.75, 0.75)), frame(601.0))
    bench.write()
    (trouble,) = bench.store.camera_troubles().troubles
    assert (trouble.kind, trouble.began_at) == ("mistaken", utc(1.0))
    assert trouble.picture is not None
    kept = cv2.imread(str(bench.folder / trouble.picture))
    assert kept is not None
    height, width = kept.shape[:2]
    assert kept[height // 4, width // 2].std() > 30, "a coloured line"
    assert kept[height // 2, width // 2].std() < 5
    assert (IMAGE[0, 0] == IMAGE).all(), "the frame itself is not drawn on"
    bench.book.see(Trouble("mistaken", 1.0, (0.26, 0.25, 0.75, 0.74)), frame(602.0))
    assert bench.writes == [], "a box that drifts is the same trouble"


def test_one_that_goes_on_is_noted_now_and_then(bench: Bench) -> None:
    bench.book.see(COVERED, frame(7.0))
    for n in range(200):
        bench.book.see(COVERED, frame(7.0 + n / 2))
    assert [w.essential for w in bench.writes] == [True] + [False] * int(99.5 // SEEN_S)
    bench.write()
    assert bench.store.camera_troubles().troubles[0].last_seen_at == utc(97.0)


def test_another_kind_has_a_row_of_its_own(bench: Bench) -> None:
    bench.book.see(COVERED, frame(7.0))
    bench.book.see(TURNED, frame(47.0))
    bench.book.stop(50.0)
    bench.book.stop(51.0)
    bench.write()
    second, first = bench.store.camera_troubles().troubles
    assert (first.kind, first.end, first.ended_at) == ("covered", "other", utc(47.0))
    assert (second.kind, second.end, second.ended_at) == ("turned", "stopped", utc(50.0))


def test_a_disk_without_room_costs_the_picture_and_not_the_row(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.folder.write_text("a file is in the way")
    bench.book.see(COVERED, frame(7.0))
    bench.write()
    (trouble,) = bench.store.camera_troubles().troubles
    assert trouble.picture is None
    assert "no picture" in caplog.text


def test_saying_it_twice_is_harmless(bench: Bench) -> None:
    bench.book.see(COVERED, frame(7.0))
    bench.book.see(None, frame(9.0))
    for write in [*bench.writes, *bench.writes]:
        write.do(bench.store)
    assert len(bench.store.camera_troubles().troubles) == 1
    assert bench.store.camera_troubles().troubles[0].ended_at == utc(9.0)


def test_what_a_crash_left_open_ends_when_it_was_last_seen(bench: Bench) -> None:
    bench.book.see(COVERED, frame(7.0))
    bench.write()
    assert bench.store.close_interrupted_troubles() == 1
    assert bench.store.close_interrupted_troubles() == 0
    (trouble,) = bench.store.camera_troubles().troubles
    assert (trouble.end, trouble.ended_at) == ("interrupted", utc(7.0))


def test_the_oldest_pictures_make_room(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "KEPT", 3)
    for n in range(5):
        bench.book.see(Trouble("dark", float(n)), frame(10.0 * n))
    bench.write()
    there = [
        (bench.folder / t.picture).exists()
        for t in bench.store.camera_troubles().troubles
        if t.picture is not None
    ]
    assert there == [True, True, True, False, False], "newest first"
    assert not list(bench.folder.rglob("*.part"))


def test_pages_follow_one_another_without_gap_or_overlap(bench: Bench) -> None:
    for n in range(7):
        bench.book.see(Trouble("dark", float(n)), frame(float(n // 2)))  # several at the same moment
    bench.write()
    seen: list[str] = []
    cursor: Cursor | None = None
    while True:
        page = bench.store.camera_troubles(3, cursor)
        seen += [t.id for t in page.troubles]
        if page.next is None:
            break
        cursor = Cursor.decode(page.next.encode())
    assert len(seen) == len(set(seen)) == 7
    assert bench.store.camera_troubles(elevator_id="car-2").troubles == ()
    assert bench.store.camera_troubles(within=frozenset()).troubles == ()
    assert len(bench.store.camera_troubles(within=frozenset({"car-1"})).troubles) == 7
    with pytest.raises(ValueError, match="limit"):
        bench.store.camera_troubles(0)


def test_it_may_be_stopped_from_another_thread_at_any_time(bench: Bench) -> None:
    def keep_stopping() -> None:
        for n in range(300):
            bench.book.stop(float(n))

    stop = threading.Thread(target=keep_stopping)
    stop.start()
    for n in range(300):
        bench.book.see(Trouble("dark", float(n)), frame(float(n)))
    stop.join()
    bench.book.stop(400.0)
    begun = sum(w.what == "camera trouble" and w.essential for w in bench.writes)
    assert begun == sum(w.what == "end of camera trouble" for w in bench.writes) == 300


def test_there_are_words_for_every_kind() -> None:
    assert set(SAID) == set(TROUBLE_KINDS)
    assert all(len(end) <= 16 for end in TROUBLE_ENDS)
