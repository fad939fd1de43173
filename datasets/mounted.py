"""E-bikes from behind with somebody on the seat, or beside them holding the bars, in rooms and cabins.

A rider seen from behind hides the handlebars and most of the frame; what is left below, a seat, a lamp and a
wheel, a detector that had seen such e-bikes only alone took for a wheelchair. Street scenes show few riders
and most of them from the side, so whole people (`datasets.whole`) are set on rendered e-bikes (`render/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import Sample, overlap_share
from datasets.composite import Rng, camera_look, fit, laid_over, match_light
from datasets.faults import recorded
from datasets.shapes import Cutout, mask_box
from datasets.split import is_val
from vision.types import E_BIKE, PERSON, Image

SCENES = 520
SAT_SHARE = 0.6
"""Of the scenes: on the seat; in the others beside the e-bike or behind it."""
HEIGHT_RATIO = (1.35, 1.75)
"""Height of a standing adult (1.5 to 1.85 m) over that of an e-bike with its bars (1.05 to 1.15 m)."""
SUNK = (0.1, 0.2)
"""How much lower, in shares of his own height, a rider is than when standing: seats are at 0.7 to 0.8 m."""
SEAT = (0.38, 0.52)
"""Where in the picture of an e-bike from behind its seat is, from the top. By eye, on the renders."""
LEAST_SEEN = 0.35
"""A scene in which less than this share of the e-bike is neither hidden nor outside is dropped. By eye."""
SOLID = 128
"""Alpha above which a pixel counts as covered."""
SHARE_HIGH = (0.5, 1.15)
"""Height of both together over that of the picture."""
RECORDED_SHARE = 0.25
"""Of the scenes: as a recorder stores them."""

Mask = NDArray[np.uint8]


def mounted(bike: Cutout, person: Cutout, rng: Rng, *, sat: bool) -> tuple[Image, Mask, Mask]:
    """Somebody and an e-bike as one picture, feet and wheel on one line.

    Returns: (H, W, 3) uint8 BGR, and what of the e-bike and of the person is seen, each (H, W) alpha.
    """
    bh, bw = bike.alpha.shape
    high = round(bh * rng.uniform(*HEIGHT_RATIO))
    wide = max(8, round(person.alpha.shape[1] * high / person.alpha.shape[0]))
    h, w = max(high, bh), bw + 2 * wide
    sunk = round(high * rng.uniform(*SUNK)) if sat else 0
    aside = bw * (rng.uniform(-0.06, 0.06) if sat else rng.choice((-1, 1)) * rng.uniform(0.2, 0.6))
    x = min(max(round(w / 2 + aside - wide / 2), 0), w - wide)
    y = h - high + sunk
    flip = slice(None, None, -1 if rng.random() < 0.5 else 1)

    own, of_bike = np.zeros((h, w, 3), np.uint8), np.zeros((h, w), np.uint8)
    left = (w - bw) // 2
    own[h - bh :, left : left + bw], of_bike[h - bh :, left : left + bw] = bike.image, bike.alpha
    body, of_body = np.zeros((h, w, 3), np.uint8), np.zeros((h, w), np.uint8)
    grown = cv2.resize(person.image, (wide, high), interpolation=cv2.INTER_AREA)[:, flip]
    shape = cv2.resize(person.alpha, (wide, high), interpolation=cv2.INTER_AREA)[:, flip]
    body[y:, x : x + wide], of_body[y:, x : x + wide] = grown[: h - y], shape[: h - y]

    in_front = np.zeros((h, w), np.float32)  # where the person hides the e-bike: bars yes, tail no
    if sat:
        in_front[: h - bh + round(bh * rng.uniform(*SEAT))] = 1
    elif rng.random() < 0.5:
        in_front[:] = 1
    bike_a, body_a = of_bike / np.float32(255), of_body / np.float32(255)
    seen_body = body_a * np.maximum(in_front, 1 - bike_a)
    seen_bike = bike_a * (1 - seen_body)
    total = np.maximum(seen_body + seen_bike, 1e-3)[..., None]
    image = (own * seen_bike[..., None] + body * seen_body[..., None]) / total
    return (
        np.clip(image, 0, 255).astype(np.uint8),
        (seen_bike * 255).astype(np.uint8),
        (seen_body * 255).astype(np.uint8),
    )


def lay(ground: Sample, bike: Cutout, person: Cutout, rng: Rng, name: str) -> Sample | None:
    """Both of them in a picture; None where too little of the e-bike would be seen."""
    canvas, boxes = fit(ground.image, ground.boxes)
    h, w = canvas.shape[:2]
    image, of_bike, of_body = mounted(bike, person, rng, sat=bool(rng.random() < SAT_SHARE))
    rows, columns = np.nonzero((of_bike > 0) | (of_body > 0))
    part = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    before = part[0].stop - part[0].start
    scale = h * rng.uniform(*SHARE_HIGH) / before
    size = (max(8, round((part[1].stop - part[1].start) * scale)), max(8, round(before * scale)))
    image, of_bike, of_body = (_scaled(one[part], size) for one in (image, of_bike, of_body))
    x = round(rng.uniform(*sorted((-0.25 * size[0], w - 0.75 * size[0]))))
    y = round(h * rng.uniform(0.8, 1.08) - size[1])
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    bike_shown, body_shown = (
        cv2.warpAffine(one, move, (w, h)).astype(np.uint8) for one in (of_bike, of_body)
    )
    box, body = mask_box(bike_shown, E_BIKE), mask_box(body_shown, PERSON)
    wanted = LEAST_SEEN * (bike.alpha > SOLID).sum() * (size[1] / before) ** 2
    if box is None or body is None or (bike_shown > SOLID).sum() < wanted:
        return None
    both = np.clip(of_bike.astype(np.uint16) + of_body, 0, 255).astype(np.uint8)
    out = camera_look(_painted(canvas, image, both, move, rng), rng)
    if rng.random() < RECORDED_SHARE:
        out = recorded(out, rng)
    kept = tuple(b for b in boxes if overlap_share(b, box) < 0.6 and overlap_share(b, body) < 0.6)
    return Sample(out, (*kept, body, box), name, ground.source)


def _scaled(one: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return cv2.resize(np.ascontiguousarray(one), size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _painted(ground: Image, image: Image, alpha: Mask, move: NDArray[np.float32], rng: Rng) -> Image:
    """The picture with a soft shadow and the others in its light."""
    h, w = ground.shape[:2]
    scene = ground.astype(np.float32)
    lit = cv2.warpAffine(match_light(image, alpha, scene, rng), move, (w, h)).astype(np.float32)
    shown = cv2.warpAffine(alpha, move, (w, h)).astype(np.uint8)
    shadow_px = (round(alpha.shape[0] * 0.03), max(2.0, w * 0.02))
    return np.clip(laid_over(scene, lit, shown, shadow_px, rng), 0, 255).astype(np.uint8)


def riders(
    grounds: Sequence[Sequence[Sample]], bikes: Sequence[Cutout], people: Sequence[Cutout], rng: Rng
) -> Iterator[Sample]:
    """All scenes, in turn on each kind of ground; none if a kind of piece is missing."""
    grounds = [kind for kind in grounds if kind]
    people = [c for c in people if c.class_id == PERSON and not is_val(c.source)]
    bikes = [c for c in bikes if not is_val(c.source)]
    for i in range(SCENES if grounds and bikes and people else 0):
        kind = grounds[i % len(grounds)]
        ground = kind[int(rng.integers(len(kind)))]
        bike, person = bikes[int(rng.integers(len(bikes)))], people[int(rng.integers(len(people)))]
        made = lay(ground, bike, person, rng, f"mounted_{i}")
        if made is not None:
            yield made
