"""Covering heads: where, for how long, and that nothing recognisable is left; the cache of copies."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from api.evidence.files import EvidenceFile, FileKind
from api.privacy.blurrer import KEPT_S, HeadBlurrer
from api.privacy.heads import BLOCKS, cover, lasting, regions
from tests.support.clips import write_clip
from tests.support.events import make_event, make_file
from tests.support.fakes import make_detections
from vision.errors import EvidenceError, ModelError
from vision.types import PERSON, Detections, Image

SIZE_WH = (320, 240)
FACE = (100, 40, 180, 140)


class Finder:
    """Finds one person in every picture, or only in some."""

    sha256 = "ab" * 32

    def __init__(self, when: Callable[[int], bool] = lambda n: True) -> None:
        self.when = when
        self.asked = 0
        self.threads: set[str] = set()

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        self.asked += 1
        self.threads.add(threading.current_thread().name)
        return make_detections((PERSON, 0.05, FACE)) if self.when(self.asked - 1) else make_detections()


def test_the_upper_part_of_people_and_of_what_carries_them_is_covered() -> None:
    found = make_detections(
        (4, 0.9, (100, 100, 200, 200)), (3, 0.5, (0, 0, 50, 50)), (2, 0.2, (10, 10, 20, 30)), (0, 0.9, FACE)
    )
    where = regions(found, SIZE_WH)
    assert len(where) == 3  # not the e-bike: it is the evidence
    x1, y1, x2, y2 = where[0]
    assert x1 <= 100 - 10
    assert y1 <= 100 - 10
    assert x2 >= 200 + 10
    assert y2 >= 150


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(0, 1), *(st.floats(-50, 400) for _ in range(4))), max_size=8
    )
)
def test_regions_lie_inside_the_picture_and_are_not_empty(
    rows: list[tuple[int, float, float, float, float, float]],
) -> None:
    boxes = [(k, c, (min(a, d), min(b, e), max(a, d), max(b, e))) for k, c, a, b, d, e in rows]
    for x1, y1, x2, y2 in regions(make_detections(*boxes), SIZE_WH):
        assert 0 <= x1 < x2 <= SIZE_WH[0]
        assert 0 <= y1 < y2 <= SIZE_WH[1]


@given(st.integers(1, 30), st.integers(0, 29), st.integers(0, 6))
def test_a_region_lasts_before_and_after_its_frame(frames: int, at: int, spread: int) -> None:
    at %= frames
    per_frame: list[list[tuple[int, int, int, int]]] = [[] for _ in range(frames)]
    per_frame[at] = [FACE]
    covered = [bool(where) for where in lasting(per_frame, spread)]
    assert covered == [abs(i - at) <= spread for i in range(frames)]


@given(st.integers(8, 120), st.integers(8, 120), st.integers(0, 2**32 - 1))
def test_a_covered_region_holds_few_squares_and_nothing_else_changes(w: int, h: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (150, 150, 3), np.uint8)
    out = cover(image, [(10, 20, 10 + w, 20 + h)])
    inside = out[20 : 20 + h, 10 : 10 + w].reshape(-1, 3)
    squares = max(1, w // max(1, min(w, h) // BLOCKS)) * max(1, h // max(1, min(w, h) // BLOCKS))
    assert len(np.unique(inside, axis=0)) <= squares
    outside = np.ones((150, 150), bool)
    outside[20 : 20 + h, 10 : 10 + w] = False
    assert (out[outside] == image[outside]).all()


def striped(width: int = 320, height: int = 240) -> Image:
    """Fine stripes: what was covered has none left."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, ::4] = 255
    image[:, 1::4] = 255
    return image


def detail(image: Image) -> float:
    """How much fine detail the face region holds."""
    x1, y1, x2, y2 = 110, 50, 170, 90
    return float(np.abs(np.diff(image[y1:y2, x1:x2].astype(int), axis=1)).mean())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evidence").mkdir()
    return tmp_path / "evidence"


def put(root: Path, kind: FileKind, data: bytes) -> EvidenceFile:
    file = make_file(make_event(), kind)
    path = root / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return file


def jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def test_a_snapshot_is_covered_once_and_private(root: Path, tmp_path: Path) -> None:
    finder = Finder()
    blurrer = HeadBlurrer(tmp_path / "blurred", lambda: finder)
    file = put(root, "snapshot", jpeg(striped()))
    copy = blurrer.blurred(file, root)
    assert blurrer.blurred(file, root) == copy
    assert finder.asked == 1
    assert finder.threads != {threading.current_thread().name}
    assert detail(np.asarray(cv2.imread(str(copy)), np.uint8)) < 0.2 * detail(striped())
    assert copy.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "blurred").stat().st_mode & 0o777 == 0o700
    blurrer.close()


def test_a_clip_keeps_its_times_and_is_covered_around_every_find(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    write_clip(source, 30, size_wh=(320, 240), fps=10, draw=lambda number, size_wh: striped())
    file = put(root, "clip", source.read_bytes())
    found_at = 12
    blurrer = HeadBlurrer(tmp_path / "blurred", lambda: Finder(lambda n: n == found_at))
    copy = blurrer.blurred(file, root)

    def pictures(path: Path) -> list[tuple[float, Image]]:
        with av.open(str(path)) as container:
            return [
                (float(f.time or 0), np.asarray(f.to_ndarray(format="bgr24"), np.uint8))
                for f in container.decode(video=0)
            ]

    before, after = pictures(source), pictures(copy)
    assert [round(t, 3) for t, _ in after] == [round(t, 3) for t, _ in before]
    covered = [detail(image) < 0.5 * detail(striped()) for _, image in after]
    assert covered == [abs(n - found_at) <= 5 for n in range(30)]
    blurrer.close()


def test_a_thumbnail_stays_animated(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.webp"
    images = [Pillow.fromarray(np.roll(striped(), n, axis=1)) for n in range(4)]
    images[0].save(path, "WEBP", save_all=True, append_images=images[1:], duration=150, loop=0)
    blurrer = HeadBlurrer(tmp_path / "blurred", Finder)
    copy = blurrer.blurred(put(root, "thumbnail", path.read_bytes()), root)
    with Pillow.open(copy) as animation:
        assert getattr(animation, "n_frames", 1) == 4
        assert detail(np.asarray(animation.convert("RGB"))) < 0.3 * detail(striped())
    blurrer.close()


@pytest.mark.parametrize("kind", ["clip", "snapshot", "snapshot_boxes", "thumbnail"])
@pytest.mark.parametrize("data", [b"", b"not a picture at all" * 50])
def test_what_cannot_be_read_is_not_shown_and_leaves_nothing(
    root: Path, tmp_path: Path, kind: FileKind, data: bytes
) -> None:
    blurrer = HeadBlurrer(tmp_path / "blurred", Finder)
    with pytest.raises(EvidenceError):
        blurrer.blurred(put(root, kind, data), root)
    assert list((tmp_path / "blurred").iterdir()) == []
    blurrer.close()


def test_without_a_detector_nothing_is_shown_and_a_later_try_may_succeed(root: Path, tmp_path: Path) -> None:
    broken = [True]

    def find() -> Finder:
        if broken[0]:
            raise ModelError("the model file is missing")
        return Finder()

    blurrer = HeadBlurrer(tmp_path / "blurred", find)
    file = put(root, "snapshot", jpeg(striped()))
    with pytest.raises(EvidenceError, match="model file"):
        blurrer.blurred(file, root)
    broken[0] = False
    assert blurrer.blurred(file, root).is_file()
    blurrer.close()


def test_copies_do_not_outlive_the_day_nor_their_room(root: Path, tmp_path: Path) -> None:
    now = [1_000_000.0]
    blurrer = HeadBlurrer(tmp_path / "blurred", Finder, max_bytes=1, wall=lambda: now[0])
    first = blurrer.blurred(put(root, "snapshot", jpeg(striped())), root)
    os.utime(first, (now[0], now[0]))
    second = blurrer.blurred(put(root, "snapshot", jpeg(striped())), root)
    assert not first.exists()  # no room for two
    roomy = HeadBlurrer(tmp_path / "blurred", Finder, wall=lambda: now[0])
    os.utime(second, (now[0], now[0]))
    now[0] += KEPT_S + 1
    roomy.blurred(put(root, "snapshot", jpeg(striped())), root)
    assert not second.exists()
    blurrer.close()
    roomy.close()
