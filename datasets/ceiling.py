"""Scenes under the ceiling camera: pieces seen from above, laid into cabins they never stood in.

Unlike `composite.place`, every piece already has the right view, may lie anywhere, is often cut by the border
of the picture, and is often partly behind a person or under a cover.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import Box, Sample, overlap_share
from datasets.composite import Rng, camera_look, fit, recolour
from datasets.drawing import one_of
from datasets.faults import fisheye, recorded
from datasets.shapes import Cutout, mask_box
from vision.types import E_BIKE, PERSON, Image

LENGTH_SHARE = {E_BIKE: (0.4, 1.05), PERSON: (0.35, 0.9)}
LENGTH_OTHERS = (0.28, 0.85)
"""Longest side of a piece as a share of the picture's shorter side, as ceiling frames show them."""
SHOWN_SHARE = 0.3
"""A piece of which less than this share of its box is inside the picture is laid again. Ours."""
RENDERED_SHARE = 0.15
"""Of the scenes of `a_cabin`: in rendered cabins instead of real ones. Ours."""
CROWDED = 320
"""Scenes of `crowds`."""
HIDDEN_SHARE = 0.6
"""From this share of hidden pixels on, an object loses its label: nobody could name it. Ours, by eye."""


def turned(piece: Cutout, rng: Rng, length_px: float, turn_deg: float) -> tuple[Image, NDArray[np.uint8]]:
    """Picture and alpha of a piece, scaled to ``length_px``, turned by up to ``turn_deg``, maybe mirrored."""
    h, w = piece.alpha.shape
    scale = length_px / max(h, w)
    angle = math.radians(rng.uniform(-turn_deg, turn_deg))
    squeeze = rng.uniform(0.85, 1.15)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    matrix = np.array([[cos * mirror, -sin * squeeze, 0], [sin * mirror, cos * squeeze, 0]], np.float64)
    corners = matrix[:, :2] @ np.array([[0, w, w, 0], [0, 0, h, h]], np.float64)
    matrix[:, 2] = -corners.min(axis=1)
    size = tuple(math.ceil(v) + 1 for v in corners.max(axis=1) - corners.min(axis=1))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.warpAffine(piece.image, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(piece.alpha, matrix, size, flags=how)
    return image.astype(np.uint8), alpha.astype(np.uint8)


def covered(image: Image, alpha: NDArray[np.uint8], cloth: Image, rng: Rng) -> Image:
    """The piece with a quilt or rain cover over part of it: ``cloth`` as pattern, in the piece's shape."""
    h, w = alpha.shape
    plain = cv2.resize(recolour(cloth, rng), (w, h))
    pattern = cv2.GaussianBlur(plain, (0, 0), float(rng.uniform(0.5, 6.0))).astype(np.float32)
    blob = np.zeros((h, w), np.uint8)
    axes = (max(2, int(w * rng.uniform(0.25, 0.5))), max(2, int(h * rng.uniform(0.2, 0.45))))
    at = (int(w * rng.uniform(0.25, 0.75)), int(h * rng.uniform(0.2, 0.7)))
    cv2.ellipse(blob, at, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    soft = cv2.GaussianBlur(blob, (5, 5), 0).astype(np.float32)[:, :, None] / 255
    own = image.astype(np.float32)
    shade = own.mean(axis=2, keepdims=True) / max(float(own.mean()), 1.0)  # folds follow what lies below
    mixed = np.clip(own * (1 - soft) + pattern * (0.6 + 0.4 * shade) * soft, 0, 255)
    out: Image = mixed.astype(np.uint8)
    return out


def _lit(
    piece: Image, alpha: NDArray[np.uint8], around: NDArray[np.float32], rng: Rng
) -> NDArray[np.float32]:
    """The piece in the light of where it lies: dark things stay darker than the wall, white ones lighter."""
    inside = alpha > 128
    own = float(piece[inside].mean()) if inside.any() else 128.0
    gain = (float(around.mean()) / max((own + 110.0) / 2, 1.0)) ** rng.uniform(0.3, 0.8)
    cast = around.reshape(-1, 3).mean(axis=0) / max(float(around.mean()), 1.0)
    out: NDArray[np.float32] = np.clip(piece.astype(np.float32) * gain * cast**0.5, 0, 255).astype(np.float32)
    return out


class Scene:
    """A cabin picture into which pieces are laid one by one; later ones lie in front."""

    def __init__(self, ground: Sample, rng: Rng) -> None:
        """Start from a labelled picture, scaled to the set's size."""
        image, boxes = fit(ground.image, ground.boxes)
        if rng.random() < 0.5:
            w = image.shape[1]
            image = np.ascontiguousarray(image[:, ::-1])
            boxes = tuple(Box(b.class_id, w - b.x2, b.y1, w - b.x1, b.y2) for b in boxes)
        self.canvas: NDArray[np.float32] = image.astype(np.float32)
        self.boxes: list[Box] = list(boxes)
        self._shapes: list[tuple[int, NDArray[np.uint8]]] = []  # what was laid, to measure what is hidden
        self._rng = rng

    def lay(
        self, piece: Cutout, turn_deg: float, *, over: Box | None = None, cloth: Image | None = None
    ) -> Box | None:
        """Lay one piece; its box, or None if there was no room.

        Args: over: put it partly in front of this box. cloth: cover part of it with this pattern.
        """
        rng, (h, w) = self._rng, self.canvas.shape[:2]
        low, high = LENGTH_SHARE.get(piece.class_id, LENGTH_OTHERS)
        for _ in range(6):
            image, alpha = turned(piece, rng, min(h, w) * rng.uniform(low, high), turn_deg)
            if cloth is not None:
                image = covered(image, alpha, cloth, rng)
            ph, pw = alpha.shape
            if over is None:
                reach = 0.6 if rng.random() < 0.4 else 0.05
                x = round(rng.uniform(*sorted((-reach * pw, w - pw * (1 - reach)))))
                y = round(rng.uniform(*sorted((-reach * ph, h - ph * (1 - reach)))))
            else:
                x = round(rng.uniform(over.x1, over.x2) - pw * rng.uniform(0.2, 0.8))
                y = round(rng.uniform(over.y1, over.y2) - ph * rng.uniform(0.3, 0.9))
            left, top, right, bottom = max(0, -x), max(0, -y), min(pw, w - x), min(ph, h - y)
            if right - left < 14 or bottom - top < 14:
                continue
            shown = np.zeros((h, w), np.uint8)
            shown[y + top : y + bottom, x + left : x + right] = alpha[top:bottom, left:right]
            box = mask_box(shown, piece.class_id)
            if box is None or box.area < SHOWN_SHARE * pw * ph or min(box.x2 - box.x1, box.y2 - box.y1) < 14:
                continue
            self._paint(image, alpha, shown, (x, y), (left, top, right, bottom))
            self._hide(shown, box)
            self._shapes.append((len(self.boxes), shown))
            self.boxes.append(box)
            return box
        return None

    def _paint(
        self,
        image: Image,
        alpha: NDArray[np.uint8],
        shown: NDArray[np.uint8],
        at: tuple[int, int],
        cut: tuple[int, int, int, int],
    ) -> None:
        (x, y), (left, top, right, bottom), rng = at, cut, self._rng
        place = (slice(y + top, y + bottom), slice(x + left, x + right))
        lit = _lit(image, alpha, self.canvas[place], rng)
        h, w = shown.shape
        drop = np.array([[1, 0, rng.uniform(-6, 6)], [0, 1, rng.uniform(0, 8)]], np.float32)
        shadow = cv2.warpAffine(shown, drop, (w, h))
        shadow = cv2.GaussianBlur(shadow, (0, 0), float(rng.uniform(3, 12))).astype(np.float32)
        self.canvas *= 1 - float(rng.uniform(0.1, 0.5)) * shadow[:, :, None] / 255
        a = alpha[top:bottom, left:right, None].astype(np.float32) / 255
        self.canvas[place] = self.canvas[place] * (1 - a) + lit[top:bottom, left:right] * a

    def _hide(self, shown: NDArray[np.uint8], box: Box) -> None:
        """Drop the labels of what is now nearly hidden: by pixels where the shape is known, else by boxes."""
        known = dict(self._shapes)
        front = shown > 128
        keep: list[tuple[int, Box]] = []
        for number, old in enumerate(self.boxes):
            shape = known.get(number)
            if shape is None:
                x1, y1, x2, y2 = (max(0, round(v)) for v in (old.x1, old.y1, old.x2, old.y2))
                hidden = float(front[y1:y2, x1:x2].mean()) if overlap_share(old, box) > 0 else 0.0
            else:
                solid = shape > 128
                hidden = float((solid & front).sum()) / max(int(solid.sum()), 1)
            if hidden >= HIDDEN_SHARE:
                continue
            seen = (
                old if shape is None else mask_box(np.where(front, 0, shape).astype(np.uint8), old.class_id)
            )
            if seen is not None:  # the box of what can still be seen
                keep.append((number, seen))
        renumber = {number: place for place, (number, _) in enumerate(keep)}
        self.boxes = [old for _, old in keep]
        self._shapes = [
            (renumber[n], np.where(front, 0, s).astype(np.uint8)) for n, s in self._shapes if n in renumber
        ]


def a_cabin(cabins: Sequence[Sample], drawn: Sequence[Sample], rng: Rng) -> Sample:
    """A real cabin, or now and then a rendered one where there are such. Raises: ValueError without any."""
    return one_of(drawn if drawn and rng.random() < RENDERED_SHARE else cabins, rng)


def scene(
    ground: Sample,
    vehicles: Sequence[Cutout],
    people: Sequence[Cutout],
    cloths: Sequence[Image],
    rng: Rng,
    name: str,
    source: str,
    *,
    crowded: bool = False,
) -> Sample | None:
    """One picture with these vehicles, people now and then in front, and camera faults; None if none fits.

    Args: crowded: one or two people in front of each vehicle, always.

    Rendered pieces are turned little (their view fixes what is up); real ones, from a few places only, more.
    """
    made = Scene(ground, rng)
    for vehicle in vehicles:
        cloth = None
        if cloths and vehicle.class_id == E_BIKE and rng.random() < 0.15:
            cloth = one_of(cloths, rng)
        is_render = vehicle.source.startswith("render/")
        box = made.lay(vehicle, 20.0 if is_render else 60.0, cloth=cloth)
        in_front = int(rng.integers(1, 3)) if crowded else int(rng.random() < 0.5)
        for _ in range(in_front if box is not None and people else 0):
            made.lay(one_of(people, rng), 25.0, over=box)
    if not vehicles:
        for _ in range(int(rng.integers(1, 4)) if people else 0):
            made.lay(one_of(people, rng), 40.0)
    if vehicles and not any(b.class_id == vehicles[0].class_id for b in made.boxes):
        return None
    image, boxes = np.clip(made.canvas, 0, 255).astype(np.uint8), tuple(made.boxes)
    if rng.random() < 0.25:
        image, boxes = fisheye(image, boxes, float(rng.uniform(0.08, 0.4)))
    return Sample(recorded(camera_look(image, rng), rng), boxes, name, source)


def crowds(
    cabins: Sequence[Sample],
    bikes: Sequence[Cutout],
    people: Sequence[Cutout],
    cloths: Sequence[Image],
    rng: Rng,
) -> Iterator[Sample]:
    """`CROWDED` e-bikes with people in front of each: most that were missed under this camera stood so."""
    for i in range(CROWDED if cabins and bikes and people else 0):
        ground, bike = one_of(cabins, rng), one_of(bikes, rng)
        made = scene(ground, [bike], people, cloths, rng, f"crowd_{i}", bike.source, crowded=True)
        if made is not None:
            yield made
