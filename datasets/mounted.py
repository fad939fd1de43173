"""Somebody on, beside or behind a vehicle seen from behind, in rooms and cabins; and the same people alone.

A rider seen from behind hides the handlebars and most of the frame; what is left below, a seat, a lamp and a
wheel, a detector that had seen such e-bikes only alone took for a wheelchair. Street scenes show few riders
and most of them from the side, so whole people (`datasets.whole`) are set on rendered e-bikes (`render/`).
A detector that had seen this took the back of a man with a rucksack for an e-bike, so the same people stand
there without one, too: alone, and behind strollers, wheelchairs and bicycles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import Sample, overlap_share
from datasets.composite import Rng, camera_look, fit, laid_over, match_light
from datasets.drawing import one_of
from datasets.faults import recorded
from datasets.shapes import Cutout, mask_box
from datasets.stock import of_training, without
from vision.types import BICYCLE, E_BIKE, KICK_SCOOTER, PERSON, STROLLER, WHEELCHAIR, Image

SCENES = 520
"""Of `riders`."""
AFOOT = 640
"""Scenes of `afoot`."""
KINDS: Mapping[str, float] = {"person": 0.35, "both": 0.45, "vehicle": 0.2}
"""Of the scenes of `afoot`: somebody alone, somebody with a vehicle, a vehicle alone. Ours."""
SAT_SHARE: Mapping[int, float] = {E_BIKE: 0.6, BICYCLE: 0.4}
"""Of the scenes: on the seat; in the others, and with all other vehicles, beside it or behind it."""
HEIGHT_RATIO: Mapping[int, tuple[float, float]] = {
    E_BIKE: (1.35, 1.75), BICYCLE: (1.4, 1.8), STROLLER: (1.45, 1.85), WHEELCHAIR: (1.25, 1.9),
    KICK_SCOOTER: (1.35, 1.75),
}  # fmt: skip
"""Height of a standing adult (1.5 to 1.85 m) over that of a vehicle: an e-bike with its bars 1.05 to 1.15 m,
a bicycle 1.0 to 1.1, a stroller 0.95 to 1.05, a wheelchair 0.9 empty and 1.3 with a sitter."""
BEHIND = 0.12
"""How far aside, at most, somebody stands who pushes a stroller or wheelchair, in widths of it."""
SUNK = (0.1, 0.2)
"""How much lower, in shares of his own height, a rider is than when standing: seats are at 0.7 to 0.8 m."""
SEAT = (0.38, 0.52)
"""Where in the picture of an e-bike from behind its seat is, from the top. By eye, on the renders."""
LEAST_SEEN = 0.35
"""A scene in which less than this share of the vehicle is neither hidden nor outside is dropped. By eye."""
SOLID = 128
"""Alpha above which a pixel counts as covered."""
SHARE_HIGH = (0.5, 1.15)
"""Height of both together over that of the picture."""
RECORDED_SHARE = 0.25
"""Of the scenes: as a recorder stores them."""

Mask = NDArray[np.uint8]


def mounted(vehicle: Cutout, person: Cutout, rng: Rng, *, sat: bool) -> tuple[Image, Mask, Mask]:
    """Somebody and a vehicle as one picture, feet and wheel on one line.

    Returns: (H, W, 3) uint8 BGR, and what of the vehicle and of the person is seen, each (H, W) alpha.
    """
    vh, vw = vehicle.alpha.shape
    high = round(vh * rng.uniform(*HEIGHT_RATIO[vehicle.class_id]))
    sunk = round(high * rng.uniform(*SUNK)) if sat else 0
    pushed = not sat and vehicle.class_id in (STROLLER, WHEELCHAIR) and rng.random() < 0.7
    if sat:
        aside = vw * rng.uniform(-0.06, 0.06)
    elif pushed:
        aside = vw * rng.uniform(-BEHIND, BEHIND)
    else:
        aside = vw * rng.choice((-1, 1)) * rng.uniform(0.2, 0.6)
    flipped = rng.random() < 0.5
    hidden = 0  # rows of the vehicle, from its top, that the person hides: bars yes, tail no
    if sat:
        hidden = round(vh * rng.uniform(*SEAT))
    elif rng.random() < 0.5:
        hidden = vh
    return together(vehicle, person, high, (aside, sunk), hidden, flipped=flipped)


def together(
    vehicle: Cutout, person: Cutout, high: int, at: tuple[float, int], hidden: int, *, flipped: bool
) -> tuple[Image, Mask, Mask]:
    """A person of ``high`` pixels and a vehicle as one picture; returns what `mounted` does.

    Args: at: how far aside of the vehicle's middle the person's is, and how far below the vehicle's lower end
    the feet are (negative: above), pixels. hidden: so many rows from the vehicle's top on, and all above it,
    are behind the person; lower ones hide the person.
    """
    (vh, vw), (aside, sunk) = vehicle.alpha.shape, at
    wide = max(8, round(person.alpha.shape[1] * high / person.alpha.shape[0]))
    h, w = max(high - min(sunk, 0), vh), vw + 2 * wide
    x = min(max(round(w / 2 + aside - wide / 2), 0), w - wide)
    y = h - high + sunk
    flip = slice(None, None, -1 if flipped else 1)

    own, of_vehicle = np.zeros((h, w, 3), np.uint8), np.zeros((h, w), np.uint8)
    left = (w - vw) // 2
    own[h - vh :, left : left + vw] = vehicle.image
    of_vehicle[h - vh :, left : left + vw] = vehicle.alpha
    body, of_body = np.zeros((h, w, 3), np.uint8), np.zeros((h, w), np.uint8)
    grown = cv2.resize(person.image, (wide, high), interpolation=cv2.INTER_AREA)[:, flip]
    shape = cv2.resize(person.alpha, (wide, high), interpolation=cv2.INTER_AREA)[:, flip]
    place = (slice(y, min(y + high, h)), slice(x, x + wide))
    body[place], of_body[place] = grown[: h - y], shape[: h - y]

    in_front = np.zeros((h, w), np.float32)
    in_front[: h - vh + hidden] = 1
    vehicle_a, body_a = of_vehicle / np.float32(255), of_body / np.float32(255)
    seen_body = body_a * np.maximum(in_front, 1 - vehicle_a)
    seen_vehicle = vehicle_a * (1 - seen_body)
    total = np.maximum(seen_body + seen_vehicle, 1e-3)[..., None]
    image = (own * seen_vehicle[..., None] + body * seen_body[..., None]) / total
    return (
        np.clip(image, 0, 255).astype(np.uint8),
        (seen_vehicle * 255).astype(np.uint8),
        (seen_body * 255).astype(np.uint8),
    )


def lay(ground: Sample, vehicle: Cutout, person: Cutout, rng: Rng, name: str) -> Sample | None:
    """Both of them in a picture; None where too little of the vehicle would be seen."""
    sat = rng.random() < SAT_SHARE.get(vehicle.class_id, 0.0)
    image, of_vehicle, of_body = mounted(vehicle, person, rng, sat=bool(sat))
    pixels = int((vehicle.alpha > SOLID).sum())
    parts = (Part(of_body, PERSON, 0), Part(of_vehicle, vehicle.class_id, pixels))
    return lay_parts(ground, image, parts, rng, name)


def lay_alone(ground: Sample, piece: Cutout, rng: Rng, name: str) -> Sample | None:
    """One person or vehicle in a picture; None where too little of it would be seen."""
    part = Part(piece.alpha, piece.class_id, int((piece.alpha > SOLID).sum()))
    return lay_parts(ground, piece.image, (part,), rng, name)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What of a picture belongs to one object, and how many pixels that object has when it is seen whole."""

    alpha: Mask
    class_id: int
    pixels: int


def lay_parts(ground: Sample, image: Image, parts: Sequence[Part], rng: Rng, name: str) -> Sample | None:
    """A picture of one or two objects, as large as in front of a camera, laid into another."""
    canvas, boxes = fit(ground.image, ground.boxes)
    h, w = canvas.shape[:2]
    rows, columns = np.nonzero(np.maximum.reduce([part.alpha for part in parts]))
    inside = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    before = inside[0].stop - inside[0].start
    scale = h * rng.uniform(*SHARE_HIGH) / before
    size = (max(8, round((inside[1].stop - inside[1].start) * scale)), max(8, round(before * scale)))
    alphas = [_scaled(part.alpha[inside], size) for part in parts]
    x = round(rng.uniform(*sorted((-0.25 * size[0], w - 0.75 * size[0]))))
    y = round(h * rng.uniform(0.8, 1.08) - size[1])
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    own = []
    for part, alpha in zip(parts, alphas, strict=True):
        shown = cv2.warpAffine(alpha, move, (w, h)).astype(np.uint8)
        box = mask_box(shown, part.class_id)
        wanted = LEAST_SEEN * part.pixels * (size[1] / before) ** 2
        if box is None or (shown > SOLID).sum() < wanted:
            return None
        own.append(box)
    both = np.clip(np.sum(alphas, axis=0, dtype=np.uint16), 0, 255).astype(np.uint8)
    out = camera_look(_painted(canvas, _scaled(image[inside], size), both, move, rng), rng)
    if rng.random() < RECORDED_SHARE:
        out = recorded(out, rng)
    kept = (b for b in boxes if all(overlap_share(b, box) < 0.6 for box in own))
    return Sample(out, (*kept, *own), name, ground.source)


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
    """Scenes with an e-bike, in turn on each kind of ground; none if a kind of piece is missing."""
    grounds = [kind for kind in grounds if kind]
    people = of_training(people, PERSON)
    bikes = of_training(bikes, E_BIKE)
    for i in range(SCENES if grounds and bikes and people else 0):
        ground = one_of(grounds[i % len(grounds)], rng)
        made = lay(ground, one_of(bikes, rng), one_of(people, rng), rng, f"mounted_{i}")
        if made is not None:
            yield made


def afoot(
    grounds: Sequence[Sequence[Sample]],
    vehicles: Sequence[Sequence[Cutout]],
    people: Sequence[Cutout],
    rng: Rng,
) -> Iterator[Sample]:
    """Scenes without an e-bike: people, vehicles, and both, in turn on each kind of ground.

    Args: grounds: by kind; what shows an e-bike is left out. vehicles: by where they come from; drawn by
    class, then by origin, so that none is rare, and never an e-bike.
    """
    grounds = without(grounds, E_BIKE)
    people = of_training(people, PERSON)
    pools = [
        [own for own in (of_training(origin, class_id) for origin in vehicles) if own]
        for class_id in HEIGHT_RATIO
        if class_id != E_BIKE
    ]
    pools = [pool for pool in pools if pool]
    shares = list(KINDS.values())
    for i in range(AFOOT if grounds and pools and people else 0):
        ground = one_of(grounds[i % len(grounds)], rng)
        kind = str(rng.choice(list(KINDS), p=shares))
        vehicle, person = one_of(one_of(one_of(pools, rng), rng), rng), one_of(people, rng)
        name = f"afoot_{kind}_{i}"
        if kind == "both":
            made = lay(ground, vehicle, person, rng, name)
        else:
            made = lay_alone(ground, person if kind == "person" else vehicle, rng, name)
        if made is not None:
            yield made
