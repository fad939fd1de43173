"""An empty, still car as a camera shows it: one picture with noise, another each time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Final

import numpy as np

from vision.types import Image

NOISE: Final = 2.0  # grey levels (standard deviation): a ceiling camera by day, as `benchmarks.idle`
STILLS: Final = 16  # pictures, in turn


def stills(image: Image) -> Iterator[Image]:
    """The picture with camera noise, again and again."""
    rng = np.random.default_rng(0)
    return cycle(
        [np.clip(image + rng.normal(0, NOISE, image.shape), 0, 255).astype(np.uint8) for _ in range(STILLS)]
    )
