"""A restart does not forget what belongs to the car, and a file that is broken costs nothing but that."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.book import Write
from api.cameras.fixture_memory import EVERY_S, MOST, FixtureMemory, packed, unpacked
from api.whole_file import write_whole
from tests.support.fakes import MemoryStore
from vision.fixtures import FixtureParams, FixtureWatch, Thing
from vision.types import E_BIKE, Detections, Image

SIZE_WH = (320, 180)
POSTER = (200.0, 30.0, 280.0, 130.0)


def a_thing(seed: int = 1, called_s: float = 700.0) -> Thing:
    angle = np.random.default_rng(seed).uniform(0, 6.28, (90, 160))
    edges = np.stack((np.cos(angle), np.sin(angle))).astype(np.float32)
    return Thing((0.6, 0.2, 0.8, 0.7), edges, 5.0, 9.0, called_s)


class Desk:
    """A memory, and a sink that does each write at once, as the recorder's thread would."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "fixtures" / "car-1.json"
        self.writes = 0
        self.memory = self.anew()

    def anew(self) -> FixtureMemory:
        """The memory of the next run."""
        return FixtureMemory(self.path, self._sink)

    def _sink(self, write: Write) -> None:
        self.writes += 1
        assert not write.essential
        write.do(MemoryStore())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def car(poster: int | None, seed: int = 0) -> Image:
    """A car with a few lines, noise, and a poster of this seed."""
    image = np.full((SIZE_WH[1], SIZE_WH[0], 3), 150.0)
    image[:, 60:63] = 90
    image[140:143] = 80
    if poster is not None:
        x1, y1, x2, y2 = (int(v) for v in POSTER)
        blocks = np.random.default_rng(poster).integers(0, 256, ((y2 - y1) // 10, (x2 - x1) // 10, 1))
        image[y1:y2, x1:x2] = np.kron(blocks, np.ones((10, 10, 1)))
    image += np.random.default_rng(seed).normal(0, 2, image.shape)
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def called() -> Detections:
    return Detections(
        np.array([POSTER], np.float32), np.array([0.8], np.float32), np.array([E_BIKE], np.int64)
    )


def watch(*known: Thing) -> FixtureWatch:
    return FixtureWatch(
        frozenset({E_BIKE}), frozenset({"cabin"}), params=FixtureParams(learn_s=200), known=known
    )


def test_a_poster_is_known_from_the_first_look_after_a_restart(desk: Desk) -> None:
    first = watch()
    for n in range(60):
        first.without(called(), car(1, n), 4.0 * n)
    assert len(first.fixtures) == 1
    desk.memory.see(first.fixtures, 240.0)
    second = watch(*desk.anew().load())
    assert len(second.without(called(), car(1, 99), 77.0)) == 0
    assert second.fixtures[0].first_s == 77.0  # times of another run mean nothing
    assert len(watch().without(called(), car(1, 99), 77.0)) == 1


def test_what_stands_where_a_poster_hung_counts_at_once(desk: Desk) -> None:
    first = watch()
    for n in range(60):
        first.without(called(), car(1, n), 4.0 * n)
    desk.memory.stop(first.fixtures)
    second = watch(*desk.anew().load())
    assert len(second.without(called(), car(2, 99), 0.0)) == 1


def test_what_was_taken_down_while_guard_was_off_is_forgotten(desk: Desk) -> None:
    first = watch()
    for n in range(60):
        first.without(called(), car(1, n), 4.0 * n)
    desk.memory.stop(first.fixtures)
    memory = desk.anew()
    second = watch(*memory.load())
    nothing = called().where(np.zeros(1, bool))
    for n in range(40):
        second.without(nothing, car(None, n), 4.0 * n)
        memory.see(second.fixtures, 4.0 * n)
    assert not second.fixtures
    assert not desk.path.exists()


def test_a_file_is_written_when_something_is_learnt_then_once_an_hour(desk: Desk) -> None:
    for t_s in np.arange(0.0, 10.0, 0.5):
        desk.memory.see((), t_s)
    assert desk.writes == 0
    for t_s in np.arange(10.0, 10.0 + 2 * EVERY_S, 60.0):
        desk.memory.see((a_thing(),), t_s)
    assert desk.writes == 2
    again = desk.anew()
    known = again.load()
    for t_s in np.arange(500.0, 500.0 + EVERY_S, 60.0):
        again.see(known, t_s)
    assert desk.writes == 2
    again.see((*known, a_thing(2)), 600.0 + EVERY_S)
    assert desk.writes == 3
    assert len(desk.anew().load()) == 2


def test_nothing_to_remember_leaves_no_file(desk: Desk) -> None:
    desk.memory.stop(())
    assert desk.writes == 0
    desk.memory.see((a_thing(),), 1.0)
    assert desk.path.stat().st_mode & 0o077 == 0
    desk.memory.see((), 2.0)
    assert not desk.path.exists()


def _too_many() -> bytes:
    one = packed([a_thing()])[len(b'{"things":[') : -len(b"]}")]
    return b'{"things":[' + b",".join([one] * (MOST + 1)) + b"]}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"things": [{"box": [0, 0, 1, 1]}]}',
        packed([a_thing()])[:-40],
        _too_many(),
        packed([a_thing()]).replace(b"700.0", b"NaN"),
        packed([a_thing()]).replace(b"0.6", b"60"),
        packed([a_thing()]).replace(b"things", b"thinks"),
    ],
)
def test_a_broken_file_is_told_of_and_costs_only_the_memory(
    desk: Desk, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    desk.path.parent.mkdir()
    desk.path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert desk.memory.load() == ()
    assert "learnt anew" in caplog.text
    desk.memory.see((a_thing(),), 1.0)
    assert len(desk.anew().load()) == 1


def test_a_folder_that_cannot_be_made_is_told_of(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.path.parent.write_text("a file where the folder should be")
    desk.memory.see((a_thing(),), 1.0)
    assert "could not be remembered" in caplog.text


@given(st.binary(max_size=300), st.integers(0, 3000))
def test_whatever_a_file_holds_reading_it_ends_in_one_kind_of_error(content: bytes, at: int) -> None:
    good = packed([a_thing()])
    for data in (content, good[:at] + content + good[at + len(content) :]):
        with contextlib.suppress(ValueError):  # what `load` is ready for
            assert len(unpacked(data)) <= 1


def test_edges_come_back_within_a_hundredth() -> None:
    (back,) = unpacked(packed([a_thing()]))
    assert np.abs(back.edges - a_thing().edges).max() < 0.005
    assert back.box == a_thing().box
    assert back.called_s == a_thing().called_s


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.json"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("api.whole_file.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["some.json"]
