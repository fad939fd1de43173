"""Pictures of the open door from inside the cabin: rendered landings, and real vehicles laid into them.

`render/landing.py` draws vehicles that come from the front; where one stands, a real vehicle photographed
from the front is laid over it at the same size, for a real surface in the right place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from datasets.boxes import Box, Sample, overlap_share
from datasets.composite import Rng, fit, recolour, view
from datasets.drawing import one_of
from datasets.shapes import Cutout
from datasets.split import is_val
from vision.types import E_BIKE, PERSON, STROLLER, WHEELCHAIR

VIEWS = 3
"""Views of each rendered landing."""
LAID = 3
"""Pictures with a real vehicle laid into each rendered landing that has room for one."""
SHARES = {E_BIKE: 0.5, STROLLER: 0.25, WHEELCHAIR: 0.25}
SLENDER = 0.8
"""Width over height below which a cut-out shows its vehicle from the front or nearly so. Ours, by eye."""
ROOM = 1.1
"""Width over height below which a rendered vehicle stands towards the camera."""


def from_the_front(pieces: Sequence[Cutout]) -> list[Cutout]:
    """Training cut-outs of vehicles seen from the front or a little aside."""
    return [c for c in pieces if not is_val(c.source) and c.image.shape[1] < SLENDER * c.image.shape[0]]


def lay_over(ground: Sample, place: Box, piece: Cutout, rng: Rng, name: str) -> Sample:
    """The vehicle at ``place`` hidden by a real one on the same floor. People keep their boxes."""
    image, boxes = fit(ground.image, ground.boxes)
    h, w = image.shape[:2]
    scale = w / ground.image.shape[1]
    x1, y1, x2, y2 = (v * scale for v in (place.x1, place.y1, place.x2, place.y2))
    ph, pw = piece.alpha.shape
    grow = max((x2 - x1) / pw, (y2 - y1) / ph) * float(rng.uniform(0.95, 1.1))
    size = (max(8, round(pw * grow)), max(8, round(ph * grow)))
    paint = cv2.resize(piece.image if rng.random() < 0.5 else recolour(piece.image, rng), size)
    alpha = cv2.resize(piece.alpha, size, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        paint, alpha = paint[:, ::-1], alpha[:, ::-1]
    x, y = round((x1 + x2 - size[0]) / 2), round(y2 - size[1])
    left, top, right, bottom = max(0, x), max(0, y), min(w, x + size[0]), min(h, y + size[1])
    part = (slice(top - y, bottom - y), slice(left - x, right - x))
    spot = (slice(top, bottom), slice(left, right))
    canvas = image.astype(np.float32)
    around = float(canvas[spot].mean())
    gain = (around / max(float(paint[alpha > 128].mean()), 1.0)) ** float(rng.uniform(0.3, 0.7))
    a = alpha[part][..., None].astype(np.float32) / 255
    canvas[spot] = canvas[spot] * (1 - a) + np.clip(paint[part].astype(np.float32) * gain, 0, 255) * a
    own = Box(piece.class_id, float(left), float(top), float(right), float(bottom))
    kept = tuple(b for b in boxes if b.class_id == PERSON and overlap_share(b, own) < 0.8)
    kept += tuple(b for b in boxes if b.class_id != PERSON and overlap_share(b, own) < 0.5)
    return Sample(np.clip(canvas, 0, 255).astype(np.uint8), (*kept, own), name, piece.source)


def landings(drawn: Sequence[Sample], pieces: Sequence[Cutout], rng: Rng) -> Iterator[Sample]:
    """Views of rendered landings, and of the same with real vehicles."""
    fronts = {c: [p for p in from_the_front(pieces) if p.class_id == c] for c in SHARES}
    kinds = [c for c in SHARES if fronts[c]]
    share = np.array([SHARES[c] for c in kinds])
    for ground in drawn:
        for i in range(VIEWS):
            yield view(ground, rng, f"{ground.name}_v{i}", 8.0)
        rooms = [b for b in ground.boxes if b.class_id != PERSON and b.x2 - b.x1 < ROOM * (b.y2 - b.y1)]
        for i in range(LAID if rooms and kinds else 0):
            own = fronts[int(rng.choice(kinds, p=share / share.sum()))]
            piece = one_of(own, rng)
            place = one_of(rooms, rng)
            name = f"{ground.name}_real{i}"
            yield view(lay_over(ground, place, piece, rng, name), rng, name, 8.0)
