"""Which source pictures are held out. All copies, views and cut-outs of a source fall on one side."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from datasets.boxes import Sample
from datasets.duplicates import difference_hash, has_twin

VAL_MOSAICS = frozenset(f"mosaic/cctv_{m}" for m in ("0_10", "0_13", "1_22", "1_32", "2_13", "2_23"))
"""Mosaics held out for validation: none shares a frame with a training mosaic (checked by eye)."""
VAL_WHOLE = ("wheelchair/mobilityaids", "wheelchair/wheelchair")
"""Source sets held out whole."""
VAL_PERCENT: Mapping[str, int] = {
    "wheelchair/dd": 45,  # nearly all powered and empty wheelchairs are here: both sides need some
    "wheelchair/person": 15,
    "wheelchair/": 0,  # the other source sets are trained on whole
    "stroller/": 30,  # few origins with one or two pictures each: hold out more, to measure on enough
    "": 15,
}
"""Share of source pictures held out, by prefix of the source name; the first that fits counts."""


def is_val(source: str) -> bool:
    """Whether a source picture is held out, by a hash of its name: the same on every machine."""
    if source.startswith("mosaic/"):
        return source in VAL_MOSAICS
    if source.startswith(VAL_WHOLE):
        return True
    percent = next(p for prefix, p in VAL_PERCENT.items() if source.startswith(prefix))
    return int(hashlib.sha256(source.encode()).hexdigest(), 16) % 100 < percent


def split(samples: Iterable[Sample], *, drop_twins: bool) -> tuple[list[Sample], list[Sample], int]:
    """(training, validation, dropped): validation pictures with a near-duplicate in training are dropped."""
    train: list[Sample] = []
    held: list[Sample] = []
    for sample in samples:
        (held if is_val(sample.source) else train).append(sample)
    if not drop_twins:
        return train, held, 0
    seen = [difference_hash(s.image) for s in train]
    kept = [s for s in held if not has_twin(difference_hash(s.image), seen)]
    return train, kept, len(held) - len(kept)
