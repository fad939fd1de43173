"""How many looks at each training picture go into a set, and what they look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from datasets.boxes import Sample
from datasets.composite import Rng, distant, quarter_turned, view
from datasets.faults import recorded
from datasets.stock import CEILING, has_class
from vision.types import E_BIKE

VIEWS: Mapping[str, float] = {
    "emoped": 1.5, "ebike_pedal": 2.0, "bicycle": 3.0, "kick_scooter": 4.0, "stroller": 3.0, "street": 0.7,
    "wheelchair": 0.5, "coco": 1.5, "rider": 1.0, "negative": 0.9,
}  # fmt: skip
"""Views per training picture (a fraction keeps that share of the pictures)."""
FAR_VIEWS: Mapping[str, float] = {
    "emoped": 0.4, "bicycle": 0.8, "kick_scooter": 1.0, "stroller": 1.0, "street": 0.2, "wheelchair": 0.35,
    "coco": 0.3, "rider": 0.4,
}  # fmt: skip
"""Further views seen from far away: missed wheelchairs were small in long halls."""
VIEWS_EMPTY_CHAIRS = 4.0
"""Views per picture of the source set "dd": the only powered and empty wheelchairs, alike to mopeds."""
CCTV_VIEWS = {True: 40, False: 16}
"""Views per ceiling frame with and without an e-bike: they are the only real in-domain pictures."""
CCTV_TURNED = 0.12
"""Share of those turned by one to three quarters."""
CCTV_RECORDED = 0.25
"""Share of those that go through night, infrared, H.264 and burnt-in dates as well."""


def training_views(name: str, sample: Sample, rng: Rng) -> list[Sample]:
    """All views of one picture of the set ``name``."""
    if name == CEILING:
        return _ceiling_views(sample, rng)
    count = VIEWS_EMPTY_CHAIRS if sample.source.startswith("wheelchair/dd") else VIEWS[name]
    far = [distant(sample, rng, f"{sample.name}_f{i}") for i in _times(FAR_VIEWS.get(name, 0.0), rng)]
    return [view(sample, rng, f"{sample.name}_v{i}", 10.0) for i in _times(count, rng)] + far


def _times(count: float, rng: Rng) -> range:
    """A fraction keeps that share."""
    return range(int(count) + int(rng.random() < count - int(count)))


def _ceiling_views(sample: Sample, rng: Rng) -> list[Sample]:
    """Some turned by quarters, as nothing says how a camera hangs; some as a recorder stores them."""
    made = []
    for i in range(CCTV_VIEWS[has_class(sample, E_BIKE)]):
        quarters = int(rng.integers(1, 4)) if rng.random() < CCTV_TURNED else 0
        seen = view(quarter_turned(sample, quarters), rng, f"{sample.name}_v{i}", 25.0, E_BIKE)
        if rng.random() < CCTV_RECORDED:
            seen = replace(seen, image=recorded(seen.image, rng))
        made.append(seen)
    return made
