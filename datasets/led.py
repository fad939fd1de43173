"""Somebody who holds a vehicle by its far end: e-bikes, and as many wheelchairs, strollers and bicycles.

An e-bike seen from its tail with somebody beyond it, hands on the bars, is a dark narrow thing with a body
over it, and a detector took it for a wheelchair. Wheelchairs with somebody behind them look the same from
the front. Both are shown here by the same people, in the same rooms, at the same sizes, and from both ends,
so that nothing but the vehicle tells them apart; and half of all are e-bikes, so that none is the safe guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from datasets.boxes import Sample
from datasets.ceiling import covered
from datasets.composite import Rng
from datasets.drawing import one_of
from datasets.mounted import HEIGHT_RATIO, SOLID, Part, lay_parts, together
from datasets.shapes import Cutout
from datasets.stock import of_training, without
from vision.types import BICYCLE, E_BIKE, KICK_SCOOTER, PERSON, STROLLER, WHEELCHAIR, Image

SCENES = 640
SHARES: Mapping[int, float] = {
    E_BIKE: 0.5, WHEELCHAIR: 0.25, STROLLER: 0.1, BICYCLE: 0.1, KICK_SCOOTER: 0.05,
}  # fmt: skip
"""Of the scenes, by what is held. Ours: wheelchairs are what such e-bikes were taken for."""
ASIDE = 0.35
"""How far aside of the vehicle's middle somebody stands, at most, in widths of it."""
RAISED = (0.12, 0.55)
"""How far above the vehicle's lower end the feet beyond it are, in heights of it: the higher the camera, the
farther. By eye, on elevator photos."""
COVERED_SHARE = 0.2
"""Of the e-bikes: with a quilt against the wind over part of it."""


def led(vehicle: Cutout, person: Cutout, ground: Sample, rng: Rng, name: str) -> Sample | None:
    """One scene; None where too little of the vehicle would be seen."""
    vh, vw = vehicle.alpha.shape
    high = round(vh * rng.uniform(*HEIGHT_RATIO[vehicle.class_id]))
    at = (vw * rng.uniform(-ASIDE, ASIDE), -round(vh * rng.uniform(*RAISED)))
    image, of_vehicle, of_body = together(vehicle, person, high, at, 0, flipped=bool(rng.random() < 0.5))
    pixels = int((vehicle.alpha > SOLID).sum())
    parts = (Part(of_body, PERSON, 0), Part(of_vehicle, vehicle.class_id, pixels))
    return lay_parts(ground, image, parts, rng, name)


def led_scenes(
    grounds: Sequence[Sequence[Sample]],
    vehicles: Sequence[Cutout],
    people: Sequence[Cutout],
    cloths: Sequence[Image],
    rng: Rng,
) -> Iterator[Sample]:
    """`SCENES` of them, in turn on each kind of ground with no e-bike of its own; none without people.

    Args: vehicles: seen from either end, of any class; a class of which there is none is left out. cloths:
    patterns of quilts.
    """
    grounds = without(grounds, E_BIKE)
    people = of_training(people, PERSON)
    pools = {class_id: of_training(vehicles, class_id) for class_id in SHARES}
    kinds = [class_id for class_id, pool in pools.items() if pool]
    total = sum(SHARES[kind] for kind in kinds)
    for i in range(SCENES if grounds and people and kinds else 0):
        kind = int(rng.choice(kinds, p=[SHARES[kind] / total for kind in kinds]))
        vehicle, person = one_of(pools[kind], rng), one_of(people, rng)
        if kind == E_BIKE and cloths and rng.random() < COVERED_SHARE:
            quilted = covered(vehicle.image, vehicle.alpha, one_of(cloths, rng), rng)
            vehicle = replace(vehicle, image=quilted)
        made = led(vehicle, person, one_of(grounds[i % len(grounds)], rng), rng, f"led_{i}")
        if made is not None:
            yield made
