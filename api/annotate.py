"""Pictures with boxes drawn, written beside nothing that is already there."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from vision.errors import StorageError
from vision.types import CLASS_NAMES, Detections, Image

_COLOURS: Final = (
    (40, 40, 230),
    (200, 140, 30),
    (60, 170, 60),
    (190, 80, 170),
    (150, 150, 150),
    (30, 170, 230),
)
"""BGR per canonical class; red is the e-bike."""

_WRITABLE: Final = frozenset([".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"])
"""Kinds that a copy keeps; others become PNG."""


def draw_boxes(image: Image, found: Detections) -> Image:
    """A copy of ``image`` (H, W, 3) with a box, class and confidence per detection, the best on top."""
    canvas = image.copy()
    side = min(image.shape[:2])
    line = max(1, round(side / 240))
    scale = max(0.35, side / 900)
    for box, conf, class_id in zip(found.xyxy[::-1], found.conf[::-1], found.class_id[::-1], strict=True):
        x1, y1, x2, y2 = (round(float(v)) for v in box)
        colour = _COLOURS[class_id]
        cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, line)
        label = f"{CLASS_NAMES[class_id]} {conf:.2f}"
        (w, h), below = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        top = max(y1, h + below)  # inside the picture even when the box begins at its edge
        cv2.rectangle(canvas, (x1, top - h - below), (x1 + w, top), colour, cv2.FILLED)
        cv2.putText(
            canvas,
            label,
            (x1, top - below // 2),
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            (255, 255, 255),
            1,
            cv2.LINE_AA,
        )
    return canvas


def prepare_folder(folder: Path) -> None:
    """Make ``folder`` if needed. Raises: StorageError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageError(
            f"cannot make the folder {folder} ({exc.strerror or exc}); choose another one"
        ) from exc


def write_copy(folder: Path, name: str, image: Image) -> Path:
    """Write ``image`` into ``folder`` as ``name``; if that is taken, as ``name-2`` and so on.

    Nothing that exists is ever overwritten, inputs and earlier copies included. Returns: the path.
    Raises: StorageError if it cannot be encoded or written.
    """
    given = Path(name)
    suffix = given.suffix if given.suffix.lower() in _WRITABLE else ".png"
    encoded, data = cv2.imencode(suffix.lower(), np.ascontiguousarray(image))
    if not encoded:
        raise StorageError(f"cannot write {name} as {suffix}; rename the input to .jpg")
    for number in count(1):
        path = folder / f"{given.stem}{'' if number == 1 else f'-{number}'}{suffix}"
        try:
            with path.open("xb") as file:
                file.write(data.tobytes())
        except FileExistsError:
            continue
        except OSError as exc:
            raise StorageError(
                f"cannot write {path} ({exc.strerror or exc}); free some space or choose another folder"
            ) from exc
        return path
    raise AssertionError("count() does not end")
