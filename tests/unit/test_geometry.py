"""Boxes, and how a picture fits into another: known values."""

import numpy as np
import pytest

from vision.geometry import (
    area,
    as_boxes,
    box_iou,
    fit,
    pair_iou,
)


def test_iou_known_values() -> None:
    a = [(0, 0, 10, 10), (5, 0, 15, 10), (20, 20, 30, 30), (3, 3, 3, 9)]
    iou = box_iou(a, a[:3])
    assert iou.shape == (4, 3)
    expected = np.array([[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]], np.float32)
    np.testing.assert_allclose(iou[:3], expected, atol=1e-6)
    assert not iou[3].any()  # a box without area overlaps nothing


def test_pair_iou_agrees_with_box_iou() -> None:
    boxes = [(0, 0, 10, 10), (5, 0, 15, 10), (20, 20, 30, 30), (3, 3, 3, 9), (10, 0, 20, 10), (2, 2, 4, 5)]
    for a in boxes:
        for b in boxes:
            assert pair_iou(a, b) == pytest.approx(float(box_iou(a, b)[0, 0]), abs=1e-6)


def test_iou_of_nothing() -> None:
    assert box_iou([], [(0, 0, 1, 1)]).shape == (0, 1)
    assert box_iou([(0, 0, 1, 1)], np.zeros((0, 4))).shape == (1, 0)


def test_area() -> None:
    assert area(as_boxes((-5, 2, 15, 12))).tolist() == [200]
    assert area(as_boxes((9, 9, 3, 3))).tolist() == [0]


@pytest.mark.parametrize("bad", [[1, 2, 3], [[1, 2], [3, 4]]])
def test_boxes_come_in_fours(bad: list[object]) -> None:
    with pytest.raises(ValueError, match=r"\(N, 4\)"):
        as_boxes(bad)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("source_wh", "size_wh", "inner_wh", "left", "top"),
    [
        ((1280, 720), (640, 640), (640, 360), 0, 140),
        ((720, 1280), (640, 640), (360, 640), 140, 0),
        ((640, 427), (640, 640), (640, 427), 0, 106),  # odd spare pixel: 106 above, 107 below
        ((320, 240), (640, 640), (640, 480), 0, 80),  # scales up
        ((1, 4000), (640, 640), (1, 640), 319, 0),  # never less than one pixel wide
    ],
)
def test_fit_like_ultralytics(
    source_wh: tuple[int, int], size_wh: tuple[int, int], inner_wh: tuple[int, int], left: int, top: int
) -> None:
    fitted = fit(source_wh, size_wh)
    assert (fitted.inner_wh, fitted.left_px, fitted.top_px) == (inner_wh, left, top)


def test_boxes_come_back_from_the_letterbox_cut_to_the_picture() -> None:
    box = as_boxes((-9, 16, 64, 48))
    np.testing.assert_allclose(fit((100, 50), (64, 64)).to_picture(box), [[0, 0, 100, 50]])
