"""Recall over a range of false-hold shares, and what chance does to it."""

from __future__ import annotations

import numpy as np
import pytest

from models.steady import steady_recall, steady_spans

NEGATIVE = np.linspace(0, 1, 100, endpoint=False)  # .99, .98, ... from the top


def test_the_mean_over_thresholds_by_hand() -> None:
    """One to five of a hundred may be called: thresholds .98, .97, .96, .95 and .94."""
    positive = np.array([0.985, 0.965, 0.1])
    by_hand = np.mean([1, 1, 2, 2, 2]) / 3
    assert steady_recall(positive, NEGATIVE) == pytest.approx(by_hand)


def test_one_picture_moves_it_less_than_the_recall_at_one_threshold() -> None:
    rng = np.random.default_rng(1)
    positive = rng.uniform(0.9, 1, 200)
    worse = np.append(NEGATIVE[:-3], [0.999, 0.998, 0.9985])
    at_two = [float((positive > np.sort(no)[::-1][2]).mean()) for no in (NEGATIVE, worse)]
    steady = [steady_recall(positive, no) for no in (NEGATIVE, worse)]
    assert at_two[0] - at_two[1] > 2 * (steady[0] - steady[1]) > 0


def test_a_configuration_against_itself_and_against_a_better_one() -> None:
    rng = np.random.default_rng(2)
    positive, negative = rng.beta(5, 2, 100), rng.beta(1, 8, 300)
    spans = steady_spans(
        {"own": (positive, negative), "twin": (positive, negative), "worse": (positive * 0.5, negative)},
        "own",
        200,
    )
    assert spans["twin"][1].low == spans["twin"][1].value == spans["twin"][1].high == 0
    assert spans["worse"][1].high < 0
    own = spans["own"][0]
    assert own.low < own.value < own.high
    assert own.value == steady_recall(positive, negative)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="both kinds"):
        steady_recall(np.array([]), NEGATIVE)
    with pytest.raises(ValueError, match="same pictures"):
        steady_spans({"a": (NEGATIVE, NEGATIVE), "b": (NEGATIVE[:5], NEGATIVE)}, "a")
