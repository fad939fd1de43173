"""Drawing one of several at random, each as likely as the others or by shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def one_of(these: Sequence[T], rng: np.random.Generator) -> T:
    """One of them, each as likely as the others. Raises: ValueError if there is none."""
    return these[int(rng.integers(len(these)))]


def by_share(
    makers: Mapping[str, Callable[[], T | None]], shares: Mapping[str, float], rng: np.random.Generator
) -> Iterator[tuple[str, T]]:
    """What these makers make, by kind and without end, in these shares of the tries; none without a maker."""
    kinds = list(makers)
    weights = np.array([shares[kind] for kind in kinds])
    while kinds:
        kind = str(rng.choice(kinds, p=weights / weights.sum()))
        made = makers[kind]()
        if made is not None:
            yield kind, made
