"""Hard negatives: new pictures in which a detector sees an e-bike that is not there, for a built set.

A built set shows a trained detector mostly what it knows already. Here scenes without an e-bike are made
without end from the training side's pieces and pictures, a detector looks at each, and those stay in which it
calls something an e-bike (hard negative mining as in Felzenszwalb et al. 2010,
https://doi.org/10.1109/TPAMI.2009.167, once per round of training). E-bikes that it misses are not mined: it
was tried, and what came out were specks and blurs that nobody would name.

``python -m datasets.hard SET --teacher TEACHER.json --whole WHOLE --model NAME`` writes ``hard_1_*``
pictures into SET/train and renews SET/manifest.json; ``--round 2``, of the next detector, keeps them and adds
its own. Look at ``SET/hard_1.jpg`` before training on them: a label that is wrong is what a good detector
stumbles over first.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from rich.console import Console
from rich.progress import Progress

from datasets.boxes import Sample
from datasets.ceiling import scene
from datasets.composite import Rng, distant, view
from datasets.drawing import one_of
from datasets.folder import folder_digest, write_sample
from datasets.shapes import Cutout
from datasets.sources import load_teacher
from datasets.split import is_val
from datasets.stock import CEILING, Folders, Stock, cabins_of, has_class
from datasets.tiles import sheet, tile
from models.detector import OnnxDetector
from models.manifest import load_manifest
from vision.errors import ConfigError, LiftguardError
from vision.types import E_BIKE, PERSON, Detector, Image

CALLED_FROM: Final = 0.2
"""An e-bike seen from this confidence on where there is none is an error to learn from: half of what a door
would be held at, as tracks add up what single frames say. Ours."""
SHARES: Final[Mapping[str, float]] = {"empty": 0.25, "people": 0.3, "vehicle": 0.17, "picture": 0.28}
"""Of what is tried: empty cabins; people in them; strollers, wheelchairs and bicycles in them; views of real
pictures. Ours."""
RENDERED_SHARE: Final = 0.15
"""Of the scenes: in rendered cabins instead of real ones."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What scenes are made of; all of it from the training side."""

    cabins: Sequence[Sample]  # real ceiling frames without a vehicle
    drawn: Sequence[Sample]  # rendered cabins without a vehicle; may be empty
    people: Sequence[Cutout]  # from above and at eye level
    vehicles: Sequence[Cutout]  # strollers, wheelchairs, bicycles
    pictures: Sequence[Sample]  # real ones without an e-bike, of any kind
    cloths: Sequence[Image]  # patterns for covers


def candidates(supply: Supply, rng: Rng) -> Iterator[tuple[str, Sample]]:
    """Scenes and views without end, by kind. Raises: ConfigError if there is no cabin to stand in."""
    if not supply.cabins:
        raise ConfigError(
            "no ceiling frame without a vehicle to make scenes in; is the data folder complete?"
        )
    makers: dict[str, Callable[[], Sample | None]] = {
        "empty": lambda: _scene(supply, [], [], rng),
        "people": lambda: _scene(supply, [], supply.people, rng),
        "vehicle": lambda: _scene(supply, [one_of(supply.vehicles, rng)], supply.people, rng),
        "picture": lambda: _look(one_of(supply.pictures, rng), rng),
    }
    needs = {"people": supply.people, "vehicle": supply.vehicles, "picture": supply.pictures}
    kinds = [kind for kind in SHARES if kind not in needs or needs[kind]]
    weights = np.array([SHARES[kind] for kind in kinds])
    while True:
        kind = str(rng.choice(kinds, p=weights / weights.sum()))
        made = makers[kind]()
        if made is not None:
            yield kind, made


def is_hard(detector: Detector, image: Image) -> bool:
    """Whether the detector calls something an e-bike in a picture without one."""
    return bool((detector.detect(image, CALLED_FROM).class_id == E_BIKE).any())


def mine(
    detector: Detector,
    supply: Supply,
    rng: Rng,
    count: int,
    tries: int,
    told: Callable[[int], None],
    prefix: str = "hard",
) -> tuple[list[Sample], dict[str, tuple[int, int]]]:
    """Up to ``count`` hard samples among ``tries``, named ``PREFIX_KIND_N``.

    Args: told: called with the number kept after each try. Returns: samples, and (kept, tried) by kind.
    """
    kept: list[Sample] = []
    tried: Counter[str] = Counter()
    stayed: Counter[str] = Counter()
    for kind, sample in candidates(supply, rng):
        tried[kind] += 1
        if is_hard(detector, sample.image):
            kept.append(replace(sample, name=f"{prefix}_{kind}_{stayed[kind]}"))
            stayed[kind] += 1
        told(len(kept))
        if len(kept) >= count or tried.total() >= tries:
            break
    return kept, {kind: (stayed[kind], number) for kind, number in sorted(tried.items())}


def supply_of(stock: Stock) -> Supply:
    """The training side of everything. Raises: FileNotFoundError if the data folder lacks a set."""
    parts = [c for c in (*stock.real, *stock.whole, *stock.above, *stock.sideways) if not is_val(c.source)]
    pictures = [s for name, own in stock.sets.items() if name != CEILING for s in own.train]
    return Supply(
        cabins=stock.cabins,
        drawn=cabins_of(stock.drawn),
        people=[c for c in parts if c.class_id == PERSON],
        vehicles=[c for c in parts if c.class_id not in (PERSON, E_BIKE)],
        pictures=[s for s in pictures if not has_class(s, E_BIKE)],
        cloths=[s.image for s in stock.sets["negative"].train],
    )


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description="Add scenes that a detector gets wrong to a built set.")
    parser.add_argument("set", type=Path, help="folder written by datasets.build")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LIFTGUARD_DATA", "../shared/data")))
    parser.add_argument("--teacher", type=Path, required=True, help="boxes written by datasets.relabel")
    parser.add_argument("--whole", type=Path, help="people chosen by eye (datasets.whole --side train)")
    parser.add_argument("--pieces", type=Path, help="RGBA renders of datasets/render/cutouts.py")
    parser.add_argument("--rendered", type=Path, help="rendered cabins in YOLO form")
    parser.add_argument("--model", help="name in the manifest (default: the default model)")
    parser.add_argument("--manifest", type=Path, help="another manifest")
    parser.add_argument("--count", type=int, default=1200, help="stop at so many (default: 1200)")
    parser.add_argument("--tries", type=int, default=12000, help="or after so many tries (default: 12000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--round", type=int, default=1, help="what an earlier detector got wrong stays beside it (default: 1)"
    )
    args = parser.parse_args()
    own = f"hard_{args.round}"
    try:
        described = json.loads((args.set / "manifest.json").read_text())
        manifest = load_manifest(args.manifest)
        detector = OnnxDetector(manifest.get(args.model), manifest.weights_dir)
        folders = Folders(rendered=args.rendered, pieces=args.pieces, whole=args.whole)
        supply = supply_of(Stock(args.data, load_teacher(args.teacher), folders))
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("hard examples", total=args.count)
            rng = np.random.default_rng(args.seed)
            kept, counts = mine(
                detector, supply, rng, args.count, args.tries, lambda n: bar.update(task, completed=n), own
            )
    except (LiftguardError, OSError) as exc:
        raise SystemExit(f"error: {exc}") from exc
    for old in (args.set / "train").glob(f"*/{own}_*"):
        old.unlink()
    for sample in kept:
        write_sample(args.set / "train", sample)
    cv2.imwrite(str(args.set / f"{own}.jpg"), sheet((tile(s.image, (160, 160)) for s in kept), 12))
    described["sets"][own] = {
        "rights": "made of the sets above; train only",
        "train": len(kept),
        "model_sha256": detector.sha256,
        "seed": args.seed,
        "kept_of_tried": counts,
    }
    described["train_sha256"] = folder_digest(args.set / "train")
    (args.set / "manifest.json").write_text(json.dumps(described, indent=2) + "\n")
    print(json.dumps(described["sets"][own]))


def _scene(supply: Supply, vehicles: list[Cutout], people: Sequence[Cutout], rng: Rng) -> Sample | None:
    grounds = supply.drawn if supply.drawn and rng.random() < RENDERED_SHARE else supply.cabins
    ground = one_of(grounds, rng)
    return scene(ground, vehicles, people, supply.cloths, rng, "", ground.source)


def _look(sample: Sample, rng: Rng) -> Sample:
    return distant(sample, rng, "") if rng.random() < 0.2 else view(sample, rng, "", 10.0)


if __name__ == "__main__":
    main()
