"""Chooses the e-bike operating confidence on validation pictures, from what may hold the door.

``python -m models.threshold VAL_SET [VAL_SET ...]`` prints recall and false holds at several candidates, the
lowest one that keeps every false-hold rate within its limit, and the lowest one at which no rate is shown
(with 95 % certainty) to break it. The manifest takes the former if enough e-bikes are still called there,
else the latter: on a hundred pictures the former may be set by the one worst of them. Check sets must not be
given here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.command import tells_errors
from models.detector import OnnxDetector
from models.evaluate import Rate, kind_without_e_bike
from models.looks import Look, look
from models.manifest import load_manifest
from models.sets import read_set
from vision.types import E_BIKE

LIMITS: Mapping[str, float] = {
    "wheelchair": 0.01,
    "stroller": 0.01,
    "bicycle": 0.03,
    "person only": 0.005,
    "empty": 0.005,
    "other": 0.03,
    "unrelated": 0.03,
}
"""Largest share of single pictures per kind that may be called e-bike: the product's targets. It has none for
the last two (only a kick scooter; arbitrary things, not from elevators); they get the bicycle's."""
ENOUGH_RECALL: Final = 0.95
"""Share of pictures with an e-bike in which it must be called: the product's target."""
CANDIDATES = tuple(round(0.35 + 0.01 * n, 2) for n in range(61))
"""Of calibrated confidences. None is lower: with two chances in three of being wrong, nothing should act."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One picture: its best e-bike confidence, and what it truly is ("e_bike" or a kind without one)."""

    kind: str
    score: float


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What one confidence would mean."""

    conf: float
    recall: Rate
    false_hold: Mapping[str, Rate]

    def within(self, limits: Mapping[str, float], *, shown: bool = False) -> bool:
        """Whether every kind's measured rate is within its limit.

        Args: ``shown``: whether none is *shown* to be above it, by the lower end of its 95 % interval. One
        picture of 78 is more than 1 %, and says next to nothing.
        """
        return all(
            (rate.low if shown else rate.share) <= limits.get(kind, 1.0)
            for kind, rate in self.false_hold.items()
        )


def score(looks: Iterable[Look]) -> list[Scored]:
    """The best e-bike confidence of each picture (0 if there is none)."""
    out: list[Scored] = []
    for one in looks:
        best = float(one.found.conf[one.found.class_id == E_BIKE].max(initial=0.0))
        kind = "e_bike" if E_BIKE in one.truth.present else kind_without_e_bike(one.truth)
        out.append(Scored(kind, best))
    return out


def operating_point(scored: Sequence[Scored], conf: float) -> OperatingPoint:
    """Recall and false holds at one confidence."""
    kinds = sorted({s.kind for s in scored} - {"e_bike"})

    def rate(kind: str) -> Rate:
        own = [s.score >= conf for s in scored if s.kind == kind]
        return Rate.of(sum(own), len(own))

    return OperatingPoint(conf, rate("e_bike"), {kind: rate(kind) for kind in kinds})


def choose(
    scored: Sequence[Scored],
    limits: Mapping[str, float] = LIMITS,
    candidates: Sequence[float] = CANDIDATES,
    *,
    shown: bool = False,
) -> OperatingPoint | None:
    """The lowest candidate from which on all false-hold rates are within their limits; None if there is none.

    ``shown`` as in `OperatingPoint.within`.
    """
    best: OperatingPoint | None = None
    for conf in sorted(candidates, reverse=True):
        point = operating_point(scored, conf)
        if not point.within(limits, shown=shown):
            break
        best = point
    return best


def for_manifest(scored: Sequence[Scored]) -> OperatingPoint | None:
    """What the manifest takes: see the module's docstring; None if every candidate breaks a limit."""
    keeps = choose(scored)
    if keeps is not None and keeps.recall.share >= ENOUGH_RECALL:
        return keeps
    return choose(scored, shown=True)


@tells_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Command line, see the module's docstring. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Choose the e-bike operating confidence on validation sets.")
    parser.add_argument("data", type=Path, nargs="+", help="validation folders in YOLO form")
    parser.add_argument("--model", help="name in the manifest; default: the manifest's default")
    parser.add_argument("--manifest", type=Path, help="another manifest.toml")
    args = parser.parse_args(argv)
    manifest = load_manifest(args.manifest)
    detector = OnnxDetector(manifest.get(args.model), manifest.weights_dir)
    scored = [s for folder in args.data for s in score(look(detector, read_set(folder)))]
    for conf in CANDIDATES[::5]:
        point = operating_point(scored, conf)
        holds = "  ".join(f"{kind} {rate.hits}/{rate.tries}" for kind, rate in point.false_hold.items())
        print(f"{conf:.2f}  recall {point.recall.hits}/{point.recall.tries}  false holds: {holds}")
    found = {
        "keeps all limits": choose(scored),
        "not shown to break a limit": choose(scored, shown=True),
        "for the manifest": for_manifest(scored),
    }
    for what, best in found.items():
        print(f"{what}: " + ("none" if best is None else f"{best.conf:.2f}, recall {best.recall}"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
