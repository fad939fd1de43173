"""Scenes without an e-bike, without end, for a detector to see one in; `datasets.hard` keeps those."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from datasets.boxes import Sample
from datasets.ceiling import a_cabin, scene
from datasets.composite import Rng, distant, view
from datasets.drawing import by_share, one_of
from datasets.shapes import Cutout
from datasets.split import is_val
from datasets.stock import CEILING, Stock, cabins_of, has_class
from vision.errors import ConfigError
from vision.types import E_BIKE, PERSON, Detector, Image

CALLED_FROM: Final = 0.2
"""An e-bike seen from this confidence on where there is none is an error to learn from: half of what a door
would be held at, as tracks add up what single frames say. Ours."""
SHARES: Final[Mapping[str, float]] = {"empty": 0.25, "people": 0.3, "vehicle": 0.17, "picture": 0.28}
"""Of what is tried: empty cabins; people in them; strollers, wheelchairs and bicycles in them; views of real
pictures. Ours."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What scenes are made of; all of it from the training side."""

    cabins: Sequence[Sample]  # real ceiling frames without a vehicle
    drawn: Sequence[Sample]  # rendered cabins without a vehicle; may be empty
    people: Sequence[Cutout]  # from above and at eye level
    vehicles: Sequence[Cutout]  # strollers, wheelchairs, bicycles
    pictures: Sequence[Sample]  # real ones without an e-bike, of any kind
    cloths: Sequence[Image]  # patterns for covers


def candidates(supply: Supply, rng: Rng) -> Iterator[tuple[str, Sample]]:
    """Scenes and views without end, by kind. Raises: ConfigError if there is no cabin to stand in."""
    if not supply.cabins:
        raise ConfigError(
            "no ceiling frame without a vehicle to make scenes in; is the data folder complete?"
        )
    makers: dict[str, Callable[[], Sample | None]] = {
        "empty": lambda: _scene(supply, [], [], rng),
        "people": lambda: _scene(supply, [], supply.people, rng),
        "vehicle": lambda: _scene(supply, [one_of(supply.vehicles, rng)], supply.people, rng),
        "picture": lambda: _look(one_of(supply.pictures, rng), rng),
    }
    needs = {"people": supply.people, "vehicle": supply.vehicles, "picture": supply.pictures}
    possible = {kind: make for kind, make in makers.items() if kind not in needs or needs[kind]}
    yield from by_share(possible, SHARES, rng)


def is_phantom(detector: Detector, sample: Sample) -> bool:
    """Whether the detector calls something an e-bike in a picture without one."""
    return bool((detector.detect(sample.image, CALLED_FROM).class_id == E_BIKE).any())


def supply_of(stock: Stock) -> Supply:
    """The training side of everything. Raises: FileNotFoundError if the data folder lacks a set."""
    parts = [c for c in (*stock.real, *stock.whole, *stock.above, *stock.sideways) if not is_val(c.source)]
    pictures = [s for name, own in stock.sets.items() if name != CEILING for s in own.train]
    return Supply(
        cabins=stock.cabins,
        drawn=cabins_of(stock.drawn),
        people=[c for c in parts if c.class_id == PERSON],
        vehicles=[c for c in parts if c.class_id not in (PERSON, E_BIKE)],
        pictures=[s for s in pictures if not has_class(s, E_BIKE)],
        cloths=[s.image for s in stock.sets["negative"].train],
    )


def _scene(supply: Supply, vehicles: list[Cutout], people: Sequence[Cutout], rng: Rng) -> Sample | None:
    ground = a_cabin(supply.cabins, supply.drawn, rng)
    return scene(ground, vehicles, people, supply.cloths, rng, "", ground.source)


def _look(sample: Sample, rng: Rng) -> Sample:
    return distant(sample, rng, "") if rng.random() < 0.2 else view(sample, rng, "", 10.0)
