"""Pictures side by side on one sheet, so that somebody can look at many at a glance."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from vision.types import Image

GROUND = 40
"""Grey around and behind the tiles."""
LINE_PX = 16
"""Height of a caption."""


def tile(image: Image, size_wh: tuple[int, int], caption: str = "") -> Image:
    """``image`` at the top left of a tile of ``size_wh`` pixels, as large as fits, its caption below it."""
    w, h = size_wh
    room = (w - 4, h - 4 - (LINE_PX if caption else 0))
    scale = min(room[0] / image.shape[1], room[1] / image.shape[0])
    wanted = (max(1, int(image.shape[1] * scale)), max(1, int(image.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    out = np.full((h, w, 3), GROUND, np.uint8)
    out[: wanted[1], : wanted[0]] = cv2.resize(image, wanted, interpolation=how)
    if caption:
        cv2.putText(out, caption, (2, h - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return out


def sheet(tiles: Iterable[Image], columns: int) -> Image:
    """Tiles of one size in rows; a single grey pixel if there are none."""
    laid = list(tiles)
    if not laid:
        return np.full((1, 1, 3), GROUND, np.uint8)
    laid += [np.full_like(laid[0], GROUND)] * (-len(laid) % columns)
    rows = [np.hstack(laid[i : i + columns]) for i in range(0, len(laid), columns)]
    return np.vstack(rows).astype(np.uint8)
