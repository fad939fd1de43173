"""What every detector promises, shown on models of a few hundred bytes and on the shipped one."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.detector import OnnxDetector
from models.manifest import load_manifest
from tests.support.tiny_onnx import cells, entry_for, make_head, write_model
from tests.support.waiting import eventually
from vision.errors import ModelError
from vision.types import CLASS_NAMES, E_BIKE, PERSON, Detections, Detector, Image, MirroringDetector

SIZE = (64, 64)
HEAD = make_head([(32, 24, 16, 20, E_BIKE, 0.9), (20, 40, 8, 8, PERSON, 0.15)], 6, cells(SIZE))


def picture(w: int = 64, h: int = 64, bgr: Sequence[int] = (255, 255, 255)) -> Image:
    return np.full((h, w, 3), bgr, np.uint8)


@pytest.fixture(name="detector")
def _detector(tmp_path: Path) -> OnnxDetector:
    return OnnxDetector(entry_for(write_model(tmp_path, HEAD)), tmp_path, intra_op_threads=1)


def assert_sound(found: Detections, image: Image, floor: float) -> None:
    h, w = image.shape[:2]
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= [w, h, w, h]).all()
    assert (found.xyxy[:, 2:] > found.xyxy[:, :2]).all()
    assert (np.diff(found.conf) <= 0).all()
    assert ((found.conf >= floor) & (found.conf <= 1)).all()
    assert np.isin(found.class_id, np.arange(len(CLASS_NAMES))).all()


def test_it_is_a_detector_and_tells_who_it_is(detector: OnnxDetector) -> None:
    seam: Detector = detector

    assert len(seam.detect(picture())) == 2
    assert (detector.name, detector.size_wh, len(detector.sha256)) == ("tiny", SIZE, 64)
    assert detector.operating_conf(E_BIKE) == pytest.approx(0.4)
    assert detector.candidate_conf == pytest.approx(0.1)


def test_boxes_come_in_source_pixels_best_first(detector: OnnxDetector) -> None:
    found = detector.detect(picture(640, 640))

    np.testing.assert_allclose(found.xyxy, [[240, 140, 400, 340], [160, 360, 240, 440]], rtol=1e-5)
    np.testing.assert_allclose(found.conf, [0.9, 0.15], rtol=1e-5)
    assert found.class_id.tolist() == [E_BIKE, PERSON]


def test_boxes_of_the_mirror_image_lie_where_the_picture_has_them(detector: OnnxDetector) -> None:
    seam: MirroringDetector = detector
    found = seam.detect_mirrored(picture(640, 640))  # the tiny head says the same of every white picture

    np.testing.assert_allclose(found.xyxy, [[240, 140, 400, 340], [400, 360, 480, 440]], rtol=1e-5)
    assert found.class_id.tolist() == [E_BIKE, PERSON]
    assert isinstance(detector, MirroringDetector)


def test_the_floor_is_the_manifest_s_unless_told(detector: OnnxDetector) -> None:
    assert len(detector.detect(picture())) == 2
    assert len(detector.detect(picture(), conf=0.5)) == 1
    assert len(detector.detect(picture(), conf=0.95)) == 0


def test_the_model_sees_rgb_between_0_and_1(detector: OnnxDetector) -> None:
    """The tiny model multiplies its head by the brightest red."""
    red, half = detector.detect(picture(bgr=(0, 0, 255))), detector.detect(picture(bgr=(0, 0, 127)))

    assert red.conf[0] == pytest.approx(0.9, rel=1e-5)
    assert half.conf[0] == pytest.approx(0.9 * 127 / 255, rel=1e-5)
    assert len(detector.detect(picture(bgr=(255, 255, 0)))) == 0


def test_a_picture_leaves_nothing_behind_for_the_next(detector: OnnxDetector) -> None:
    """The letterbox buffer is reused: white from a tall picture must not show beside a wide black one."""
    detector.detect(picture(64, 64))
    wide = detector.detect(picture(64, 60, bgr=(0, 0, 0)), conf=0.01)

    assert wide.conf.max() == pytest.approx(
        0.9 * 114 / 255, rel=1e-4
    )  # the grey of the padding, nothing brighter


def test_the_callers_picture_is_not_changed(detector: OnnxDetector) -> None:
    image = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    before = image.copy()
    image.flags.writeable = False
    detector.detect(image)

    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    "size_wh", [(1, 1), (1000, 1), (1, 1000), (20000, 20), (20, 20000), (63, 65), (641, 479)]
)
def test_odd_sizes_are_looked_at(detector: OnnxDetector, size_wh: tuple[int, int]) -> None:
    image = picture(*size_wh)
    assert_sound(detector.detect(image), image, 0.1)


def test_views_and_other_memory_orders_are_looked_at(detector: OnnxDetector) -> None:
    base = np.random.default_rng(5).integers(0, 256, (80, 120, 3), np.uint8)
    flipped = base[::-1, ::-1]
    expected = detector.detect(np.ascontiguousarray(flipped))

    for same in (flipped, np.asfortranarray(flipped)):
        np.testing.assert_array_equal(detector.detect(same).xyxy, expected.xyxy)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 64, 3), np.uint8),
        np.zeros((64, 0, 3), np.uint8),
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.uint16),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((1, 64, 64, 3), np.uint8),
    ],
    ids=lambda image: f"{image.dtype}-{'x'.join(map(str, image.shape))}",
)
def test_what_is_no_picture_is_refused_with_its_shape(detector: OnnxDetector, image: Image) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8.*got " + str(image.dtype)):
        detector.detect(image)
    assert len(detector.detect(picture())) == 2, "and the next picture is looked at as if nothing had been"


def test_stage_times_are_those_of_the_latest_picture(detector: OnnxDetector) -> None:
    before = detector.last_stage_s
    detector.detect(picture())
    after = detector.last_stage_s

    assert set(after) == {"preprocess", "run", "decode"}
    assert all(seconds > 0 for seconds in after.values())
    assert after is not before


def test_threads_share_one_detector_without_mixing_pictures(detector: OnnxDetector) -> None:
    wrong: list[float] = []

    def look(level: int) -> None:
        for _ in range(50):
            conf = float(detector.detect(picture(bgr=(0, 0, level)), conf=0.01).conf[0])
            if abs(conf - 0.9 * level / 255) > 1e-3:
                wrong.append(conf)

    threads = [threading.Thread(target=look, args=(level,)) for level in (60, 120, 180, 240)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_a_mapped_model_speaks_canonical_classes(tmp_path: Path) -> None:
    head = make_head([(32, 24, 16, 20, 1, 0.9), (20, 40, 8, 8, 0, 0.8)], 3, cells(SIZE))
    names = ["person", "motorcycle", "toaster"]
    entry = entry_for(
        write_model(tmp_path, head, names=names),
        class_names=names,
        class_map={"motorcycle": "e_bike", "person": "person"},
    )

    assert OnnxDetector(entry, tmp_path).detect(picture()).class_id.tolist() == [E_BIKE, PERSON]


def test_a_model_without_names_and_with_symbolic_sides_runs(tmp_path: Path) -> None:
    path = write_model(
        tmp_path, HEAD, names=None, input_shape=("n", 3, "h", "w"), output_shape=("n", 10, "cells")
    )

    assert len(OnnxDetector(entry_for(path), tmp_path, spinning=True).detect(picture())) == 2


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="wants two CPUs of Linux"
)
@pytest.mark.parametrize("which", [0, 1])
def test_a_helper_thread_stays_where_it_is_told(tmp_path: Path, which: int) -> None:
    cpu = sorted(os.sched_getaffinity(0))[which]
    before = _threads()
    entry = entry_for(write_model(tmp_path, HEAD))
    detector = OnnxDetector(entry, tmp_path, intra_op_threads=2, helper_cpus=(cpu,))
    # A new thread moves to its CPU itself, once it runs.
    eventually(lambda: [on for task, on in _threads().items() if task not in before] == [{cpu}], 10)
    assert len(detector.detect(picture())) == 2


def _threads() -> dict[str, set[int]]:
    """The CPUs of each thread of this process."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            found[task.name] = os.sched_getaffinity(int(task.name))
    return found


@pytest.mark.parametrize(
    ("model", "changes", "says"),
    [
        ({}, {"sha256": "0" * 64}, r"has sha256 [0-9a-f]{64}, the manifest says 0000"),
        ({}, {"file": "absent.onnx"}, r"cannot read .*absent\.onnx"),
        ({"size_wh": (96, 64)}, {}, r"takes images .*\[1, 3, 64, 96\], the manifest says .*\(1, 3, 64, 64\)"),
        ({"names": CLASS_NAMES[:5]}, {}, r"trained for 5 classes .*the manifest lists 6"),
        ({"names": (*CLASS_NAMES[:4], "cat", "dog")}, {}, "4: person is cat; 5: kick_scooter is dog"),
        ({"names": "{0: "}, {}, "class names cannot be read"),
        (
            {"head": np.zeros((1, 300, 6), np.float32), "names": None},
            {},
            r"gives output0 \[1, 300, 6\].*\(1, 10, 84\).*end-to-end",
        ),
        ({"head": HEAD[..., :83]}, {}, r"gives output0 \[1, 10, 83\]"),
        ({"head": HEAD * 5}, {}, r"run from .* to .*export the head with its sigmoid"),
        ({"head": np.full_like(HEAD, np.nan)}, {}, "export the head with its sigmoid"),
    ],
)
def test_a_model_that_is_not_what_the_manifest_says_stops_at_start_up(
    tmp_path: Path, model: dict[str, Any], changes: dict[str, object], says: str
) -> None:
    path = write_model(tmp_path, **{"head": HEAD, **model})

    with pytest.raises(ModelError, match=says):
        OnnxDetector(entry_for(path, **changes), tmp_path)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"not a model at all")

    with pytest.raises(ModelError, match=r"cannot load tiny\.onnx .*opset 17"):
        OnnxDetector(entry_for(path), tmp_path)


@pytest.mark.parametrize("providers", [("NoSuchProvider",), ("CPUExecutionProvider", "CUDA"), ()])
def test_a_provider_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, providers: tuple[str, ...]
) -> None:
    with pytest.raises(ModelError, match=r"has no provider .*it has .*CPUExecutionProvider"):
        OnnxDetector(entry_for(write_model(tmp_path, HEAD)), tmp_path, providers=providers)


def test_the_shipped_model_keeps_the_contract() -> None:
    manifest = load_manifest()
    detector = OnnxDetector(manifest.get(), manifest.weights_dir)
    for size_wh in ((640, 360), (1, 1), (2000, 20)):
        image = np.random.default_rng(1).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
        assert_sound(detector.detect(image), image, detector.candidate_conf)
    assert len(detector.detect(picture(640, 480, (114, 114, 114)))) == 0, "a grey wall is empty"
