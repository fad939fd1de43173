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
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from datasets.boxes import Sample, read_yolo, yolo_text
from datasets.ceiling import scene
from datasets.choosing import chosen_pieces
from datasets.composite import OUT_PX, Rng, distant, fit, place, quarter_turned, view
from datasets.faults import recorded
from datasets.landing import landings
from datasets.pieces import chosen, from_frames
from datasets.pieces import rendered as rendered_pieces
from datasets.shapes import Cutout
from datasets.sources import CHECK_ONLY, READERS, Teacher, cutouts, load_teacher
from datasets.split import is_val, split
from datasets.standing import standing
from datasets.whole import KINDS, SET
from vision.types import BICYCLE, CLASS_NAMES, E_BIKE, KICK_SCOOTER, PERSON, STROLLER, WHEELCHAIR

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
PASTED: Mapping[int, int] = {E_BIKE: 90, STROLLER: 60, WHEELCHAIR: 50, BICYCLE: 50, KICK_SCOOTER: 10}
"""Composites on ceiling frames per class of side-view cut-out."""
PASTED_EYE_LEVEL: Mapping[int, int] = {E_BIKE: 670, STROLLER: 260, BICYCLE: 240, KICK_SCOOTER: 30}
"""Composites on pictures of people and rooms taken at eye level, as a landing camera or a phone sees it."""
PASTED_BEHIND = 450
"""Rendered e-bikes from behind beside people: shop photos, and so the cut-outs, are taken from the side."""
CEILING_REAL = 700
"""Scenes of real e-bikes cut out of ceiling frames, laid into other cabins and rooms."""
CEILING_RENDERED: Mapping[int, int] = {
    E_BIKE: 160, STROLLER: 200, WHEELCHAIR: 180, BICYCLE: 150, KICK_SCOOTER: 25,
}  # fmt: skip
"""Scenes of vehicles rendered from above, laid into real cabins."""
GROUND_SHARES = (0.45, 0.2, 0.23, 0.12)
"""Of ceiling scenes: on frames without vehicles, any frames, in rendered cabins, on other pictures."""
CEILING_PEOPLE = 110
"""Scenes of people alone under the ceiling camera."""

RIGHTS: Mapping[str, str] = {
    "cctv": "surveillance frames from a public repository, rights unstated; train only",
    "street": "CC BY 4.0",
    "coco": "COCO 2017 subset; annotations CC BY 4.0, pictures under their Flickr terms; train only",
    "wheelchair": "web, shop and Kaggle pictures, mixed and mostly unstated; train only",
}
RIGHTS_DEFAULT = "web and shop pictures, rights unstated; train only"


def write_sample(folder: Path, sample: Sample) -> None:
    """Write one picture and its labels into a folder in YOLO form."""
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


def _times(count: float, rng: Rng) -> range:
    """A fraction keeps that share."""
    return range(int(count) + int(rng.random() < count - int(count)))


def _views(sample: Sample, count: float, rng: Rng, turn_deg: float) -> list[Sample]:
    return [view(sample, rng, f"{sample.name}_v{i}", turn_deg) for i in _times(count, rng)]


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


def has_class(sample: Sample, class_id: int) -> bool:
    """Whether an object of that class is labelled."""
    return any(b.class_id == class_id for b in sample.boxes)


def _training_views(name: str, sample: Sample, rng: Rng) -> list[Sample]:
    if name == "cctv":
        return _ceiling_views(sample, rng)
    count = VIEWS_EMPTY_CHAIRS if sample.source.startswith("wheelchair/dd") else VIEWS[name]
    far = [distant(sample, rng, f"{sample.name}_f{i}") for i in _times(FAR_VIEWS.get(name, 0.0), rng)]
    return _views(sample, count, rng, 10.0) + far


def _write_all(out: Path, samples: Iterable[Sample]) -> dict[str, int]:
    """Write training pictures and count them and their boxes."""
    counts: Counter[str] = Counter()
    for item in samples:
        write_sample(out / "train", item)
        counts["train"] += 1
        counts.update(f"train_{CLASS_NAMES[b.class_id]}" for b in item.boxes)
    return dict(counts)


def _roomy(sample: Sample, longest: float = 2.4) -> bool:
    """Large enough, and not a strip, so that a vehicle can stand in it."""
    h, w = sample.image.shape[:2]
    return bool(min(h, w) > 100 and max(h, w) < longest * min(h, w))


def cabins_of(frames: list[Sample]) -> list[Sample]:
    """Ceiling frames without a vehicle, with room for one."""
    return [f for f in frames if _roomy(f, 1.8) and all(b.class_id == PERSON for b in f.boxes)]


def _composites(
    frames: list[Sample], rooms: list[Sample], pieces: list[Cutout], rng: Rng
) -> Iterator[Sample]:
    """Side-view cut-outs on ceiling frames without an e-bike, and in eye-level rooms."""
    backgrounds = [f for f in frames if all(b.class_id == PERSON for b in f.boxes) and _roomy(f)]
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


def _from_behind(rooms: list[Sample], pieces: list[Cutout], rng: Rng) -> Iterator[Sample]:
    """E-bikes from behind in eye-level rooms, now and then two."""
    for i in range(PASTED_BEHIND if rooms and pieces else 0):
        laid = [pieces[int(rng.integers(len(pieces)))] for _ in range(1 + int(rng.random() < 0.15))]
        yield place(rooms[int(rng.integers(len(rooms)))], laid, rng, f"behind_{i}", eye_level=True)


def _ceiling_scenes(
    frames: list[Sample],
    drawn: list[Sample],
    others: list[Sample],
    real: list[Cutout],
    pieces: list[Cutout],
    rng: Rng,
) -> Iterator[Sample]:
    """Real and rendered pieces seen from above, laid into cabins and other pictures."""
    cabins = cabins_of(frames)
    grounds_by_kind = [cabins, [f for f in frames if _roomy(f, 1.8)], drawn or cabins, others or cabins]
    people = [c for c in real if c.class_id == PERSON]
    bikes = [c for c in real if c.class_id == E_BIKE]
    plans = [("real", bikes, CEILING_REAL), ("people", [], CEILING_PEOPLE)]
    for class_id, count in CEILING_RENDERED.items():
        plans.append((CLASS_NAMES[class_id], [c for c in pieces if c.class_id == class_id], count))
    rest = [c for c in pieces if c.class_id != E_BIKE]
    for label, own, count in plans:
        for i in range(count if cabins and (own or label == "people") else 0):
            grounds = grounds_by_kind[int(rng.choice(4, p=GROUND_SHARES))]
            ground = grounds[int(rng.integers(len(grounds)))]
            laid = [own[int(rng.integers(len(own)))]] if own else []
            if own and rest and rng.random() < 0.2:  # a second vehicle, now and then
                laid.append(rest[int(rng.integers(len(rest)))])
            cloths = [others[int(rng.integers(len(others)))].image] if others else []
            source = laid[0].source if laid else ground.source
            made = scene(ground, laid, people, cloths, rng, f"ceiling_{label}_{i}", source)
            if made is not None:
                yield made


def read_rendered(folder: Path) -> Iterator[Sample]:
    """Rendered cabins in YOLO form, as they are. Raises: ValueError for a file that is no picture."""
    for path in sorted((folder / "images").iterdir()):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f"{path}: cannot be decoded as a picture")
        h, w = image.shape[:2]
        boxes = read_yolo(folder / "labels" / f"{path.stem}.txt", (w, h))
        yield Sample(image.astype(np.uint8), boxes, f"render_{path.stem}", f"render/{path.stem}")


@dataclass(frozen=True, slots=True)
class Folders:
    """What was made beforehand, each folder for one set; without it that set is left out."""

    rendered: Path | None = None  # cabins of render/training_stills.py, in YOLO form
    pieces: Path | None = None  # RGBA vehicles of render/cutouts.py
    landing: Path | None = None  # landings of render/training_stills.py --landing, in YOLO form
    behind: Path | None = None  # RGBA e-bikes of render/cutouts.py --behind
    whole: Path | None = None  # people that somebody chose, of datasets.whole --side train


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


def build(out: Path, data: Path, teacher: Teacher, seed: int, given: Folders) -> dict[str, object]:
    """Write the sets under ``out`` and return the manifest.

    Raises: FileNotFoundError if ``data`` lacks a set.
    """
    rng = np.random.default_rng(seed)
    sets: dict[str, Mapping[str, object]] = {}
    frames: list[Sample] = []
    others: list[Sample] = []  # pictures of anything else, as strange grounds and as cloth
    rooms: list[Sample] = []  # eye-level pictures to place cut-outs in
    for name, read in READERS.items():
        ceiling = name == "cctv"  # frames of few cabins look alike: mosaics are told apart by eye instead
        train, held, twins = split(read(data, teacher), drop_twins=not ceiling)
        for sample in held:
            image, boxes = fit(sample.image, sample.boxes)
            write_sample(out / "val" / name, Sample(image, boxes, sample.name, sample.source))
        made = (item for sample in train for item in _training_views(name, sample, rng))
        counts = {"sources": len(train), "val": len(held), "twins_dropped": twins}
        sets[name] = {"rights": RIGHTS.get(name, RIGHTS_DEFAULT), **counts, **_write_all(out, made)}
        if ceiling:
            frames = train
        if name == "negative":
            others += train
        if name in ("wheelchair", "coco"):
            rooms += [s for s in train if has_class(s, PERSON) and not has_class(s, E_BIKE)]
    from_above = list(rendered_pieces(given.pieces)) if given.pieces is not None else []
    drawn = [] if given.rendered is None else list(read_rendered(given.rendered))
    others = [o for o in others if all(b.class_id == PERSON for b in o.boxes) and _roomy(o)]
    real = list(from_frames(frames, chosen()))
    scenes = _ceiling_scenes(frames, drawn, others, real, from_above, rng)
    sets["ceiling"] = {
        "rights": "made of the sets above and of renders; train only",
        **_write_all(out, scenes),
    }
    sideways = list(cutouts(data))
    composites = _composites(frames, rooms, sideways, rng)
    sets["composites"] = {"rights": "made of the sets above; train only", **_write_all(out, composites)}
    if given.rendered is not None:
        # One view each: camera faults and small turns come on top.
        counts_r = _write_all(out, (view(s, rng, s.name, 12.0, E_BIKE) for s in drawn))
        sets["rendered"] = {"rights": "rendered by datasets/render, see its licences", **counts_r}
    if given.landing is not None:
        own = np.random.default_rng((seed, len(sets)))  # does not change what is drawn above
        counts_l = _write_all(out, landings(list(read_rendered(given.landing)), sideways, own))
        sets["landing"] = {"rights": "rendered, with cut-outs of the sets above; train only", **counts_l}
    if given.behind is not None:
        own = np.random.default_rng((seed, len(sets)))
        counts_b = _write_all(out, _from_behind(rooms, list(rendered_pieces(given.behind)), own))
        sets["behind"] = {"rights": "rendered, on pictures of the sets above; train only", **counts_b}
    if given.whole is not None:
        own = np.random.default_rng((seed, len(sets)))
        people = list(chosen_pieces(given.whole, KINDS, SET))
        bikes = [c for c in real if c.class_id == E_BIKE]
        vehicles = bikes + [c for c in people + sideways if c.class_id not in (E_BIKE, PERSON)]
        upright = [c for c in people if c.class_id == PERSON]
        upright_scenes = standing((cabins_of(frames), drawn, others), upright, vehicles, others, own)
        sets["standing"] = {"rights": "made of the sets above; train only", **_write_all(out, upright_scenes)}
    return _describe(out, seed, sets)


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
    parser.add_argument("--whole", type=Path, help="people chosen by eye (datasets.whole --side train)")
    args = parser.parse_args()
    teacher = load_teacher(args.teacher)
    given = Folders(args.rendered, args.pieces, args.landing, args.behind, args.whole)
    manifest = build(args.out, args.data, teacher, args.seed, given)
    print(json.dumps(manifest, indent=2))


if __name__ == "__main__":
    main()
