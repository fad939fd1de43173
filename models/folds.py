"""How sure the validation figures are: thresholds chosen on other folds, and the difference of two models.

``python -m models.folds VAL [--model NAME] [--against NAME]`` takes the folder of validation sets that
`datasets.build` wrote. *Folds*: the operating confidence is chosen on four fifths of the pictures and
counted on the last fifth, so no picture is judged by a threshold that it helped to choose. *Against*: both
models at their own operating confidence on the same pictures, resampled together, as the same hard pictures
hit both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.command import tells_errors
from models.detector import OnnxDetector
from models.looks import look
from models.manifest import Manifest, load_manifest
from models.measure import sets_in
from models.sets import read_set
from models.threshold import CANDIDATES, Scored, choose, score
from vision.errors import ConfigError
from vision.types import E_BIKE

FOLDS, REPEATS, RESAMPLES = 5, 20, 2000
"""Ours: a fifth of 66 e-bikes is still a dozen; intervals change by less than a picture beyond these."""


@dataclass(frozen=True, slots=True)
class Span:
    """A figure and the 95 % interval around it."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, drawn: Sequence[float] | NDArray[np.float64]) -> Span:
        """``value`` with the interval of what resampling gave."""
        low, high = np.percentile(drawn, [2.5, 97.5])
        return cls(value, float(low), float(high))

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


@dataclass(frozen=True, slots=True)
class Folded:
    """Shares of pictures called e-bike by kind, thresholds from other folds; means over all repeats."""

    shares: Mapping[str, float]
    conf_low: float  # lowest and highest threshold that any fold was given
    conf_high: float


def folded(scored: Sequence[Scored], folds: int = FOLDS, repeats: int = REPEATS, seed: int = 7) -> Folded:
    """Count each picture at the threshold that the other folds choose; folds hold every kind evenly.

    Raises: ConfigError without an e-bike or with fewer pictures than folds.
    """
    kinds = sorted({s.kind for s in scored})
    if "e_bike" not in kinds or len(scored) < folds:
        raise ConfigError(f"{len(scored)} pictures of {kinds}: need e-bikes and at least {folds} pictures")
    rng = np.random.default_rng(seed)
    called = {kind: [0, 0] for kind in kinds}
    confs: list[float] = []
    for _ in range(repeats):
        fold = np.zeros(len(scored), np.int64)
        for kind in kinds:
            own = np.array([i for i, s in enumerate(scored) if s.kind == kind])
            fold[rng.permutation(own)] = (np.arange(len(own)) + int(rng.integers(folds))) % folds
        for number in range(folds):
            best = choose([s for s, f in zip(scored, fold, strict=True) if f != number], shown=True)
            confs.append(CANDIDATES[-1] if best is None else best.conf)
            for one in (s for s, f in zip(scored, fold, strict=True) if f == number):
                called[one.kind][0] += one.score >= confs[-1]
                called[one.kind][1] += 1
    return Folded({k: hits / tries for k, (hits, tries) in called.items()}, min(confs), max(confs))


def order(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Share of pairs of one picture with and one without an e-bike in the right order; ties count half."""
    apart = positive[:, None] - negative[None]
    return float((apart > 0).mean() + 0.5 * (apart == 0).mean())


def against(
    one: Sequence[Scored],
    other: Sequence[Scored],
    confs: tuple[float, float],
    resamples: int = RESAMPLES,
    seed: int = 7,
) -> dict[str, Span]:
    """First minus second: recall, false holds over all kinds, and order of pairs, from the same pictures.

    Raises: ConfigError if the two did not look at the same pictures.
    """
    if [s.kind for s in one] != [s.kind for s in other]:
        raise ConfigError(f"{len(one)} and {len(other)} pictures do not match: look at the same sets twice")
    has = np.array([s.kind == "e_bike" for s in one])
    scores = np.array([[s.score for s in run] for run in (one, other)])
    hit = scores >= np.array(confs)[:, None]
    rng = np.random.default_rng(seed)
    yes, no = np.nonzero(has)[0], np.nonzero(~has)[0]
    figures: Mapping[str, Callable[[NDArray[np.int64], NDArray[np.int64]], float]] = {
        "recall": lambda y, _n: float(hit[0, y].mean() - hit[1, y].mean()),
        "false holds": lambda _y, n: float(hit[0, n].mean() - hit[1, n].mean()),
        "order": lambda y, n: order(scores[0, y], scores[0, n]) - order(scores[1, y], scores[1, n]),
    }
    drawn = [(rng.choice(yes, len(yes)), rng.choice(no, len(no))) for _ in range(resamples)]
    out: dict[str, Span] = {}
    for name, figure in figures.items():
        out[name] = Span.of(figure(yes, no), [figure(y, n) for y, n in drawn])
    return out


def scores_of(manifest: Manifest, name: str | None, folders: Sequence[Path]) -> tuple[list[Scored], float]:
    """A model's scores and its operating confidence."""
    entry = manifest.get(name)
    detector = OnnxDetector(entry, manifest.weights_dir)
    scored = [s for folder in folders for s in score(look(detector, read_set(folder)))]
    return scored, entry.operating_confs[E_BIKE]


@tells_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Command line, see the module's docstring. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Say how sure the validation figures are.")
    parser.add_argument("data", type=Path, help="folder of validation sets")
    parser.add_argument("--model", help="name in the manifest; default: the manifest's default")
    parser.add_argument("--manifest", type=Path, help="another manifest.toml")
    parser.add_argument("--against", help="a second model to compare with")
    parser.add_argument("--against-manifest", type=Path, help="its manifest.toml, if another")
    args = parser.parse_args(argv)
    folders = sets_in(args.data)
    manifest = load_manifest(args.manifest)
    scored, conf = scores_of(manifest, args.model, folders)
    by_folds = folded(scored)
    print(f"threshold from other folds: {by_folds.conf_low:.2f} to {by_folds.conf_high:.2f}; called e-bike:")
    for kind, share in by_folds.shares.items():
        print(f"  {kind:12} {share:.3f} of {sum(s.kind == kind for s in scored)}")
    if args.against is not None:
        second = manifest if args.against_manifest is None else load_manifest(args.against_manifest)
        other, other_conf = scores_of(second, args.against, folders)
        print(f"at {conf:.2f} against {args.against} at {other_conf:.2f}:")
        for name, span in against(scored, other, (conf, other_conf)).items():
            print(f"  {name:12} {span}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
