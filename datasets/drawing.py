"""Drawing one of several at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def one_of(these: Sequence[T], rng: np.random.Generator) -> T:
    """One of them, each as likely as the others. Raises: ValueError if there is none."""
    return these[int(rng.integers(len(these)))]
