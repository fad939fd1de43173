"""Contact sheets: every picture is there, whole, and its caption below it."""

import numpy as np
import pytest

from datasets.tiles import GROUND, LINE_PX, sheet, tile

WHITE = np.full((180, 240, 3), 255, np.uint8)


@pytest.mark.parametrize("shape", [(10, 400, 3), (400, 10, 3), (3, 3, 3), (180, 240, 3)])
def test_a_picture_of_any_shape_fits_its_tile(shape: tuple[int, int, int]) -> None:
    made = tile(np.full(shape, 255, np.uint8), (80, 60))
    assert made.shape == (60, 80, 3)
    ys, xs = np.nonzero((made == 255).all(axis=2))
    scale = min(76 / shape[1], 56 / shape[0])
    assert abs(xs.max() + 1 - shape[1] * scale) <= 1
    assert abs(ys.max() + 1 - shape[0] * scale) <= 1


def test_a_caption_stands_below_the_picture() -> None:
    plain, named = tile(WHITE, (80, 90)), tile(WHITE, (80, 90), "7")
    assert (plain[-LINE_PX:] == GROUND).all()
    assert (named[-LINE_PX:] > GROUND).any()


def test_the_last_row_is_filled_up_and_no_tiles_are_no_error() -> None:
    shown = sheet((tile(WHITE, (80, 80)) for _ in range(3)), 2)
    assert shown.shape == (160, 160, 3)
    light = (shown == 255).all(axis=2)
    seen = [bool(light[y : y + 80, x : x + 80].any()) for y in (0, 80) for x in (0, 80)]
    assert seen == [True] * 3 + [False]
    assert sheet([], 4).shape == (1, 1, 3)
