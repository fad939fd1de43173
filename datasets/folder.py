"""A set on disk in YOLO form: ``images/NAME.jpg`` beside ``labels/NAME.txt``, and hashes over all of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from datasets.boxes import Sample, read_yolo, yolo_text
from vision.types import CLASS_NAMES

JPEG_QUALITY = 92


def write_sample(folder: Path, sample: Sample) -> None:
    """Write one picture and its labels."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    h, w = sample.image.shape[:2]
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    cv2.imwrite(str(folder / "images" / f"{sample.name}.jpg"), sample.image, quality)
    (folder / "labels" / f"{sample.name}.txt").write_text(yolo_text(sample.boxes, (w, h)))


def write_all(folder: Path, samples: Iterable[Sample]) -> dict[str, int]:
    """Write samples one by one. Returns: how many under the folder's name, and boxes as FOLDER_CLASS."""
    counts: Counter[str] = Counter()
    for item in samples:
        write_sample(folder, item)
        counts[folder.name] += 1
        counts.update(f"{folder.name}_{CLASS_NAMES[b.class_id]}" for b in item.boxes)
    return dict(counts)


def read_rendered(folder: Path) -> Iterator[Sample]:
    """Rendered cabins in YOLO form, as they are. Raises: ValueError for a file that is no picture."""
    return read_folder(folder, "render")


def read_folder(folder: Path, origin: str) -> Iterator[Sample]:
    """What `write_sample` wrote, named after ``origin``. Raises: ValueError for a file that is no picture."""
    for path in sorted((folder / "images").iterdir()):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f"{path}: cannot be decoded as a picture")
        h, w = image.shape[:2]
        boxes = read_yolo(folder / "labels" / f"{path.stem}.txt", (w, h))
        yield Sample(image.astype(np.uint8), boxes, f"{origin}_{path.stem}", f"{origin}/{path.stem}")


def folder_digest(folder: Path) -> str:
    """SHA-256 over names and contents of all files under ``folder``, in name order."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
