"""Cut-outs seen from the ceiling: real e-bikes and people out of ceiling frames, and rendered vehicles.

A side view pressed flat never looks like a vehicle from above. These pieces do: the real ones are cut by
GrabCut and only those that a person has looked at are used (`labels/ceiling_cutouts.txt`); the rendered ones
come from `datasets/render/cutouts.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import Box, Sample
from datasets.composite import fit
from datasets.labels import LABELS
from datasets.shapes import Cutout, cut_out, largest_part, read_rgba
from vision.types import CLASS_NAMES, E_BIKE, PERSON, Image

RIM_SHARE = 0.04
"""Width of the rim inside a box that is taken for background at first, of its shorter side. Ours."""


def chosen(path: Path = LABELS / "ceiling_cutouts.txt") -> frozenset[str]:
    """Names ``frame#box`` of the cut-outs that somebody looked at and found good."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("# "))


def grab(image: Image, box: Box, not_these: Iterable[Box] = ()) -> NDArray[np.uint8] | None:
    """Mask (H, W), 0 or 255, of what is in ``box`` (GrabCut, Rother et al., SIGGRAPH 2004); None if it fails.

    Args: not_these: boxes whose pixels are guessed to be something else, such as the person in front.
    """
    h, w = image.shape[:2]
    x1, y1, x2, y2 = (round(v) for v in (box.x1, box.y1, box.x2, box.y2))
    rim = max(2, int(RIM_SHARE * min(x2 - x1, y2 - y1)))
    mask = np.full((h, w), cv2.GC_BGD, np.uint8)
    mask[y1:y2, x1:x2] = cv2.GC_PR_BGD
    mask[y1 + rim : y2 - rim, x1 + rim : x2 - rim] = cv2.GC_PR_FGD
    for other in not_these:
        part = mask[int(other.y1) : int(other.y2), int(other.x1) : int(other.x2)]
        part[part == cv2.GC_PR_FGD] = cv2.GC_PR_BGD
    if not (mask == cv2.GC_PR_FGD).any() or not (mask != cv2.GC_PR_FGD).any():
        return None
    try:
        cv2.grabCut(image, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # too few samples to fit the colour models
        return None
    found = np.where((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    closed = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)).astype(np.uint8)
    return largest_part(closed)


def from_frames(frames: Iterable[Sample], names: Collection[str]) -> Iterator[Cutout]:
    """The named e-bikes and people of ceiling frames, scaled so that the frame's longer side is 416 px."""
    for sample in frames:
        image, boxes = fit(sample.image, sample.boxes)
        for number, box in enumerate(boxes):
            if box.class_id not in (E_BIKE, PERSON) or f"{sample.name}#{number}" not in names:
                continue
            people = [b for b in boxes if b.class_id == PERSON] if box.class_id == E_BIKE else []
            mask = grab(image, box, people)
            piece = None if mask is None else cut_out(image, mask, box.class_id, sample.source)
            if piece is not None:
                yield piece


def rendered(folder: Path) -> Iterator[Cutout]:
    """RGBA renders named ``<class>_*.png``. Raises: ValueError for another name or no alpha channel."""
    by_length = sorted(CLASS_NAMES, key=len, reverse=True)
    for path in sorted(folder.glob("*.png")):
        name = next((c for c in by_length if path.name.startswith(f"{c}_")), None)
        if name is None:
            raise ValueError(f"{path}: expected a picture named '<class>_<anything>.png'")
        image, alpha = read_rgba(path)
        ys, xs = np.nonzero(alpha > 40)
        if not len(xs):
            continue
        inside = (slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1))
        # Thin frames fill little of their box, so the fill test of cut_out would drop real bicycles.
        yield Cutout(
            np.ascontiguousarray(image[inside]),
            np.ascontiguousarray(alpha[inside]),
            CLASS_NAMES.index(name),
            f"render/{path.stem}",
        )
