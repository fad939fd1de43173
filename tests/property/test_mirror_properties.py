"""The mirror image of detections: what holds for any boxes in any picture."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vision.types import Detections

WIDTHS = st.integers(1, 8000)


@given(
    WIDTHS,
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), max_size=9),
)
def test_mirrored_boxes_stay_in_the_picture_and_come_back(
    width: int, shares: list[tuple[float, float, float, float]]
) -> None:
    boxes = np.array(shares, np.float32).reshape(-1, 4)
    xyxy = np.concatenate(
        (np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])), axis=1
    )
    xyxy *= np.array([width, 1000, width, 1000], np.float32)
    n = len(xyxy)
    found = Detections(xyxy, np.linspace(1, 0, n, dtype=np.float32), np.arange(n) % 6)
    turned = found.mirrored(width)

    assert turned.xyxy.dtype == np.float32
    assert (turned.xyxy[:, 2] >= turned.xyxy[:, 0]).all()
    assert ((turned.xyxy[:, ::2] >= 0) & (turned.xyxy[:, ::2] <= width)).all()
    np.testing.assert_allclose(
        turned.xyxy[:, 2] - turned.xyxy[:, 0], xyxy[:, 2] - xyxy[:, 0], atol=width * 1e-6
    )
    np.testing.assert_array_equal(turned.xyxy[:, 1::2], xyxy[:, 1::2])
    np.testing.assert_allclose(turned.mirrored(width).xyxy, xyxy, atol=width * 1e-6)
    np.testing.assert_array_equal(turned.conf, found.conf)
    np.testing.assert_array_equal(turned.class_id, found.class_id)
