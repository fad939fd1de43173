"""One pass of a detector over labelled pictures, from which all figures are taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from models.sets import Labelled
from vision.types import Detections, Detector, Image

FLOOR = 0.01
"""Confidence below which detections are not looked at. Average precision needs the faint ones too; below this
they change it in the third decimal only."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the detector said of one picture."""

    truth: Labelled
    found: Detections  # of at least FLOOR, best first
    ms: float  # all stages


def look(
    detector: Detector,
    pictures: Iterable[tuple[Labelled, Image]],
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Look]:
    """Run the detector over pictures, one after the other."""
    for truth, image in pictures:
        started_s = clock()
        found = detector.detect(image, FLOOR)
        yield Look(truth, found, (clock() - started_s) * 1000)
