"""A border through one object: what is left of it, and of what stands beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.boxes import Box, Sample
from datasets.cut_off import LEAST_SIDE, LEFT_SHARE, cut_off
from vision.types import E_BIKE, PERSON

BIKE = Box(E_BIKE, 150, 100, 250, 200)


def photo(*boxes: Box) -> Sample:
    """400 x 300, blue where the first box is."""
    image = np.full((300, 400, 3), 128, np.uint8)
    box = boxes[0]
    image[round(box.y1) : round(box.y2), round(box.x1) : round(box.x2)] = (255, 0, 0)
    return Sample(image, boxes, "photo", "drawn/photo")


@pytest.mark.parametrize("seed", range(40))
def test_one_border_goes_through_the_object_and_its_label_says_what_is_left(seed: int) -> None:
    made = cut_off(photo(BIKE), BIKE, np.random.default_rng(seed), "cut")
    (left,) = made.boxes
    h, w = made.image.shape[:2]
    assert w >= LEAST_SIDE * 400 - 1
    assert h >= LEAST_SIDE * 300 - 1
    assert sum((left.x1 <= 0, left.y1 <= 0, left.x2 >= w, left.y2 >= h)) == 1
    assert LEFT_SHARE[0] - 0.01 <= left.area / BIKE.area <= LEFT_SHARE[1] + 0.01
    inside = made.image[round(left.y1) : round(left.y2), round(left.x1) : round(left.x2)]
    assert (inside == (255, 0, 0)).all()
    assert (made.name, made.source) == ("cut", "drawn/photo")


def test_every_border_is_taken_in_turn() -> None:
    sides = set()
    for seed in range(60):
        made = cut_off(photo(BIKE), BIKE, np.random.default_rng(seed), "cut")
        left, (h, w) = made.boxes[0], made.image.shape[:2]
        sides.add((left.x1 <= 0, left.y1 <= 0, left.x2 >= w, left.y2 >= h))
    assert len(sides) == 4


def test_who_is_left_out_loses_his_label() -> None:
    person = Box(PERSON, 0, 0, 30, 300)
    made = [cut_off(photo(BIKE, person), BIKE, np.random.default_rng(s), "cut") for s in range(60)]
    kept = [one for one in made if any(b.class_id == PERSON for b in one.boxes)]
    assert 0 < len(kept) < 60


@given(
    corners=st.tuples(*(st.floats(-50, 450) for _ in range(4))),
    seed=st.integers(0, 99),
)
def test_no_cut_is_a_strip_or_outside(corners: tuple[float, float, float, float], seed: int) -> None:
    x1, x2 = sorted(corners[:2])
    y1, y2 = sorted(corners[2:])
    box = Box(E_BIKE, min(x1, 390), min(y1, 290), max(x2, 10), max(y2, 10))
    made = cut_off(photo(BIKE), box, np.random.default_rng(seed), "cut")
    h, w = made.image.shape[:2]
    assert LEAST_SIDE * 400 - 1 <= w <= 400
    assert LEAST_SIDE * 300 - 1 <= h <= 300
