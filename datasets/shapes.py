"""Object shapes from pictures that already show them alone: an alpha channel, or a plain background.

A shape is a mask; its bounding box labels the picture, and mask plus pixels make a cut-out for compositing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import Box
from vision.types import Image

BORDER_SHARE = 0.02
"""Width of the rim that is taken for background, as a share of the shorter side. Ours."""
BACKGROUND_DISTANCE = 18.0
"""Largest 8-bit colour distance (max over channels) to the rim's median that is still background. By eye."""
PLAIN_RIM_SHARE = 0.85
"""Share of the rim that must look like its median before the background is called plain. Ours, by eye."""


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """An object without its background."""

    image: Image  # (H, W, 3) uint8 BGR, cropped to the object
    alpha: NDArray[np.uint8]  # (H, W), 0 = background
    class_id: int
    source: str  # original picture; splits go by this


def largest_part(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest connected part of a mask (logos and spare seats next to the object fall away)."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask > 0).astype(np.uint8), connectivity=8)
    if count <= 1:
        return np.zeros_like(mask)
    best = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.where(labels == best, mask, 0).astype(np.uint8)


def mask_box(mask: NDArray[np.uint8], class_id: int, threshold: int = 40) -> Box | None:
    """Bounding box of what is above ``threshold`` in a mask; None if nothing is."""
    ys, xs = np.nonzero(mask > threshold)
    if not len(xs):
        return None
    return Box(class_id, float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))


def plain_mask(image: Image) -> NDArray[np.uint8] | None:
    """Mask of the object on a plain background, or None if the background is not plain.

    Flood fill from the rim, so that holes of background colour inside the object stay part of it.
    """
    h, w = image.shape[:2]
    rim = max(2, round(min(h, w) * BORDER_SHARE))
    edge = np.concatenate(
        [
            image[:rim].reshape(-1, 3),
            image[:, :rim].reshape(-1, 3),
            image[:, -rim:].reshape(-1, 3),
            image[-rim:].reshape(-1, 3),
        ]
    ).astype(np.float32)
    colour = np.median(edge, axis=0)
    if float(np.mean(np.abs(edge - colour).max(axis=1) < BACKGROUND_DISTANCE)) < PLAIN_RIM_SHARE:
        return None
    like_background = (np.abs(image.astype(np.float32) - colour).max(axis=2) < BACKGROUND_DISTANCE).astype(
        np.uint8
    )
    # One pixel of background around the picture makes all background touching the rim one part.
    padded = cv2.copyMakeBorder(like_background, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, labels = cv2.connectedComponents(padded, connectivity=4)
    outside = labels[1:-1, 1:-1] == labels[0, 0]
    mask = np.where(outside, 0, 255).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(np.uint8)
    return largest_part(mask)


def read_rgba(path: Path) -> tuple[Image, NDArray[np.uint8]]:
    """Colours (H, W, 3) BGR and alpha (H, W), both uint8. Raises: ValueError if there is no alpha channel."""
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim != 3 or raw.shape[2] != 4 or raw.dtype != np.uint8:
        raise ValueError(f"{path}: not a picture with an alpha channel of 8 bits (RGBA)")
    eight = np.asarray(raw, np.uint8)
    return np.ascontiguousarray(eight[:, :, :3]), np.ascontiguousarray(eight[:, :, 3])


def read_with_shape(path: str) -> tuple[Image, NDArray[np.uint8] | None]:
    """A picture over white, and its shape if it has one (alpha or plain background).

    Raises: ValueError if the file cannot be decoded.
    """
    raw = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    if raw is None:
        raise ValueError(f"{path}: cannot be decoded as a picture")
    if raw.ndim == 2:
        raw = cv2.cvtColor(raw, cv2.COLOR_GRAY2BGR)
    if raw.shape[2] == 4 and int(raw[:, :, 3].min()) < 128:
        alpha = raw[:, :, 3:].astype(np.float32) / 255
        image = (raw[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
        return image, largest_part(raw[:, :, 3].astype(np.uint8))
    image = np.ascontiguousarray(raw[:, :, :3]).astype(np.uint8)
    return image, plain_mask(image)


def cut_out(image: Image, mask: NDArray[np.uint8], class_id: int, source: str) -> Cutout | None:
    """Crop to the mask and soften its edge by a pixel; None if the shape cannot be an object.

    A shape that fills its box entirely is a failed mask (a photo), one that fills hardly any of it is noise.
    """
    box = mask_box(mask, class_id)
    if box is None:
        return None
    x1, y1, x2, y2 = (int(v) for v in (box.x1, box.y1, box.x2, box.y2))
    alpha = mask[y1:y2, x1:x2]
    fill = float(np.mean(alpha > 128))
    if not 0.15 < fill < 0.97 or min(alpha.shape) < 40:
        return None
    soft = cv2.GaussianBlur(cv2.erode(alpha, np.ones((3, 3), np.uint8)), (3, 3), 0).astype(np.uint8)
    return Cutout(image[y1:y2, x1:x2].copy(), soft, class_id, source)
