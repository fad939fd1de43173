"""Where the posters benchmark hangs its boards, and how it sums up what came of them."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from benchmarks.day_pieces import Material
from benchmarks.posters import Outcome, Remembering, figures, hung, main
from datasets.shapes import Cutout
from models.detector import OnnxDetector
from vision.types import E_BIKE, Detections, Image


def test_a_board_is_a_part_of_the_picture_and_shows_the_vehicle() -> None:
    red = np.zeros((60, 90, 3), np.uint8)
    red[:, :, 2] = 250
    bike = Cutout(red, np.full((60, 90), 255, np.uint8), E_BIKE, "made")
    cabin = np.full((300, 400, 3), 140, np.uint8)
    for seed in range(30):
        board = hung(cabin, Material({"e_bike": [bike]}, [], {}), np.random.default_rng(seed))
        other = (board != cabin).any(axis=2)
        assert board.shape == cabin.shape
        assert 0.01 < other.mean() < 0.35
        assert ((board[:, :, 2] > 200) & (board[:, :, 1] < 60)).sum() > 0.2 * other.sum()


class Counting:
    """Notes what it is shown, and which way round."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, str]] = []

    def detect(self, image: Image) -> Detections:
        self.shown.append((int(image[0, 0, 0]), "plain"))
        return Detections.empty()

    def detect_mirrored(self, image: Image) -> Detections:
        self.shown.append((int(image[0, 0, 0]), "mirrored"))
        return Detections.empty()


def test_each_picture_is_looked_at_once_each_way_round() -> None:
    images = [np.full((4, 4, 3), n, np.uint8) for n in range(4)]
    counting = Counting()
    eyes = Remembering(cast("OnnxDetector", counting), images[:2])
    assert sorted(counting.shown) == [(n, side) for n in (0, 1) for side in ("mirrored", "plain")]
    counting.shown.clear()
    for n in (0, 1, 0, 2, 2, 3, 2):
        eyes.detect(images[n])
    for n in (0, 3, 3):
        eyes.detect_mirrored(images[n])
    assert counting.shown == [(2, "plain"), (3, "plain"), (2, "plain"), (3, "mirrored")]


def test_scenes_are_added_up() -> None:
    found = figures(
        [
            Outcome(1, 0, 2, 110.0, 1.0, 610.0, [True, True]),
            Outcome(2, 3, 0, 90.0, 50.0, None, [True, False]),
        ]
    )
    assert (found["held_early"], found["held_later"], found["pre_held_later"]) == (3, 3, 2)
    assert (found["closed_early_s"], found["closed_later_s"]) == (200, 51)
    assert found["e_bikes"] == {"n": 4, "held": 0.75}


def test_too_short_a_time_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["posters", "--minutes", "10"])
    with pytest.raises(SystemExit):
        main()
    assert "use more than 15" in capsys.readouterr().err
