"""The raw head becomes the boxes that ultralytics itself makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.decode import MAX_CANDIDATES, decode, nms
from tests.support.tiny_onnx import cells, make_head
from vision.geometry import fit
from vision.types import BICYCLE, E_BIKE, PERSON

IDENTITY = np.arange(6, dtype=np.int64)
SQUARE = fit((640, 640), (64, 64))  # one letterbox pixel is ten source pixels


def test_golden_head_gives_what_ultralytics_gives() -> None:
    """Saved with ultralytics 8.4.190: `non_max_suppression(conf_thres=.25, iou_thres=.6)`, `scale_boxes`."""
    saved = np.load(Path(__file__).with_name("decode_golden.npz"))
    expected = saved["expected"]  # (30, 6): xyxy in a 1280 x 720 picture, conf, class

    found = decode(saved["head"], IDENTITY, fit((1280, 720), (96, 64)), conf=0.25, nms_iou=0.6)

    np.testing.assert_array_equal(found.class_id, expected[:, 5].astype(np.int64))
    np.testing.assert_allclose(found.conf, expected[:, 4], atol=1e-6)
    np.testing.assert_allclose(found.xyxy, expected[:, :4], atol=0.01)


def test_a_confident_car_is_not_a_weak_e_bike() -> None:
    head = make_head([(32, 32, 16, 16, 0, 0.9)], 2, cells((64, 64)))  # classes: car, motorcycle
    head[0, 5, 0] = 0.5
    ids = np.array([-1, E_BIKE], np.int64)

    assert len(decode(head, ids, SQUARE, conf=0.1, nms_iou=0.6)) == 0


def test_model_classes_become_canonical_ones() -> None:
    head = make_head([(10, 10, 8, 8, 0, 0.7), (40, 40, 8, 8, 1, 0.8)], 2, cells((64, 64)))
    found = decode(head, np.array([PERSON, E_BIKE], np.int64), SQUARE, conf=0.1, nms_iou=0.6)

    assert found.class_id.tolist() == [E_BIKE, PERSON]
    np.testing.assert_allclose(found.xyxy, [[360, 360, 440, 440], [60, 60, 140, 140]])


def test_the_threshold_itself_passes() -> None:
    head = make_head([(10, 10, 8, 8, 0, 0.25), (40, 40, 8, 8, 0, 0.2499)], 6, cells((64, 64)))

    assert decode(head, IDENTITY, SQUARE, conf=0.25, nms_iou=0.6).conf.tolist() == [0.25]


@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_box_that_is_no_box_is_left_out_however_sure(row: int, value: float) -> None:
    head = make_head([(10, 10, 8, 8, 0, 0.9), (40, 40, 8, 8, 0, 0.8)], 6, cells((64, 64)))
    head[0, row, 0] = value

    np.testing.assert_allclose(decode(head, IDENTITY, SQUARE, conf=0.1, nms_iou=0.6).conf, [0.8])


def test_a_box_at_the_end_of_float32_is_cut_to_the_picture() -> None:
    head = make_head([(-3e38, 3e38, 3e38, 3e38, 0, 0.9), (32, 32, 3e38, 3e38, 0, 0.8)], 6, cells((64, 64)))
    found = decode(head, IDENTITY, SQUARE, conf=0.1, nms_iou=0.6)

    np.testing.assert_array_equal(found.xyxy[-1], [0, 0, 640, 640])


def test_equally_sure_boxes_keep_the_order_of_the_head() -> None:
    rows = [(4 * i % 60, 2 + 4 * (4 * i // 60), 2, 2, 0, 0.5) for i in range(40)]
    found = decode(make_head(rows, 6, cells((64, 64))), IDENTITY, SQUARE, conf=0.1, nms_iou=0.6)
    order = [(row[0] - 1) * 10 for row in rows]

    np.testing.assert_allclose(found.xyxy[:, 0], np.maximum(order, 0))


def test_overlap_suppresses_within_a_class_only() -> None:
    box = (32, 32, 20, 20)
    rows = [(*box, E_BIKE, 0.9), (*box, E_BIKE, 0.8), (*box, BICYCLE, 0.7)]
    found = decode(make_head(rows, 6, cells((64, 64))), IDENTITY, SQUARE, conf=0.1, nms_iou=0.6)

    assert found.class_id.tolist() == [E_BIKE, BICYCLE]
    np.testing.assert_allclose(found.conf, [0.9, 0.7], rtol=1e-6)


def test_overlap_equal_to_the_limit_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]], np.float32)  # IoU exactly 0.5
    ids = np.zeros(2, np.int64)

    assert nms(boxes, ids, 0.5).tolist() == [True, True]
    assert nms(boxes, ids, 0.49).tolist() == [True, False]


def test_a_box_in_the_padding_is_left_out_and_one_across_it_is_cut() -> None:
    wide = fit((640, 320), (64, 64))  # 16 rows of padding above and below
    rows = [(32, 6, 10, 10, E_BIKE, 0.9), (32, 16, 10, 10, E_BIKE, 0.8)]
    found = decode(make_head(rows, 6, cells((64, 64))), IDENTITY, wide, conf=0.1, nms_iou=0.6)

    np.testing.assert_allclose(found.xyxy, [[270, 0, 370, 50]])


def test_a_head_full_of_boxes_is_bounded() -> None:
    size = (320, 320)
    columns = cells(size)
    head = np.zeros((1, 10, columns), np.float32)
    head[0, 0], head[0, 1] = np.arange(columns) % 64 * 5, np.arange(columns) // 64 * 5
    head[0, 2:4], head[0, 4] = 2, np.linspace(0.99, 0.5, columns)

    found = decode(head, IDENTITY, fit(size, size), conf=0.1, nms_iou=0.6)

    assert columns > len(found)
    assert len(found) <= MAX_CANDIDATES
    assert found.conf[0] == pytest.approx(0.99)


@pytest.mark.parametrize("shape", [(1, 84, 84), (1, 84, 10), (10, 84), (2, 10, 84), (1, 300, 6)])
def test_another_head_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(1, 10, N\).*" + str(shape[-1])):
        decode(np.zeros(shape, np.float32), IDENTITY, SQUARE, conf=0.1, nms_iou=0.6)
