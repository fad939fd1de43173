"""How sure the figures are: folds and paired differences, on scores made up here."""

from __future__ import annotations

import numpy as np
import pytest

from models.folds import against, folded, order
from models.threshold import Scored
from vision.errors import ConfigError


def scores(e_bikes: list[float], people: list[float]) -> list[Scored]:
    """Pictures with an e-bike, then pictures of people."""
    return [Scored("e_bike", s) for s in e_bikes] + [Scored("person only", s) for s in people]


def test_well_parted_scores_are_called_right_at_any_fold() -> None:
    out = folded(scores([0.9] * 20, [0.1] * 20))
    assert out.shares == {"e_bike": 1.0, "person only": 0.0}
    assert out.conf_low == out.conf_high == 0.35


def test_a_picture_is_not_judged_by_the_threshold_it_chose() -> None:
    """Two sure false holds drive the threshold up only in folds that see both of them."""
    people = [0.1] * 8 + [0.62, 0.62]
    sure = folded(scores([0.9] * 20, people), folds=5, repeats=10)
    assert sure.conf_high == 0.63
    assert sure.conf_low == 0.35
    assert 0.0 < sure.shares["person only"] <= 0.2
    assert folded(scores([0.9] * 20, people), folds=5, repeats=10) == sure


def test_folds_need_e_bikes() -> None:
    with pytest.raises(ConfigError, match="need e-bikes"):
        folded(scores([], [0.1] * 20))


def test_order_counts_ties_half() -> None:
    assert order(np.array([0.5, 0.9]), np.array([0.5, 0.1])) == pytest.approx(0.875)


def test_two_equal_models_do_not_differ_and_a_better_one_does() -> None:
    worse = scores([0.2] * 10 + [0.9] * 10, [0.1] * 30)
    better = scores([0.8] * 10 + [0.9] * 10, [0.1] * 30)
    same = against(worse, worse, (0.4, 0.4), resamples=200)
    assert all((s.value, s.low, s.high) == (0.0, 0.0, 0.0) for s in same.values())
    gain = against(better, worse, (0.4, 0.4), resamples=200)["recall"]
    assert gain.value == pytest.approx(0.5)
    assert 0.2 < gain.low < 0.5 < gain.high < 0.8


def test_models_must_have_seen_the_same_pictures() -> None:
    with pytest.raises(ConfigError, match="do not match"):
        against(scores([0.9], [0.1]), scores([0.9, 0.9], [0.1]), (0.4, 0.4))
