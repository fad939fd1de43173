"""Somebody beside a vehicle or before it, legs in view; half of the pictures cut through the vehicle.

Scenes with riders and with somebody beyond a vehicle hide everybody's legs behind it, and a detector that had
seen many of them took legs in jeans for an e-bike. Here the same people stand where their legs are seen next
to e-bikes and, as often, next to anything else, so that legs say nothing of what stands there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from datasets.boxes import Sample
from datasets.composite import Rng
from datasets.cut_off import cut_off
from datasets.drawing import one_of
from datasets.mounted import HEIGHT_RATIO, SOLID, Part, lay_parts, together
from datasets.shapes import Cutout
from datasets.stock import of_training, without
from vision.types import BICYCLE, E_BIKE, KICK_SCOOTER, PERSON, STROLLER, WHEELCHAIR

SCENES = 640
SHARES: Mapping[int, float] = {
    E_BIKE: 0.5, WHEELCHAIR: 0.15, STROLLER: 0.13, BICYCLE: 0.15, KICK_SCOOTER: 0.07,
}  # fmt: skip
"""Of the scenes, by the vehicle. Ours."""
ASIDE = (0.3, 0.75)
"""How far aside of the vehicle's middle somebody stands, in widths of it."""
NEARER_SHARE = 0.6
"""Of the scenes: the person is before the vehicle; in the others the vehicle is before the person."""
CUT_SHARE = 0.5
"""Of the scenes: cut through the vehicle."""


def beside(vehicle: Cutout, person: Cutout, ground: Sample, rng: Rng, name: str) -> Sample | None:
    """One scene; None where too little of the vehicle would be seen."""
    vh, vw = vehicle.alpha.shape
    high = round(vh * rng.uniform(*HEIGHT_RATIO[vehicle.class_id]))
    aside = vw * float(rng.choice((-1, 1))) * rng.uniform(*ASIDE)
    hidden = vh if rng.random() < NEARER_SHARE else 0
    flipped = bool(rng.random() < 0.5)
    image, of_vehicle, of_body = together(vehicle, person, high, (aside, 0), hidden, flipped=flipped)
    pixels = int((vehicle.alpha > SOLID).sum())
    parts = (Part(of_body, PERSON, 0), Part(of_vehicle, vehicle.class_id, pixels))
    made = lay_parts(ground, image, parts, rng, name)
    if made is None or rng.random() >= CUT_SHARE:
        return made
    return cut_off(made, made.boxes[-1], rng, name)


def beside_scenes(
    grounds: Sequence[Sequence[Sample]],
    vehicles: Sequence[Sequence[Cutout]],
    people: Sequence[Cutout],
    rng: Rng,
) -> Iterator[Sample]:
    """`SCENES` of them, in turn on each kind of ground with no e-bike of its own; none without people.

    Args: vehicles: by where they come from, of any class; drawn by class, then by origin, so that none is
    rare. A class of which there is none is left out.
    """
    grounds = without(grounds, E_BIKE)
    people = of_training(people, PERSON)
    pools = {
        kind: own
        for kind in SHARES
        if (own := [some for origin in vehicles if (some := of_training(origin, kind))])
    }
    total = sum(SHARES[kind] for kind in pools)
    shares = [SHARES[kind] / total for kind in pools]
    for i in range(SCENES if grounds and people and pools else 0):
        kind = int(rng.choice(list(pools), p=shares))
        vehicle, person = one_of(one_of(pools[kind], rng), rng), one_of(people, rng)
        made = beside(vehicle, person, one_of(grounds[i % len(grounds)], rng), rng, f"beside_{i}")
        if made is not None:
            yield made
