"""Pictures of camera troubles: JPEG files in a folder of their own, the oldest of which make room.

They are no evidence of an event: they have no row in its chain and go by number, not by age.
"""

from __future__ import annotations

import contextlib
from datetime import UTC
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from api.cameras.records import CameraTrouble
from api.evidence.paths import check_path, delete_inside
from api.whole_file import write_whole
from vision.clips.pictures import jpeg
from vision.types import Image

KEPT: Final = 200
"""Pictures per box: at most some 20 MB, whatever a camera on a loose mount does."""
WIDTH_PX: Final = 960
QUALITY: Final = 85


def picture_path(trouble: CameraTrouble) -> str:
    """Where its picture belongs, inside the folder of camera pictures: a folder per elevator and month."""
    path = f"{trouble.elevator_id}/{trouble.reported_at.astimezone(UTC):%Y-%m}/{trouble.id}.jpg"
    check_path(path)
    return path


def keep_picture(root: Path, path: str, image: Image) -> None:
    """Write a picture, whole and synced or not at all, and drop the oldest beyond `KEPT`.

    Args: image is (H, W, 3) uint8 BGR. Raises: OSError.
    """
    height, width = image.shape[:2]
    if width > WIDTH_PX:
        size = (WIDTH_PX, max(1, round(height * WIDTH_PX / width)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(image.dtype, copy=False)
    data = jpeg(image, QUALITY)
    final = root / path
    final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(final, data)
    _make_room(root)


def marked(image: Image, box: tuple[float, float, float, float]) -> Image:
    """The (H, W, 3) picture with a frame around the thing in ``box`` (x1, y1, x2, y2 as shares of it)."""
    height, width = image.shape[:2]
    corner, other = ((round(x * width), round(y * height)) for x, y in (box[:2], box[2:]))
    thick = max(2, width // 200)
    drawn = cv2.rectangle(image.copy(), corner, other, (0, 0, 0), thick * 2)
    return np.asarray(cv2.rectangle(drawn, corner, other, (0, 200, 255), thick), np.uint8)


def _make_room(root: Path) -> None:
    # Names begin with a UUIDv7, which sorts by time.
    known = sorted(root.glob("*/*/*.jpg"), key=lambda p: p.name)
    for old in known[: max(0, len(known) - KEPT)]:
        with contextlib.suppress(OSError):
            delete_inside(root, old.relative_to(root).as_posix())
