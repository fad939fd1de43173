"""Reads each set of the local data folder into labelled samples, with our corrections applied.

Check-only sets (`CHECK_ONLY`) are never read here. Splits go by `Sample.source`, see `datasets.build`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from datasets.boxes import Box, Sample, overlap_share, read_yolo
from datasets.composite import fit
from datasets.labels import LABELS, cut_frame, read_boxes, read_frames
from datasets.shapes import Cutout, cut_out, largest_part, mask_box, read_rgba, read_with_shape
from vision.types import BICYCLE, E_BIKE, KICK_SCOOTER, PERSON, STROLLER, WHEELCHAIR, Image

CHECK_ONLY = ("elevator_photos", "elevator_cctv_val", "elevator_cctv_sequence")
SURE, UNSURE = 0.4, 0.25
"""Teacher confidence: label from `SURE` on; between the two a picture may be left out. Ours, by eye."""

STROLLER_DROPS = frozenset(
    f"stroller_{n:04d}" for n in (24, 34, 67, 75, 95, 127, 128, 129, 130, 131)
)  # tricycle, AI scene, broken picture, shadow, folded, doll prams
MOPED_LIKE = frozenset(f"ebike_pedal_{n:04d}" for n in (404, 405, 411))
"""Pedal e-bikes with a moped's looks; the other pedal e-bikes look like bicycles and are left out."""
NOT_E_BIKES = frozenset(
    f"{folder}/{name}.jpg"
    for folder, names in {
        "wheelchair/images": ("date-20230821_00184", "date-20230821_00262", "dd_58", "person_00104"),
        "bicycle_with_rider/images": ("197", "alley-1836919__340", "cycling-659792__340"),
        "negatives/general": ("n02966193_carousel", "n04252077_snowmobile"),
    }.items()
    for name in names
)
"""Pictures in which what the teacher calls a motorcycle is none: powered wheelchairs, a pram, bicycles, a toy
quad, a snowmobile. All of its e-bikes in these three folders were looked at (24 pictures)."""

Teacher = Mapping[str, list[list[float]]]


def load_teacher(path: Path) -> Teacher:
    """Boxes written by `datasets.relabel`: {picture: [[class, conf, x1, y1, x2, y2 relative], ...]}."""
    data: Teacher = json.loads(path.read_text())
    return data


def _picture(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path}: cannot be decoded as a picture")
    return image.astype(np.uint8)


def _taught(teacher: Teacher, key: str, image: Image, wanted: set[int], conf: float = SURE) -> list[Box]:
    h, w = image.shape[:2]
    return [
        Box(int(row[0]), row[2] * w, row[3] * h, row[4] * w, row[5] * h)
        for row in teacher.get(key, [])
        if int(row[0]) in wanted and row[1] >= conf and not (int(row[0]) == E_BIKE and key in NOT_E_BIKES)
    ]


def _unsure(teacher: Teacher, key: str) -> bool:
    return any(UNSURE <= row[1] < SURE for row in teacher.get(key, []))


def _sample(image: Image, boxes: list[Box], name: str, source: str) -> Sample:
    small, fitted = fit(image, boxes)
    return Sample(small, fitted, name, source)


def mosaics(data: Path, _teacher: Teacher) -> Iterator[Sample]:
    """Single ceiling-camera frames, hand-corrected. Frames stay at their own size."""
    for label in read_frames():
        yield cut_frame(_picture(data / "elevator_cctv_mosaics/images" / f"{label.picture}.jpg"), label)


def _two_wheelers(data: Path) -> Iterator[tuple[Path, str, str, str]]:
    with (data / "photos/two_wheelers.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            group = f"{row['file'].split('/')[0]}/view{row['same_view_group'] or row['file']}"
            yield data / "photos" / row["file"], row["background"], row["notes"] or "", group


def _photo(
    path: Path, key: str, group: str, class_id: int, teacher: Teacher, *, people: bool
) -> Sample | None:
    image, mask = read_with_shape(str(path))
    box = mask_box(mask, class_id) if mask is not None else None
    boxes = [box] if box and box.area < 0.98 * image.shape[0] * image.shape[1] else []
    if not boxes:
        boxes = _taught(teacher, key, image, {class_id})
    if not boxes:
        return None
    if people:
        boxes += _taught(teacher, key, image, {PERSON})
    return _sample(image, boxes, path.stem, group)


def two_wheeler_set(folder: str, class_id: int) -> Callable[[Path, Teacher], Iterator[Sample]]:
    """Reader of one folder of ``photos/two_wheelers.csv``."""

    def read(data: Path, teacher: Teacher) -> Iterator[Sample]:
        for path, _, notes, group in _two_wheelers(data):
            if path.parent.name != folder or "box_unreliable" in notes or "tricycle" in notes:
                continue
            if folder == "ebike_pedal" and path.stem not in MOPED_LIKE:
                continue
            key = str(path.relative_to(data))
            sample = _photo(path, key, group, class_id, teacher, people=True)
            if sample is not None:
                yield sample

    return read


def strollers(data: Path, _teacher: Teacher) -> Iterator[Sample]:
    """Strollers alone on plain backgrounds, and hand-drawn boxes in scenes."""
    with (data / "photos/strollers.csv").open(encoding="utf-8") as file:
        origin = {row["file"]: row["source"].split("__")[0] for row in csv.DictReader(file)}
    for path in sorted((data / "photos/stroller").iterdir()):
        if path.stem in STROLLER_DROPS:
            continue
        image, mask = read_with_shape(str(path))
        box = mask_box(mask, STROLLER) if mask is not None else None
        if box is not None and box.area < 0.98 * image.shape[0] * image.shape[1]:
            group = f"stroller/{origin.get(f'stroller/{path.name}', path.stem)}"
            yield _sample(image, [box], path.stem, group)
    for key, relative in read_boxes(LABELS / "strollers.txt").items():
        path = data / "photos" / f"{key}.jpg"
        if not path.exists():
            continue
        image = _picture(path)
        h, w = image.shape[:2]
        boxes = [Box(b.class_id, b.x1 * w, b.y1 * h, b.x2 * w, b.y2 * h) for b in relative]
        yield _sample(image, boxes, path.stem, f"stroller/{origin.get(f'{key}.jpg', path.stem)}")


def yolo_set(folder: str, add: set[int]) -> Callable[[Path, Teacher], Iterator[Sample]]:
    """Reader of a YOLO folder; the teacher adds objects of the classes ``add`` that nobody labelled."""

    def read(data: Path, teacher: Teacher) -> Iterator[Sample]:
        for path in sorted((data / folder / "images").iterdir()):
            image = _picture(path)
            h, w = image.shape[:2]
            boxes = list(read_yolo(data / folder / "labels" / f"{path.stem}.txt", (w, h)))
            for box in _taught(teacher, str(path.relative_to(data)), image, add):
                # A sitter belongs to the wheelchair, a rider's own box to the label that is there already.
                if all(overlap_share(box, old) < 0.6 for old in boxes):
                    boxes.append(box)
            yield _sample(image, boxes, f"{folder}_{path.stem}", f"{folder}/{path.stem}")

    return read


def riders(data: Path, teacher: Teacher) -> Iterator[Sample]:
    """Outdoor cyclists: the rough joint boxes are replaced by the teacher's bicycle and person."""
    for path in sorted((data / "bicycle_with_rider/images").iterdir()):
        image = _picture(path)
        key = str(path.relative_to(data))
        boxes = _taught(teacher, key, image, {BICYCLE, PERSON, E_BIKE})
        if any(b.class_id == BICYCLE for b in boxes):
            yield _sample(image, boxes, f"rider_{path.stem}", f"rider/{path.stem}")


def negatives(data: Path, teacher: Teacher) -> Iterator[Sample]:
    """Pictures of anything else; what the teacher is unsure about is left out."""
    for path in sorted((data / "negatives/general").iterdir()):
        key = str(path.relative_to(data))
        if _unsure(teacher, key):
            continue
        image = _picture(path)
        boxes = _taught(teacher, key, image, {PERSON, BICYCLE, E_BIKE})
        yield _sample(image, boxes, f"negative_{path.stem}", f"negative/{path.stem}")


READERS: Mapping[str, Callable[[Path, Teacher], Iterator[Sample]]] = {
    "cctv": mosaics,
    "emoped": two_wheeler_set("emoped", E_BIKE),
    "ebike_pedal": two_wheeler_set("ebike_pedal", E_BIKE),
    "bicycle": two_wheeler_set("bicycle", BICYCLE),
    "kick_scooter": two_wheeler_set("kick_scooter", KICK_SCOOTER),
    "stroller": strollers,
    "street": yolo_set("street_mopeds", {PERSON, BICYCLE}),
    "wheelchair": yolo_set("wheelchair", {E_BIKE, BICYCLE}),
    "coco": yolo_set("coco128", set()),
    "rider": riders,
    "negative": negatives,
}
"""Set name -> reader(data folder, teacher boxes)."""


def cutouts(data: Path, wanted: Callable[[str], bool] = lambda _source: True) -> Iterator[Cutout]:
    """Objects without background: given cut-outs, product photos with alpha, objects on plain white.

    Args: wanted: of which sources; the others are not decoded.
    """
    with (data / "photos/strollers.csv").open(encoding="utf-8") as file:
        origin = {Path(row["file"]).stem: row["source"].split("__")[0] for row in csv.DictReader(file)}
    for folder, class_id in (("stroller", STROLLER), ("wheelchair", WHEELCHAIR)):
        for path in sorted((data / "cutouts" / folder).iterdir()):
            source = (
                f"stroller/{origin.get(path.stem, path.stem)}"
                if class_id == STROLLER
                else f"cutout/{path.stem}"
            )
            if path.stem in STROLLER_DROPS or not wanted(source):
                continue
            image, alpha = read_rgba(path)
            cutout = cut_out(image, largest_part(alpha), class_id, source)
            if cutout is not None:
                yield cutout
    for path, background, notes, group in _two_wheelers(data):
        class_id = {"emoped": E_BIKE, "bicycle": BICYCLE, "kick_scooter": KICK_SCOOTER}.get(
            path.parent.name, -1
        )
        if class_id < 0 or background == "scene" or "box_unreliable" in notes or "tricycle" in notes:
            continue
        if not wanted(group):
            continue
        image, mask = read_with_shape(str(path))
        cutout = cut_out(image, mask, class_id, group) if mask is not None else None
        if cutout is not None:
            yield cutout
