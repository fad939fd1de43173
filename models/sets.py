"""Labelled pictures: YOLO folders, plain folders of which one class is known, and judged events.

A set is one of
- a folder with ``images/`` and ``labels/`` (YOLO text, ``class cx cy w h`` relative, our class order);
- a plain folder of pictures together with the class that every picture holds;
- what people judged: a folder with ``judged.jsonl``, one JSON object per line with ``image`` (a path in the
  folder), ``verdict`` (confirmed, false_alarm or unsure) and, for a false alarm, ``reason`` (what it was).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from vision.errors import ConfigError
from vision.types import CLASS_NAMES, E_BIKE, Image

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
UNRELATED: Final = "negative"
"""What `datasets.build` calls its set of pictures of arbitrary things."""
JUDGED: Final = "judged.jsonl"
"""The file that makes a folder an export of judged events."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """One picture and what is truly in it."""

    path: Path
    xyxy: NDArray[np.float32]  # (N, 4) pixels; empty for plain folders
    class_id: NDArray[np.int64]  # (N,)
    present: frozenset[int]  # classes that the picture holds, boxes or not
    size_wh: tuple[int, int]
    unrelated: bool = False  # of arbitrary things, not from where the camera will look
    boxed: bool = True  # whether the boxes are all there; False: only `present` is known


def load_picture(path: Path) -> Image:
    """(H, W, 3) uint8 BGR. Raises: ConfigError if it cannot be decoded."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ConfigError(f"{path}: cannot be decoded as a picture; remove it or convert it")
    return image.astype(np.uint8, copy=False)


def picture_paths(folder: Path) -> list[Path]:
    """Pictures right in a folder, or in its ``images/``, by name. Raises: ConfigError if there are none."""
    pictures = folder / "images" if (folder / "images").is_dir() else folder
    paths = sorted(p for p in pictures.iterdir() if p.suffix.lower() in PICTURES) if pictures.is_dir() else []
    if not paths:
        raise ConfigError(
            f"{pictures}: no pictures; give a folder with images/ and labels/, or with pictures"
        )
    return paths


def count_pictures(folder: Path) -> int:
    """How many pictures `read_set` will give, about (unsure ones are left out there). For progress bars."""
    judged = folder / JUDGED
    return len(judged.read_text("utf-8").splitlines()) if judged.is_file() else len(picture_paths(folder))


def read_set(folder: Path, expect: int | None = None) -> Iterator[tuple[Labelled, Image]]:
    """Pictures of one set with their truth, see the module's docstring.

    Args: expect: class that every picture holds even if no box says so (incomplete labels).
    Raises: ConfigError for an empty folder, a plain folder without ``expect``, classes in another order than
    ours, or a malformed label or verdict.
    """
    if (folder / JUDGED).is_file():
        yield from _read_judged(folder)
        return
    paths, labels = picture_paths(folder), folder / "labels"
    if not labels.is_dir() and expect is None:
        raise ConfigError(f"{folder}: no labels/ folder; say what every picture holds, e.g. --expect e_bike")
    check_class_order(folder)
    for path in paths:
        image = load_picture(path)
        h, w = image.shape[:2]
        rows = _rows(labels / f"{path.stem}.txt")
        class_id = rows[:, 0].astype(np.int64)
        centre, half = rows[:, 1:3], rows[:, 3:5] / 2
        xyxy = (np.concatenate([centre - half, centre + half], axis=1) * [w, h, w, h]).astype(np.float32)
        present = frozenset(int(c) for c in class_id) | (frozenset() if expect is None else {expect})
        unrelated = folder.name == UNRELATED
        yield Labelled(path, xyxy, class_id, present, (w, h), unrelated, boxed=expect is None), image


def check_class_order(folder: Path) -> None:
    """Compare ``classes.txt`` or ``data.yaml`` of a YOLO set, where there is one, with our classes.

    Raises: ConfigError if they name other classes or another order: every figure would be nonsense.
    """
    listed: list[str] = []
    if (folder / "classes.txt").is_file():
        listed = (folder / "classes.txt").read_text("utf-8").split()
    elif (folder / "data.yaml").is_file():
        names = (yaml.safe_load((folder / "data.yaml").read_text("utf-8")) or {}).get("names", [])
        listed = [str(names[key]) for key in sorted(names)] if isinstance(names, dict) else [*map(str, names)]
    if listed and tuple(listed) != CLASS_NAMES:
        raise ConfigError(
            f"{folder} has the classes {', '.join(listed[:8])}; the figures need {', '.join(CLASS_NAMES)} in "
            "this order: relabel the set"
        )


def _rows(path: Path) -> NDArray[np.float64]:
    if not path.exists() or not path.read_text().strip():
        return np.zeros((0, 5))
    try:
        rows = np.loadtxt(path, ndmin=2, dtype=np.float64)
    except ValueError as exc:
        raise ConfigError(f"{path}: not YOLO text ('class cx cy w h' per line): {exc}") from exc
    if rows.shape[1] != 5 or rows[:, 0].min() < 0 or rows[:, 0].max() >= len(CLASS_NAMES):
        raise ConfigError(
            f"{path}: expected 'class cx cy w h', classes 0..{len(CLASS_NAMES) - 1}; found {rows[0].tolist()}"
        )
    return rows


def _read_judged(folder: Path) -> Iterator[tuple[Labelled, Image]]:
    """Judged events: a confirmed one holds an e-bike, a false alarm what its reason says, if a class."""
    some = False
    for number, line in enumerate((folder / JUDGED).read_text("utf-8").splitlines(), 1):
        where = f"{folder / JUDGED}, line {number}"
        present = _judged_classes(line, where)
        if present is None:
            continue
        path = (folder / str(json.loads(line)["image"])).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ConfigError(f"{where}: {path} lies outside of the folder; export the events again")
        image = load_picture(path)
        some = True
        none = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
        yield Labelled(path, *none, present, (image.shape[1], image.shape[0]), boxed=False), image
    if not some:
        raise ConfigError(
            f"{folder / JUDGED}: no event is judged confirmed or false_alarm; review some first"
        )


def _judged_classes(line: str, where: str) -> frozenset[int] | None:
    """The classes that a judged picture holds; None for an unsure one."""
    try:
        row: Any = json.loads(line)
        verdict, reason = row["verdict"], row.get("reason")
        has_image = isinstance(row["image"], str)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ConfigError(f"{where}: needs a JSON object with image and verdict; got {line!r:.80}") from exc
    if verdict not in ("confirmed", "false_alarm", "unsure") or not has_image:
        raise ConfigError(f"{where}: verdict must be confirmed, false_alarm or unsure; got {verdict!r}")
    if verdict == "unsure":
        return None
    if verdict == "confirmed":
        return frozenset({E_BIKE})
    known = reason in CLASS_NAMES and reason != CLASS_NAMES[E_BIKE]
    return frozenset({CLASS_NAMES.index(reason)}) if known else frozenset()
