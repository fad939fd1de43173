"""Near-duplicate pictures, so that no held-out picture has a twin among the training pictures.

Difference hash: the picture in 9 x 8 grey cells, one bit per neighbouring pair (N. Krawetz, "Kind of like
that", 2013).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.types import Image

NEAR_BITS = 6
"""Hashes at most this far apart (of 64 bits) count as the same picture. Ours."""


def difference_hash(image: Image) -> NDArray[np.bool_]:
    """(64,) bits that survive scaling, recompression and brightness."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.asarray(small[:, 1:] > small[:, :-1], np.bool_).reshape(-1)


def has_twin(bits: NDArray[np.bool_], others: Sequence[NDArray[np.bool_]]) -> bool:
    """Whether any of ``others`` is a near-duplicate."""
    if not others:
        return False
    distance = (np.stack(others) != bits).sum(axis=1)
    return bool(distance.min() <= NEAR_BITS)
