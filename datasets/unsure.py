"""Hard positives: new pictures of an e-bike that a detector sees, but is not sure of.

Hard negatives alone (`datasets.phantoms`) make a detector careful: it forgets faint e-bikes along with what
only looks like one. So e-bikes are mined as well, and only those that it half sees: what it does not see at
all is mostly a speck or a blur that nobody would name, and teaches it to call specks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from datasets.beside import beside
from datasets.boxes import Box, Sample
from datasets.ceiling import a_cabin, scene
from datasets.composite import Rng, view
from datasets.cut_off import cut_off
from datasets.drawing import by_share, one_of
from datasets.led import led
from datasets.mounted import lay
from datasets.shapes import Cutout
from datasets.stock import Stock, cabins_of, has_class, of_training
from vision.geometry import pair_iou
from vision.types import E_BIKE, PERSON, Detector, Image

UNSURE: Final = (0.08, 0.5)
"""Its confidence in an e-bike that it is unsure of. Ours."""
SAME: Final = 0.4
"""Intersection over union from which on a found box is that of the e-bike. Ours, loose: half hidden ones."""
LEAST_SIDE: Final = 0.16
"""Longer side of an e-bike worth to be learnt, over the picture's shorter side. By eye, on contact sheets."""
SHARES: Final[Mapping[str, float]] = {
    "picture": 0.3, "real": 0.25, "above": 0.15, "held": 0.1, "ridden": 0.05, "beside": 0.15,
}  # fmt: skip
"""Of what is tried: real pictures, half of them cut through the e-bike; e-bikes cut out of ceiling frames,
and rendered ones, in cabins; seen from an end with somebody beyond; with a rider from behind; with legs
beside it. Ours."""
CUT_SHARE: Final = 0.5
"""Of the real pictures: cut through the e-bike."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What the scenes are made of; all of it from the training side, and any of it may be empty."""

    cabins: Sequence[Sample]  # real ceiling frames without a vehicle
    drawn: Sequence[Sample]  # rendered ones
    rooms: Sequence[Sample]  # eye-level pictures without an e-bike
    pictures: Sequence[Sample]  # real ones with an e-bike, of any kind
    real: Sequence[Cutout]  # e-bikes cut out of ceiling frames
    above: Sequence[Cutout]  # e-bikes rendered from above
    behind: Sequence[Cutout]  # and from behind
    before: Sequence[Cutout]  # and from before
    sideways: Sequence[Cutout]  # and photographed from the side
    people: Sequence[Cutout]  # from above
    upright: Sequence[Cutout]  # people at eye level
    cloths: Sequence[Image]  # patterns for covers


def supply_of(stock: Stock) -> Supply:
    """The training side of everything. Raises: FileNotFoundError if the data folder lacks a set."""
    return Supply(
        cabins=stock.cabins,
        drawn=cabins_of(stock.drawn),
        rooms=stock.rooms,
        pictures=[s for own in stock.sets.values() for s in own.train if has_class(s, E_BIKE)],
        real=of_training(stock.real, E_BIKE),
        above=of_training(stock.above, E_BIKE),
        behind=of_training(stock.behind, E_BIKE),
        before=of_training(stock.before, E_BIKE),
        sideways=of_training(stock.sideways, E_BIKE),
        people=of_training(stock.real, PERSON),
        upright=of_training(stock.whole, PERSON),
        cloths=stock.cloths,
    )


def candidates(supply: Supply, rng: Rng) -> Iterator[tuple[str, Sample]]:
    """Scenes with an e-bike without end, by kind. A kind of which there are no pieces is left out."""
    ends = [*supply.behind, *supply.before]
    people = [*supply.people, *supply.upright]
    grounds = [own for own in (supply.rooms, supply.cabins, supply.drawn) if own]

    def under_the_ceiling(bikes: Sequence[Cutout]) -> Sample | None:
        ground = a_cabin(supply.cabins, supply.drawn, rng)
        return scene(ground, [one_of(bikes, rng)], people, supply.cloths, rng, "", ground.source)

    def ground() -> Sample:
        return one_of(one_of(grounds, rng), rng)

    sides = [own for own in (supply.sideways, ends) if own]
    makers: dict[str, Callable[[], Sample | None]] = {}
    if supply.pictures:
        makers["picture"] = lambda: _look(one_of(supply.pictures, rng), rng)
    if supply.cabins and supply.real:
        makers["real"] = lambda: under_the_ceiling(supply.real)
    if supply.cabins and supply.above:
        makers["above"] = lambda: under_the_ceiling(supply.above)
    if grounds and supply.upright and ends:
        makers["held"] = lambda: led(one_of(ends, rng), one_of(supply.upright, rng), ground(), rng, "")
    if grounds and supply.upright and supply.behind:
        makers["ridden"] = lambda: lay(
            ground(), one_of(supply.behind, rng), one_of(supply.upright, rng), rng, ""
        )
    if grounds and supply.upright and sides:
        makers["beside"] = lambda: beside(
            one_of(one_of(sides, rng), rng), one_of(supply.upright, rng), ground(), rng, ""
        )
    yield from by_share(makers, SHARES, rng)


def largest(sample: Sample, class_id: int) -> Box | None:
    """The largest object of that class; None if there is none."""
    return max((b for b in sample.boxes if b.class_id == class_id), key=lambda b: b.area, default=None)


def worth_learning(sample: Sample, box: Box) -> bool:
    """Whether an object is more than a speck."""
    h, w = sample.image.shape[:2]
    return bool(max(box.x2 - box.x1, box.y2 - box.y1) >= LEAST_SIDE * min(h, w))


def is_unsure(detector: Detector, sample: Sample) -> bool:
    """Whether the detector sees the largest e-bike of the picture, and is not sure of it."""
    bike = largest(sample, E_BIKE)
    if bike is None or not worth_learning(sample, bike):
        return False
    corners = (bike.x1, bike.y1, bike.x2, bike.y2)
    found = detector.detect(sample.image, UNSURE[0])
    ours = [
        float(conf)
        for box, conf, class_id in zip(found.xyxy.tolist(), found.conf, found.class_id, strict=True)
        if class_id == E_BIKE and pair_iou(tuple(box), corners) >= SAME
    ]
    return bool(ours) and max(ours) < UNSURE[1]


def _look(sample: Sample, rng: Rng) -> Sample:
    bike = largest(sample, E_BIKE)
    if bike is None or rng.random() >= CUT_SHARE:
        return view(sample, rng, "", 10.0, E_BIKE)
    return view(cut_off(sample, bike, rng, ""), rng, "", 10.0, E_BIKE)
