"""Builds the training and validation sets on disk, with a manifest of what went in.

``python -m datasets.build OUT --data DATA --teacher TEACHER.json`` writes ``OUT/train`` and ``OUT/val/<set>``
in YOLO form, ``OUT/data.yaml`` for training, and ``OUT/manifest.json`` with sources, rights, counts and
hashes. One seed gives one set, byte for byte, on one version of OpenCV. Pictures are not ours: never commit
or publish the output.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from datasets.beside import beside_scenes
from datasets.boxes import Sample
from datasets.ceiling import crowds
from datasets.composite import OUT_PX, fit, view
from datasets.folder import folder_digest, write_all, write_sample
from datasets.laid import ceiling_scenes, composites, from_behind
from datasets.landing import landings
from datasets.led import led_scenes
from datasets.mounted import afoot, riders
from datasets.sources import CHECK_ONLY, READERS, Teacher, load_teacher
from datasets.standing import standing
from datasets.stock import Folders, Stock
from datasets.views import training_views
from vision.types import CLASS_NAMES, E_BIKE, PERSON

RIGHTS: Mapping[str, str] = {
    "cctv": "surveillance frames from a public repository, rights unstated; train only",
    "street": "CC BY 4.0",
    "coco": "COCO 2017 subset; annotations CC BY 4.0, pictures under their Flickr terms; train only",
    "wheelchair": "web, shop and Kaggle pictures, mixed and mostly unstated; train only",
    "ceiling": "made of the sets above and of renders; train only",
    "composites": "made of the sets above; train only",
    "rendered": "rendered by datasets/render, see its licences",
    "landing": "rendered, with cut-outs of the sets above; train only",
    "behind": "rendered, on pictures of the sets above; train only",
    "standing": "made of the sets above; train only",
    "crowds": "made of the sets above; train only",
    "mounted": "rendered e-bikes with people and rooms of the sets above; train only",
    "beside": "the same, with cut-outs seen from the side; train only",
    "led": "rendered vehicles with people and rooms of the sets above; train only",
    "afoot": "rendered and real vehicles with people and rooms of the sets above; train only",
}
RIGHTS_DEFAULT = "web and shop pictures, rights unstated; train only"


def build(out: Path, data: Path, teacher: Teacher, seed: int, given: Folders) -> dict[str, object]:
    """Write the sets under ``out`` and return the manifest.

    Raises: FileNotFoundError if ``data`` lacks a set.
    """
    rng = np.random.default_rng(seed)
    stock = Stock(data, teacher, given)
    sets: dict[str, Mapping[str, object]] = {}
    for name, own in stock.sets.items():
        for sample in own.held:
            image, boxes = fit(sample.image, sample.boxes)
            write_sample(out / "val" / name, Sample(image, boxes, sample.name, sample.source))
        made = (item for sample in own.train for item in training_views(name, sample, rng))
        counts = {"sources": len(own.train), "val": len(own.held), "twins_dropped": own.twins_dropped}
        sets[name] = {
            "rights": RIGHTS.get(name, RIGHTS_DEFAULT),
            **counts,
            **write_all(out / "train", made),
        }
    for name, samples in _made(stock, rng, seed):
        sets[name] = {"rights": RIGHTS[name], **write_all(out / "train", samples)}
    return _describe(out, seed, sets)


def _made(stock: Stock, rng: np.random.Generator, seed: int) -> Iterator[tuple[str, Iterable[Sample]]]:
    """What is put together of pieces, by name. Later ones draw from generators of their own, so that one more
    does not change those before it."""
    given = stock.given
    yield "ceiling", ceiling_scenes(stock, rng)
    yield "composites", composites(stock, rng)
    if given.rendered is not None:
        # One view each: camera faults and small turns come on top.
        yield "rendered", (view(s, rng, s.name, 12.0, E_BIKE) for s in stock.drawn)
    if given.landing is not None:
        yield "landing", landings(stock.landings, stock.sideways, np.random.default_rng((seed, 14)))
    if given.behind is not None:
        behind = [c for c in stock.behind if c.class_id == E_BIKE]
        yield "behind", from_behind(stock.rooms, behind, np.random.default_rng((seed, 15)))
    if given.whole is None:
        return
    bikes = [c for c in stock.real if c.class_id == E_BIKE]
    upright = [c for c in stock.whole if c.class_id == PERSON]
    vehicles = [c for c in (*stock.whole, *stock.sideways) if c.class_id not in (E_BIKE, PERSON)]
    grounds = (stock.cabins, stock.drawn, stock.others)
    own = np.random.default_rng((seed, 16))
    yield "standing", standing(grounds, upright, [*bikes, *vehicles], stock.others, own)
    people = [c for c in stock.real if c.class_id == PERSON] + upright
    yield "crowds", crowds(stock.cabins, bikes, people, stock.cloths, np.random.default_rng((seed, 17)))
    if given.behind is not None:
        own = np.random.default_rng((seed, 18))
        yield "mounted", riders((stock.rooms, *grounds), stock.behind, upright, own)
        own = np.random.default_rng((seed, 19))
        yield "afoot", afoot((stock.rooms, *grounds), (stock.behind, vehicles), upright, own)
    if given.before is not None:
        own = np.random.default_rng((seed, 21))
        ends = [*stock.behind, *stock.before]
        yield "led", led_scenes((stock.rooms, *grounds), ends, upright, stock.cloths, own)
        own = np.random.default_rng((seed, 22))
        yield (
            "beside",
            beside_scenes((stock.rooms, *grounds), (stock.sideways, stock.whole, ends), upright, own),
        )


def _describe(out: Path, seed: int, sets: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Write ``data.yaml`` and ``manifest.json``, and return the latter."""
    manifest: dict[str, object] = {
        "seed": seed,
        "longest_side_px": OUT_PX,
        "check_only": CHECK_ONLY,
        "sets": sets,
        "train_sha256": folder_digest(out / "train"),
        "val_sha256": folder_digest(out / "val"),
    }
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASS_NAMES))
    vals = "".join(f"  - val/{name}/images\n" for name in READERS if (out / "val" / name).exists())
    (out / "data.yaml").write_text(
        f"path: {out.resolve()}\ntrain:\n  - train/images\nval:\n{vals}names:\n{names}"
    )
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description="Build the training and validation sets.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LIFTGUARD_DATA", "../shared/data")))
    parser.add_argument("--teacher", type=Path, required=True, help="boxes written by datasets.relabel")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rendered", type=Path, help="rendered pictures in YOLO form to mix in")
    parser.add_argument("--pieces", type=Path, help="RGBA renders of datasets/render/cutouts.py to lay in")
    parser.add_argument("--landing", type=Path, help="renders of training_stills.py --landing to mix in")
    parser.add_argument("--behind", type=Path, help="RGBA renders of cutouts.py --behind to mix in")
    parser.add_argument("--before", type=Path, help="RGBA renders of cutouts.py --before to mix in")
    parser.add_argument("--whole", type=Path, help="people chosen by eye (datasets.whole --side train)")
    args = parser.parse_args()
    teacher = load_teacher(args.teacher)
    given = Folders(args.rendered, args.pieces, args.landing, args.behind, args.before, args.whole)
    manifest = build(args.out, args.data, teacher, args.seed, given)
    print(json.dumps(manifest, indent=2))


if __name__ == "__main__":
    main()
