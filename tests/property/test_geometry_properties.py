"""What always holds for boxes and the letterbox."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from vision.geometry import area, as_boxes, box_iou, fit, trimmed

coordinate = st.floats(-2000, 6000, allow_nan=False, width=32)
boxes = st.lists(st.tuples(coordinate, coordinate, coordinate, coordinate), max_size=6)
side = st.integers(1, 4096)


@given(boxes, boxes)
def test_iou_is_symmetric_and_in_range(a: list[tuple[float, ...]], b: list[tuple[float, ...]]) -> None:
    iou = box_iou(a, b)
    assert iou.shape == (len(a), len(b))
    assert ((iou >= 0) & (iou <= 1)).all()
    np.testing.assert_array_equal(iou, box_iou(b, a).T)


@given(boxes)
def test_iou_with_itself_is_one_where_there_is_area(a: list[tuple[float, ...]]) -> None:
    own = np.diag(box_iou(a, a))
    np.testing.assert_allclose(own[area(as_boxes(a)) > 1], 1, atol=1e-6)


@given(boxes, side, side)
def test_boxes_cut_to_the_picture_lie_inside(a: list[tuple[float, ...]], w: int, h: int) -> None:
    given = as_boxes(a)
    before = given.copy()
    cut = fit((w, h), (416, 416)).to_picture(given)
    assert ((cut >= 0) & (cut <= (w, h, w, h))).all()
    np.testing.assert_array_equal(given, before)


@given(side, side, st.integers(32, 1280), st.integers(32, 1280), st.tuples(*[st.floats(0, 1)] * 4))
def test_a_box_goes_into_the_letterbox_and_back(
    w: int, h: int, to_w: int, to_h: int, at: tuple[float, ...]
) -> None:
    box = np.array([[at[0] * w, at[1] * h, at[2] * w, at[3] * h]], np.float32)
    fitted = fit((w, h), (to_w, to_h))
    there = fitted.to_letterbox(box)
    assert ((there >= -0.01) & (there <= (to_w + 0.01, to_h + 0.01) * 2)).all()
    np.testing.assert_allclose(fitted.to_picture(there), box, atol=1)


@given(side, side, st.integers(32, 1280), st.integers(32, 1280))
def test_letterbox_keeps_the_aspect_ratio_within_a_pixel(w: int, h: int, to_w: int, to_h: int) -> None:
    fitted = fit((w, h), (to_w, to_h))
    scale = min(to_w / w, to_h / h)
    assert abs(fitted.inner_wh[0] - w * scale) <= 1
    assert abs(fitted.inner_wh[1] - h * scale) <= 1
    assert fitted.left_px + fitted.inner_wh[0] <= to_w
    assert fitted.top_px + fitted.inner_wh[1] <= to_h


@given(side, side, st.integers(1, 20), st.integers(1, 20))
@example(11, 73, 4, 20)
def test_trimming_takes_grey_only(w: int, h: int, columns: int, rows: int) -> None:
    """The picture is as large as before, within a pixel, and less than a stride of grey is left per axis."""
    size_wh = (32 * columns, 32 * rows)
    small = trimmed((w, h), size_wh, 32)
    before, after = fit((w, h), size_wh), fit((w, h), small)
    assert all(side % 32 == 0 and side <= full for side, full in zip(small, size_wh, strict=True))
    assert all(abs(a - b) <= 1 for a, b in zip(after.inner_wh, before.inner_wh, strict=True))
    assert all(side - inner < 33 for side, inner in zip(small, after.inner_wh, strict=True))


@given(side, side, st.integers(1, 20), st.integers(1, 20), st.floats(0, 0.2))
@example(1920, 1080, 11, 11, 0.04)
def test_slack_saves_strides_and_costs_no_more_than_it_may(
    w: int, h: int, columns: int, rows: int, slack: float
) -> None:
    """Never a larger input than without slack, and a picture smaller by no more than the slack."""
    size_wh = (32 * columns, 32 * rows)
    small, plain = trimmed((w, h), size_wh, 32, slack), trimmed((w, h), size_wh, 32)
    before, after = fit((w, h), size_wh), fit((w, h), small)
    assert all(side % 32 == 0 and side <= full for side, full in zip(small, plain, strict=True))
    assert all(
        a >= b * (1 - slack) - 1.001 and a <= b + 1
        for a, b in zip(after.inner_wh, before.inner_wh, strict=True)
    )


def test_a_wide_camera_saves_a_stride_by_getting_three_percent_smaller() -> None:
    assert trimmed((1920, 1080), (352, 352), 32) == (352, 224)
    assert trimmed((1920, 1080), (352, 352), 32, 0.04) == (352, 192)
    assert fit((1920, 1080), (352, 192)).inner_wh == (341, 192)
