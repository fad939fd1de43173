"""The latency window holds the newest samples and gives exact percentiles of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.latency import LatencyWindow


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200))
def test_percentiles_are_those_of_the_newest_samples(samples: list[float]) -> None:
    window = LatencyWindow(window=50)
    for sample in samples:
        window.add({"infer": sample})
    (stage,) = window.quantiles()
    kept = np.array(samples[-50:]) * 1000
    assert stage.n == len(kept)
    assert stage.p50_ms == pytest.approx(float(np.percentile(kept, 50)))
    assert stage.p95_ms == pytest.approx(float(np.percentile(kept, 95)))
    assert stage.p50_ms <= stage.p95_ms <= stage.p99_ms


def test_stages_keep_their_order() -> None:
    window = LatencyWindow()
    window.add({"wait": 0.1, "gate": 0.2})
    window.add({"infer": 0.3, "wait": 0.1})
    assert [s.stage for s in window.quantiles()] == ["wait", "gate", "infer"]
