"""Calibration: what is fitted, what the detector makes of it, and what must not change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.calibration import (
    Boxes,
    boxes_of,
    cross_validated,
    expected_error,
    fit_all,
    fit_line,
)
from models.decode import calibrated, logit, sigmoid, uncalibrated_floor
from models.detector import OnnxDetector
from models.looks import Look
from models.sets import Labelled
from tests.support.tiny_onnx import cells, entry_for, make_head, write_model
from vision.errors import ConfigError
from vision.types import BICYCLE, CLASS_NAMES, E_BIKE, PERSON, Detections

CLASSES = len(CLASS_NAMES)


def called(true_slope: float, true_shift: float, count: int = 4000) -> Boxes:
    """Boxes whose chance of being right is known."""
    rng = np.random.default_rng(11)
    conf = rng.uniform(0.05, 0.95, count)
    right = rng.random(count) < sigmoid(true_slope * logit(conf) + true_shift)
    return Boxes(np.zeros(count, np.int64), conf, right, np.arange(count))


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (1.6, 0.8), (0.6, -0.7)])
def test_known_slopes_and_shifts_are_found(slope: float, shift: float) -> None:
    boxes = called(slope, shift)
    assert fit_line(boxes.conf, boxes.right) == pytest.approx((slope, shift), abs=0.12)


def test_fitting_brings_the_error_down_and_says_so() -> None:
    fit = fit_all(called(0.5, -1.0))["e_bike"]
    assert fit.fitted
    assert fit.boxes == 4000
    assert fit.ece_before > 0.15
    assert fit.ece_after < 0.03


def test_a_class_with_few_boxes_is_left_as_it_is() -> None:
    few = called(0.5, -1.0, count=20)
    fit = fit_all(few)["e_bike"]
    assert (fit.slope, fit.shift, fit.fitted) == (1.0, 0.0, False)
    np.testing.assert_allclose(cross_validated(few), few.conf)


def test_nothing_called_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no called boxes"):
        fit_all(called(1, 0, count=0))


def test_each_true_box_makes_one_call_right() -> None:
    box = [0.0, 0.0, 10.0, 10.0]
    truth = Labelled(
        Path("a.png"), np.array([box], np.float32), np.array([E_BIKE]), frozenset({E_BIKE}), (20, 20)
    )
    found = Detections(
        np.array([box] * 4, np.float32),
        np.array([0.9, 0.8, 0.7, 0.01], np.float32),
        np.array([E_BIKE, BICYCLE, E_BIKE, E_BIKE]),
    )
    boxes = boxes_of([Look(truth, found, 1.0)])
    assert boxes.right.tolist() == [True, False, False]  # the faintest is below the floor


def test_the_expected_error_of_a_known_case() -> None:
    conf = np.array([0.05, 0.05, 0.95, 0.95])
    assert expected_error(conf, np.array([False, False, True, True])) == pytest.approx(0.05)
    assert expected_error(conf, np.array([True, True, False, False])) == pytest.approx(0.95)
    assert expected_error(np.zeros(0), np.zeros(0, np.bool_)) == 0.0


confs = st.lists(st.floats(0.01, 0.99), min_size=1, max_size=20)
lines = st.tuples(st.floats(0.2, 5), st.floats(-3, 3))


@given(confs, lines, lines, st.floats(0.01, 0.9))
def test_order_within_a_class_stays_and_the_floor_is_kept(
    values: list[float], one: tuple[float, float], two: tuple[float, float], floor: float
) -> None:
    """Everything that reaches the floor comes from raw confidences of at least `uncalibrated_floor`."""
    slope = np.array([one[0], two[0], *[1.0] * (CLASSES - 2)])
    shift = np.array([one[1], two[1], *[0.0] * (CLASSES - 2)])
    conf = np.sort(np.array(values, np.float32))[::-1]
    ids = np.arange(len(conf)) % 2
    xyxy = np.arange(len(conf) * 4, dtype=np.float32).reshape(-1, 4)
    found = calibrated(Detections(xyxy, conf, ids), slope, shift, floor)
    assert (np.diff(found.conf) <= 0).all()
    assert (found.conf >= floor).all()
    assert ((found.conf >= 0) & (found.conf <= 1)).all()
    for class_id in (0, 1):
        mine = found.xyxy[found.class_id == class_id][:, 0]
        assert (np.diff(mine) > 0).all()  # as they came
        below = conf[(ids == class_id) & (conf < uncalibrated_floor(slope, shift, floor) * 0.999)]
        assert not np.isin(found.xyxy[:, 0], xyxy[np.isin(conf, below) & (ids == class_id), 0]).any()


def model(tmp_path: Path, **changes: object) -> OnnxDetector:
    rows = [(32, 24, 16, 20, E_BIKE, 0.3), (20, 40, 8, 8, PERSON, 0.5)]
    path = write_model(tmp_path, make_head(rows, CLASSES, cells((64, 64))))
    return OnnxDetector(entry_for(path, **changes), tmp_path, intra_op_threads=1)


def test_the_detector_gives_calibrated_confidences(tmp_path: Path) -> None:
    white = np.full((64, 64, 3), 255, np.uint8)
    raw = model(tmp_path)
    assert not raw.is_calibrated
    assert raw.detect(white).class_id.tolist() == [PERSON, E_BIKE]
    tuned = model(tmp_path, calibration={"e_bike": [1, 2.5], "person": [2.0, 0.0]})
    found = tuned.detect(white)
    assert tuned.is_calibrated
    assert found.class_id.tolist() == [E_BIKE, PERSON]  # best first, by what the numbers mean now
    assert found.conf.tolist() == pytest.approx([float(sigmoid(logit(np.array(0.3)) + 2.5)), 0.5], abs=1e-4)
    assert len(tuned.detect(white, conf=0.6)) == 1
    assert len(tuned.detect(white, conf=0.9)) == 0


@pytest.mark.parametrize(
    "calibration", [{"e_bike": [0.1, 0]}, {"e_bike": [1]}, {"moped": [1, 0]}, {"e_bike": ["a", 0]}]
)
def test_lines_that_make_no_sense_are_refused(calibration: dict[str, object]) -> None:
    values = {
        "name": "x", "file": "x.onnx", "sha256": "0" * 64, "size_wh": [64, 64], "licence": "a", "origin": "b",
        "class_names": list(CLASS_NAMES), "operating_conf": {"e_bike": 0.3}, "calibration": calibration,
    }  # fmt: skip
    from models.manifest import ModelEntry

    with pytest.raises(ValidationError, match="calibration"):
        ModelEntry.model_validate(values)
