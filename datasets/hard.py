"""Adds what a trained detector gets wrong to a built set: hard negatives, and e-bikes it is unsure of.

A built set shows a trained detector mostly what it knows already. Here scenes without an e-bike
(`datasets.phantoms`) are made of the training side's pieces and pictures, a detector looks at each, and those
in which it calls something an e-bike stay (hard negative mining as in Felzenszwalb et al. 2010,
https://doi.org/10.1109/TPAMI.2009.167, once per round of training). As many e-bikes that it only half sees
(`datasets.unsure`) are mined beside them, so that it does not merely grow careful.

``python -m datasets.hard SET --teacher TEACHER.json --whole WHOLE --model NAME`` writes ``hard_1_*`` and
``unsure_1_*`` pictures into SET/train and renews SET/manifest.json; ``--round 2``, of the next detector,
keeps them and adds its own. Look at ``SET/hard_1.jpg`` and ``SET/unsure_1.jpg`` before training on them: a
label that is wrong is what a good detector stumbles over first.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import Progress

from datasets import phantoms, unsure
from datasets.boxes import Sample
from datasets.folder import folder_digest, write_sample
from datasets.sources import load_teacher
from datasets.stock import Folders, Stock
from datasets.tiles import sheet, tile
from models.detector import OnnxDetector
from models.manifest import load_manifest
from vision.errors import LiftguardError


def mine(
    offered: Iterable[tuple[str, Sample]],
    wanted: Callable[[Sample], bool],
    count: int,
    tries: int,
    told: Callable[[int], None],
    prefix: str,
) -> tuple[list[Sample], dict[str, tuple[int, int]]]:
    """Up to ``count`` wanted samples among the first ``tries``, named ``PREFIX_KIND_N``.

    Args: offered: by kind. told: called with the number kept after each try. Returns: samples, and
    (kept, tried) by kind.
    """
    kept: list[Sample] = []
    tried: Counter[str] = Counter()
    stayed: Counter[str] = Counter()
    for kind, sample in islice(offered, tries if count else 0):
        tried[kind] += 1
        if wanted(sample):
            kept.append(replace(sample, name=f"{prefix}_{kind}_{stayed[kind]}"))
            stayed[kind] += 1
        told(len(kept))
        if len(kept) >= count:
            break
    return kept, {kind: (stayed[kind], number) for kind, number in sorted(tried.items())}


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description="Add scenes that a detector gets wrong to a built set.")
    parser.add_argument("set", type=Path, help="folder written by datasets.build")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LIFTGUARD_DATA", "../shared/data")))
    parser.add_argument("--teacher", type=Path, required=True, help="boxes written by datasets.relabel")
    parser.add_argument("--whole", type=Path, help="people chosen by eye (datasets.whole --side train)")
    parser.add_argument("--pieces", type=Path, help="RGBA renders of datasets/render/cutouts.py")
    parser.add_argument("--rendered", type=Path, help="rendered cabins in YOLO form")
    parser.add_argument("--behind", type=Path, help="RGBA renders of cutouts.py --behind")
    parser.add_argument("--before", type=Path, help="RGBA renders of cutouts.py --before")
    parser.add_argument("--model", help="name in the manifest (default: the default model)")
    parser.add_argument("--manifest", type=Path, help="another manifest")
    parser.add_argument("--count", type=int, default=1200, help="stop at so many (default: 1200)")
    parser.add_argument("--tries", type=int, default=12000, help="or after so many tries (default: 12000)")
    parser.add_argument(
        "--unsure", type=int, help="e-bikes it is unsure of (default: as many as hard negatives were found)"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--round", type=int, default=1, help="what an earlier detector got wrong stays beside it (default: 1)"
    )
    args = parser.parse_args()
    try:
        described = json.loads((args.set / "manifest.json").read_text())
        manifest = load_manifest(args.manifest)
        detector = OnnxDetector(manifest.get(args.model), manifest.weights_dir)
        folders = Folders(
            rendered=args.rendered,
            pieces=args.pieces,
            whole=args.whole,
            behind=args.behind,
            before=args.before,
        )
        stock = Stock(args.data, load_teacher(args.teacher), folders)
        negatives = phantoms.candidates(phantoms.supply_of(stock), np.random.default_rng(args.seed))
        found = _shown_mining(
            negatives, partial(phantoms.is_phantom, detector), args.count, args.tries, "hard", args.round
        )
        positives = unsure.candidates(unsure.supply_of(stock), np.random.default_rng((args.seed, 1)))
        wanted = len(found.kept) if args.unsure is None else args.unsure
        seen = partial(unsure.is_unsure, detector)
        also = _shown_mining(positives, seen, wanted, args.tries, "unsure", args.round)
    except (LiftguardError, OSError) as exc:
        raise SystemExit(f"error: {exc}") from exc
    for one in (found, also):
        _write(args.set, one)
        described["sets"][one.name] = {
            "rights": "made of the sets above; train only",
            "train": len(one.kept),
            "model_sha256": detector.sha256,
            "seed": args.seed,
            "kept_of_tried": one.counts,
        }
        print(json.dumps(described["sets"][one.name]))
    described["train_sha256"] = folder_digest(args.set / "train")
    (args.set / "manifest.json").write_text(json.dumps(described, indent=2) + "\n")


@dataclass(frozen=True, slots=True)
class _Mined:
    """What one round of mining kept, and (kept, tried) by kind."""

    name: str
    kept: Sequence[Sample]
    counts: Mapping[str, tuple[int, int]]


def _shown_mining(
    offered: Iterable[tuple[str, Sample]],
    wanted: Callable[[Sample], bool],
    count: int,
    tries: int,
    what: str,
    number: int,
) -> _Mined:
    """`mine` with a progress bar."""
    name = f"{what}_{number}"
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(f"{what} examples", total=count)
        kept, counts = mine(offered, wanted, count, tries, lambda n: bar.update(task, completed=n), name)
    return _Mined(name, kept, counts)


def _write(folder: Path, mined: _Mined) -> None:
    """The pictures into the set, in place of those of that name, and a sheet of them beside it."""
    for old in (folder / "train").glob(f"*/{mined.name}_*"):
        old.unlink()
    for sample in mined.kept:
        write_sample(folder / "train", sample)
    tiles = (tile(s.image, (160, 160)) for s in mined.kept)
    cv2.imwrite(str(folder / f"{mined.name}.jpg"), sheet(tiles, 12))


if __name__ == "__main__":
    main()
