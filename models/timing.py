"""How long detectors take on the same pictures, in turn: where others work too, ratios outlast times."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vision.types import Detector, Image


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds per picture, all stages, and how that compares with the first detector of the race."""

    pictures: int
    fastest_ms: float  # nearest to a quiet machine
    median_ms: float
    p95_ms: float
    ratio: float  # median over pictures of this time / the first detector's time on the same picture


def race(
    detectors: Mapping[str, Detector],
    pictures: Sequence[Image],
    rounds: int,
    *,
    warm_up: int = 3,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Timing]:
    """Every detector looks at every picture, one after the other, ``rounds`` times."""
    took_ms: dict[str, list[float]] = {name: [] for name in detectors}
    for detector in detectors.values():
        for _ in range(warm_up):
            detector.detect(pictures[0])
    for number in range(rounds):
        image = pictures[number % len(pictures)]
        for name, detector in detectors.items():
            started_s = clock()
            detector.detect(image)
            took_ms[name].append((clock() - started_s) * 1000)
        if progress is not None:
            progress("timing", number + 1, rounds)
    first = np.array(next(iter(took_ms.values())))
    out: dict[str, Timing] = {}
    for name, values in took_ms.items():
        ms = np.array(values)
        fastest, median, p95 = (round(float(v), 2) for v in (ms.min(), np.median(ms), np.percentile(ms, 95)))
        out[name] = Timing(len(ms), fastest, median, p95, round(float(np.median(ms / first)), 3))
    return out
