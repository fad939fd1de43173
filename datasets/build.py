"""Builds the training and validation sets on disk, with a manifest of what went in.

``python -m datasets.build OUT --data DATA --teacher TEACHER.json`` writes ``OUT/train`` and ``OUT/val/<set>``
in YOLO form, ``OUT/data.yaml`` for training, and ``OUT/manifest.json`` with sources, rights, counts and
hashes. One seed gives one set, byte for byte, on one version of OpenCV. Pictures are not ours: never commit
or publish the output.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from datasets.boxes import Sample, read_yolo, yolo_text
from datasets.composite import OUT_PX, Rng, fit, place, view
from datasets.shapes import Cutout
from datasets.sources import CHECK_ONLY, READERS, Teacher, cutouts, frame_cutouts, load_teacher
from datasets.split import is_val, split
from vision.types import BICYCLE, CLASS_NAMES, E_BIKE, KICK_SCOOTER, PERSON, STROLLER, WHEELCHAIR

VIEWS: Mapping[str, float] = {
    "emoped": 1.3, "ebike_pedal": 2.0, "bicycle": 2.0, "kick_scooter": 5.0, "stroller": 2.5, "street": 1.0,
    "wheelchair": 0.6, "coco": 1.0, "rider": 1.0, "negative": 0.4,
}  # fmt: skip
"""Views per training picture (a fraction keeps that share of the pictures)."""
VIEWS_EMPTY_CHAIRS = 3.0
"""Views per picture of the source set "dd": the only powered and empty wheelchairs, alike to mopeds."""
CCTV_VIEWS = {True: 10, False: 4}
"""Views per ceiling frame with and without an e-bike: they are the only real in-domain pictures."""
PASTED: Mapping[int, int] = {E_BIKE: 170, STROLLER: 260, WHEELCHAIR: 220, BICYCLE: 170, KICK_SCOOTER: 40}
"""Composites on ceiling frames per class of cut-out."""
PASTED_EYE_LEVEL: Mapping[int, int] = {E_BIKE: 420, STROLLER: 180, BICYCLE: 130, KICK_SCOOTER: 30}
"""Composites on pictures of people and rooms taken at eye level, as a landing camera or a phone sees it."""
PASTED_FRAMES = 260
"""Composites of real ceiling e-bikes placed in other ceiling frames."""

RIGHTS: Mapping[str, str] = {
    "cctv": "surveillance frames from a public repository, rights unstated; train only",
    "street": "CC BY 4.0",
    "coco": "COCO 2017 subset; annotations CC BY 4.0, pictures under their Flickr terms; train only",
    "wheelchair": "web, shop and Kaggle pictures, mixed and mostly unstated; train only",
}
RIGHTS_DEFAULT = "web and shop pictures, rights unstated; train only"


def _write(folder: Path, sample: Sample) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    h, w = sample.image.shape[:2]
    cv2.imwrite(str(folder / "images" / f"{sample.name}.jpg"), sample.image, [cv2.IMWRITE_JPEG_QUALITY, 92])
    (folder / "labels" / f"{sample.name}.txt").write_text(yolo_text(sample.boxes, (w, h)))


def folder_digest(folder: Path) -> str:
    """SHA-256 over names and contents of all files under ``folder``, in name order."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _views(sample: Sample, count: float, rng: Rng, turn_deg: float, keep: int | None = None) -> list[Sample]:
    whole = int(count) + int(rng.random() < count - int(count))
    return [view(sample, rng, f"{sample.name}_v{i}", turn_deg, keep) for i in range(whole)]


def _has(sample: Sample, class_id: int) -> bool:
    return any(b.class_id == class_id for b in sample.boxes)


def _training_views(name: str, sample: Sample, rng: Rng) -> list[Sample]:
    if name == "cctv":
        return _views(sample, CCTV_VIEWS[_has(sample, E_BIKE)], rng, 25.0, E_BIKE)
    count = VIEWS_EMPTY_CHAIRS if sample.source.startswith("wheelchair/dd") else VIEWS[name]
    return _views(sample, count, rng, 10.0)


def _write_all(out: Path, samples: Iterable[Sample]) -> dict[str, int]:
    """Write training pictures and count them and their boxes."""
    counts: Counter[str] = Counter()
    for item in samples:
        _write(out / "train", item)
        counts["train"] += 1
        counts.update(f"train_{CLASS_NAMES[b.class_id]}" for b in item.boxes)
    return dict(counts)


def _roomy(sample: Sample) -> bool:
    """Large enough, and not a strip, so that a vehicle can stand in it."""
    h, w = sample.image.shape[:2]
    return bool(min(h, w) > 100 and max(h, w) < 2.4 * min(h, w))


def _composites(
    frames: list[Sample], rooms: list[Sample], pieces: list[Cutout], rng: Rng
) -> Iterator[Sample]:
    """Cut-outs and real ceiling e-bikes on ceiling frames without one; cut-outs in eye-level rooms."""
    backgrounds = [f for f in frames if all(b.class_id == PERSON for b in f.boxes) and _roomy(f)]
    real = [c for c in frame_cutouts([f for f in frames if _has(f, E_BIKE)]) if not is_val(c.source)]
    pieces = [c for c in pieces if not is_val(c.source)]
    for counts, grounds, eye_level in ((PASTED, backgrounds, False), (PASTED_EYE_LEVEL, rooms, True)):
        for class_id, count in counts.items():
            own = [c for c in pieces if c.class_id == class_id]
            for i in range(count if own and grounds else 0):
                chosen = [own[int(rng.integers(len(own)))]]
                if rng.random() < 0.15:  # two vehicles at once, now and then
                    chosen.append(pieces[int(rng.integers(len(pieces)))])
                ground = grounds[int(rng.integers(len(grounds)))]
                name = f"paste_{CLASS_NAMES[class_id]}_{'eye' if eye_level else 'top'}_{i}"
                yield place(ground, chosen, rng, name, eye_level=eye_level)
    for i in range(PASTED_FRAMES if real else 0):
        ground = backgrounds[int(rng.integers(len(backgrounds)))]
        yield place(ground, [real[int(rng.integers(len(real)))]], rng, f"paste_cctv_{i}")


def _rendered(folder: Path, rng: Rng) -> Iterator[Sample]:
    """Rendered cabins in YOLO form, each as one view: camera faults and small turns come on top."""
    for path in sorted((folder / "images").iterdir()):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f"{path}: cannot be decoded as a picture")
        h, w = image.shape[:2]
        boxes = read_yolo(folder / "labels" / f"{path.stem}.txt", (w, h))
        sample = Sample(image.astype(np.uint8), boxes, f"render_{path.stem}", f"render/{path.stem}")
        yield view(sample, rng, sample.name, 12.0, E_BIKE)


def build(
    out: Path, data: Path, teacher: Teacher, seed: int, rendered: Path | None = None
) -> dict[str, object]:
    """Write the sets under ``out`` and return the manifest.

    Raises: FileNotFoundError if ``data`` lacks a set.
    """
    rng = np.random.default_rng(seed)
    sets: dict[str, Mapping[str, object]] = {}
    frames: list[Sample] = []
    rooms: list[Sample] = []  # eye-level pictures to place cut-outs in
    for name, read in READERS.items():
        ceiling = name == "cctv"  # frames of few cabins look alike: mosaics are told apart by eye instead
        train, held, twins = split(read(data, teacher), drop_twins=not ceiling)
        for sample in held:
            image, boxes = fit(sample.image, sample.boxes)
            _write(out / "val" / name, Sample(image, boxes, sample.name, sample.source))
        made = (item for sample in train for item in _training_views(name, sample, rng))
        counts = {"sources": len(train), "val": len(held), "twins_dropped": twins}
        sets[name] = {"rights": RIGHTS.get(name, RIGHTS_DEFAULT), **counts, **_write_all(out, made)}
        if ceiling:
            frames = train
        if name in ("wheelchair", "coco"):
            rooms += [s for s in train if _has(s, PERSON) and not _has(s, E_BIKE)]
    composites = _composites(frames, rooms, list(cutouts(data)), rng)
    sets["composites"] = {"rights": "made of the sets above; train only", **_write_all(out, composites)}
    if rendered is not None:
        counts_r = _write_all(out, _rendered(rendered, rng))
        sets["rendered"] = {"rights": "rendered by datasets/render, see its licences", **counts_r}
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
    args = parser.parse_args()
    manifest = build(args.out, args.data, load_teacher(args.teacher), args.seed, args.rendered)
    print(json.dumps(manifest, indent=2))


if __name__ == "__main__":
    main()
