"""Recall that one picture cannot move far: the mean over a range of false-hold shares, and pairs of models.

At one share of false holds a single picture sets the threshold, and a change of 0.05 in recall may be that
picture's. The mean over all thresholds between two shares (a part of the ROC curve's area: McClish, Medical
Decision Making 9, 1989) rests on many. Two configurations look at the same pictures, so they are resampled
together: what is hard for both is no difference between them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.folds import RESAMPLES, Span

Scores = NDArray[np.float64]
"""(n,) best e_bike confidence of each picture, 0 without any."""

FALSE_RANGE: Final = (0.01, 0.05)
"""Shares of pictures without an e-bike that may be called one, around what is shipped (.02 on validation
pictures); of some 300 such pictures less than .01 are two or three, which is chance."""


def steady_recall(positive: Scores, negative: Scores, shares: tuple[float, float] = FALSE_RANGE) -> float:
    """Mean recall over every threshold that lets between ``shares`` of the negatives through.

    Raises: ValueError if either is empty.
    """
    if not len(positive) or not len(negative):
        raise ValueError(f"need pictures of both kinds; got {len(positive)} with and {len(negative)} without")
    false = np.sort(negative)[::-1]
    first, last = (min(int(share * len(false)), len(false) - 1) for share in shares)
    return float((positive[:, None] > false[first : last + 1]).mean())


def steady_spans(
    found: dict[str, tuple[Scores, Scores]], reference: str, resamples: int = RESAMPLES, seed: int = 7
) -> dict[str, tuple[Span, Span]]:
    """Per configuration its `steady_recall`, and by how much it exceeds the reference's, with 95 % intervals.

    Args: ``found``: scores with and without an e-bike by configuration, the same pictures in the same order.
    Raises: ValueError if they are not as many everywhere.
    """
    sizes = {(len(yes), len(no)) for yes, no in found.values()}
    if len(sizes) != 1:
        raise ValueError(f"all configurations must look at the same pictures; got {sorted(sizes)} of them")
    rng = np.random.default_rng(seed)
    ((positives, negatives),) = sizes
    draws = [
        (rng.integers(positives, size=positives), rng.integers(negatives, size=negatives))
        for _ in range(resamples)
    ]
    drawn = {
        name: np.array([steady_recall(yes[y], no[n]) for y, n in draws]) for name, (yes, no) in found.items()
    }
    whole = {name: steady_recall(*scores) for name, scores in found.items()}
    return {
        name: (
            Span.of(whole[name], drawn[name]),
            Span.of(whole[name] - whole[reference], drawn[name] - drawn[reference]),
        )
        for name in found
    }
