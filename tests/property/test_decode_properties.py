"""What must hold for every head, broken ones included."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from models.decode import decode, nms
from vision.geometry import box_iou, fit
from vision.types import CLASS_NAMES

_ANY_FLOAT = st.floats(width=32, allow_nan=True, allow_infinity=True)
_PIXEL = st.floats(-50, 400, width=32)
_SCORE = st.floats(0, 1, width=32)


def _heads(elements: st.SearchStrategy[float]) -> st.SearchStrategy[NDArray[np.float32]]:
    shapes = st.tuples(st.just(1), st.just(4 + len(CLASS_NAMES)), st.integers(0, 12))
    return hnp.arrays(np.float32, shapes, elements=elements)


@st.composite
def plausible_heads(draw: st.DrawFn) -> NDArray[np.float32]:
    columns = draw(st.integers(0, 12))
    boxes = draw(hnp.arrays(np.float32, (1, 4, columns), elements=_PIXEL))
    scores = draw(hnp.arrays(np.float32, (1, len(CLASS_NAMES), columns), elements=_SCORE))
    return np.concatenate((boxes, scores), axis=1)


_sides = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
_maps = hnp.arrays(np.int64, len(CLASS_NAMES), elements=st.integers(-1, len(CLASS_NAMES) - 1))


@given(st.one_of(_heads(_ANY_FLOAT), plausible_heads()), _sides, _maps, _SCORE)
def test_whatever_the_head_boxes_are_sound(
    head: NDArray[np.float32], source_wh: tuple[int, int], ids: NDArray[np.int64], conf: float
) -> None:
    found = decode(head, ids, fit(source_wh, (320, 320)), conf=conf, nms_iou=0.6)

    assert np.isfinite(found.xyxy).all()
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= np.array(source_wh * 2)).all()
    assert (found.xyxy[:, 2:] > found.xyxy[:, :2]).all()
    assert ((found.conf >= min(conf, 1)) & (found.conf <= 1)).all()
    assert (np.diff(found.conf) <= 0).all()
    assert np.isin(found.class_id, ids[ids >= 0]).all()


@given(plausible_heads(), st.integers(0, 11), st.sampled_from([np.nan, np.inf, -np.inf]), st.integers(0, 9))
def test_a_broken_cell_harms_no_other(
    head: NDArray[np.float32], column: int, poison: float, row: int
) -> None:
    assume(head.shape[2] > 0)
    column %= head.shape[2]
    without = np.delete(head, column, axis=2)
    broken = head.copy()
    broken[0, row, column] = poison
    if row >= 4 and poison < 0:  # a score of minus infinity is merely not the best class
        broken[0, :, column] = poison
    ids, fitted = np.arange(6, dtype=np.int64), fit((640, 480), (320, 320))

    ours = decode(broken, ids, fitted, conf=0.1, nms_iou=0.6)
    expected = decode(without, ids, fitted, conf=0.1, nms_iou=0.6)

    np.testing.assert_array_equal(ours.xyxy, expected.xyxy)
    np.testing.assert_array_equal(ours.conf, expected.conf)


@st.composite
def boxes_and_classes(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    n = draw(st.integers(0, 15))
    corners = draw(hnp.arrays(np.float32, (n, 2), elements=st.floats(0, 100, width=32)))
    sides = draw(hnp.arrays(np.float32, (n, 2), elements=st.floats(1, 60, width=32)))
    class_id = draw(hnp.arrays(np.int64, n, elements=st.integers(0, 5)))
    return np.concatenate((corners, corners + sides), axis=1), class_id


@given(boxes_and_classes(), st.floats(0.05, 0.95))
def test_nms_keeps_the_best_is_idempotent_and_leaves_no_overlap(
    found: tuple[NDArray[np.float32], NDArray[np.int64]], iou: float
) -> None:
    xyxy, class_id = found
    keep = nms(xyxy, class_id, iou)

    assert nms(xyxy[keep], class_id[keep], iou).all()
    for one in set(class_id.tolist()):
        mine = np.flatnonzero(class_id == one)
        assert keep[mine[0]], "the best of a class is never suppressed"
        left = xyxy[mine[keep[mine]]]
        overlaps = box_iou(left, left)
        assert (overlaps[~np.eye(len(left), dtype=np.bool_)] <= iou).all()
        gone = xyxy[mine[~keep[mine]]]
        assert (box_iou(gone, left).max(axis=1, initial=0) > iou).all(), "nothing goes without a reason"
