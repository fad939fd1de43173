"""Latency per stage over the last samples: bounded memory, exact percentiles of what it holds."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

WINDOW: Final = 1000  # samples per stage: 100 s at 10 frames/s, so p99 rests on ten samples


@dataclass(frozen=True, slots=True)
class StageQuantiles:
    """Percentiles of one stage, milliseconds."""

    stage: str
    n: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class LatencyWindow:
    """The newest `WINDOW` samples per stage. Safe to use from several threads."""

    def __init__(self, window: int = WINDOW) -> None:
        self._lock = threading.Lock()
        self._samples: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=window))

    def add(self, stages_s: Mapping[str, float]) -> None:
        """Add one sample (seconds) per stage named."""
        with self._lock:
            for stage, seconds in stages_s.items():
                self._samples[stage].append(seconds)

    def quantiles(self) -> tuple[StageQuantiles, ...]:
        """p50, p95 and p99 of each stage in the order in which stages first came."""
        with self._lock:
            copies = {stage: np.array(samples) for stage, samples in self._samples.items()}
        found = []
        for stage, samples in copies.items():
            p50, p95, p99 = np.percentile(samples, (50, 95, 99)) * 1000
            found.append(StageQuantiles(stage, len(samples), float(p50), float(p95), float(p99)))
        return tuple(found)
