"""Boxes through cuts, warps and the YOLO text format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.boxes import Box, cut_boxes, overlap_share, read_yolo, warp_boxes, yolo_text


def boxes(limit: float = 100.0) -> st.SearchStrategy[Box]:
    """Boxes of at least 5 px inside a square picture."""
    start = st.floats(0, limit - 6)
    side = st.floats(5, limit)
    return st.builds(
        lambda c, x, y, w, h: Box(c, x, y, min(limit, x + w), min(limit, y + h)),
        st.integers(0, 5),
        start,
        start,
        side,
        side,
    )


@given(boxes())
def test_cutting_by_the_whole_picture_changes_nothing(box: Box) -> None:
    assert cut_boxes([box], (0, 0, 100, 100)) == (box,)


@given(boxes(), st.floats(0, 90), st.floats(0, 90))
def test_a_cut_box_lies_inside_the_frame(box: Box, x: float, y: float) -> None:
    for cut in cut_boxes([box], (x, y, x + 50, y + 50), min_share=0.0):
        assert 0 <= cut.x1 < cut.x2 <= 50 + 1e-9
        assert 0 <= cut.y1 < cut.y2 <= 50 + 1e-9


def test_what_is_mostly_cut_away_loses_its_label() -> None:
    box = Box(0, 0, 0, 100, 10)
    assert cut_boxes([box], (80, 0, 200, 10)) == ()
    assert cut_boxes([box], (50, 0, 200, 10)) == (Box(0, 0, 0, 50, 10),)


def test_slivers_are_dropped_even_if_nothing_was_cut() -> None:
    assert cut_boxes([Box(0, 0, 0, 3, 50)], (0, 0, 100, 100)) == ()


@given(boxes())
def test_the_identity_warp_keeps_boxes(box: Box) -> None:
    (warped,) = warp_boxes([box], np.eye(3), (100, 100))
    assert (warped.x1, warped.y1, warped.x2, warped.y2) == pytest.approx(
        (box.x1, box.y1, box.x2, box.y2), abs=1e-6
    )


def test_mirroring_moves_a_box_to_the_other_side() -> None:
    mirror = np.array([[-1.0, 0, 100], [0, 1, 0], [0, 0, 1]])
    (warped,) = warp_boxes([Box(3, 10, 20, 30, 60)], mirror, (100, 100))
    assert (warped.class_id, warped.x1, warped.x2) == pytest.approx((3, 70, 90))


def test_a_turned_box_is_smaller_than_the_hull_of_its_corners() -> None:
    c = np.sqrt(0.5)
    turn = np.array([[1, 0, 50], [0, 1, 50], [0, 0, 1.0]]) @ np.array([[c, -c, 0], [c, c, 0], [0, 0, 1.0]])
    (warped,) = warp_boxes([Box(0, -20, -20, 20, 20)], turn, (200, 200))
    assert 40 <= warped.x2 - warped.x1 < 40 * np.sqrt(2)


@given(st.lists(boxes(), max_size=4))
def test_yolo_text_comes_back(tmp_path_factory: pytest.TempPathFactory, given_boxes: list[Box]) -> None:
    path = tmp_path_factory.mktemp("yolo") / "a.txt"
    path.write_text(yolo_text(given_boxes, (100, 100)))
    back = read_yolo(path, (100, 100))
    assert [b.class_id for b in back] == [b.class_id for b in given_boxes]
    for one, two in zip(back, given_boxes, strict=True):
        assert (one.x1, one.y1, one.x2, one.y2) == pytest.approx((two.x1, two.y1, two.x2, two.y2), abs=0.01)


def test_no_label_file_means_no_objects(tmp_path: Path) -> None:
    assert read_yolo(tmp_path / "none.txt", (10, 10)) == ()


@pytest.mark.parametrize("text", ["0 0.5 0.5 0.1", "9 0.5 0.5 0.1 0.1", "-1 0.5 0.5 0.1 0.1"])
def test_malformed_labels_name_file_and_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(f"0 0.5 0.5 0.2 0.2\n{text}\n")
    with pytest.raises(ValueError, match=r"bad\.txt:2"):
        read_yolo(path, (10, 10))


def test_overlap_share_is_of_the_inner_box() -> None:
    assert overlap_share(Box(0, 0, 0, 10, 10), Box(0, 5, 0, 100, 100)) == pytest.approx(0.5)
    assert overlap_share(Box(0, 0, 0, 0, 10), Box(0, 0, 0, 10, 10)) == 0.0
