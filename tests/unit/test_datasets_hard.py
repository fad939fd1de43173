"""Mining of hard examples, on small pictures drawn here and a detector that is told what to say."""

from __future__ import annotations

from functools import partial
from itertools import islice

import numpy as np
import pytest

from datasets import unsure
from datasets.boxes import Box, Sample
from datasets.hard import mine
from datasets.phantoms import CALLED_FROM, SHARES, Supply, candidates, is_phantom
from datasets.shapes import Cutout
from datasets.unsure import UNSURE, is_unsure
from vision.errors import ConfigError
from vision.types import E_BIKE, PERSON, STROLLER, Detections, Image

WALL = np.full((180, 240, 3), 140, np.uint8)


class Says:
    """A detector that finds the same in every picture."""

    is_calibrated = True

    def __init__(self, *found: tuple[int, float, tuple[float, float, float, float]]) -> None:
        self._found = found

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        """What it was told, from ``conf`` on."""
        assert image.ndim == 3
        kept = [f for f in self._found if f[1] >= (conf or 0)]
        return Detections(
            np.array([f[2] for f in kept], np.float32).reshape(-1, 4),
            np.array([f[1] for f in kept], np.float32),
            np.array([f[0] for f in kept], np.int64),
        )


def picture(*boxes: Box, name: str = "wall") -> Sample:
    """A grey wall of 240 x 180, with somebody before it or not."""
    return Sample(WALL.copy(), boxes, name, "mosaic/wall")


def piece(class_id: int) -> Cutout:
    """A blue oblong."""
    return Cutout(
        np.full((90, 40, 3), (200, 60, 20), np.uint8), np.full((90, 40), 255, np.uint8), class_id, "x"
    )


def supply(**other: object) -> Supply:
    """One of everything."""
    has: dict[str, object] = {
        "cabins": [picture()],
        "drawn": [],
        "people": [piece(PERSON)],
        "vehicles": [piece(STROLLER)],
        "pictures": [picture(name="room")],
        "cloths": [],
    }
    return Supply(**(has | other))  # type: ignore[arg-type]


def test_an_e_bike_called_where_there_is_none_is_phantom() -> None:
    assert is_phantom(Says((E_BIKE, CALLED_FROM, (0, 0, 50, 50))), picture())
    assert not is_phantom(Says((E_BIKE, CALLED_FROM - 0.01, (0, 0, 50, 50))), picture())
    assert not is_phantom(Says((STROLLER, 0.9, (0, 0, 50, 50))), picture())


def test_every_kind_is_made_and_one_seed_makes_the_same() -> None:
    first = list(islice(candidates(supply(), np.random.default_rng(3)), 40))
    assert {kind for kind, _ in first} == set(SHARES)
    again = islice(candidates(supply(), np.random.default_rng(3)), 40)
    assert all(np.array_equal(a.image, b.image) for (_, a), (_, b) in zip(first, again, strict=True))
    assert not any(b.class_id == E_BIKE for _, sample in first for b in sample.boxes)
    assert not any(sample.boxes for kind, sample in first if kind == "empty")


def test_what_is_not_there_is_not_made() -> None:
    bare = supply(vehicles=[], pictures=[])
    made = {kind for kind, _ in islice(candidates(bare, np.random.default_rng(3)), 20)}
    assert made == {"empty", "people"}
    with pytest.raises(ConfigError, match="no ceiling frame"):
        next(candidates(supply(cabins=[]), np.random.default_rng(3)))


def test_mining_keeps_what_is_called_wrong_and_counts_it() -> None:
    told: list[int] = []
    wrong = partial(is_phantom, Says((E_BIKE, 0.5, (0, 0, 50, 50))))
    offered = candidates(supply(), np.random.default_rng(3))
    kept, counts = mine(offered, wrong, 9, 400, told.append, "hard")
    assert told == list(range(1, 10))
    assert sum(k for k, _ in counts.values()) == sum(n for _, n in counts.values()) == 9
    assert len({s.name for s in kept}) == 9
    assert {s.name.rsplit("_", 1)[0] for s in kept} == {f"hard_{kind}" for kind in counts}


def test_mining_ends_with_its_tries() -> None:
    offered = candidates(supply(), np.random.default_rng(3))
    kept, counts = mine(offered, partial(is_phantom, Says()), 5, 30, lambda _: None, "hard")
    assert not kept
    assert sum(n for _, n in counts.values()) == 30


def test_no_try_is_made_where_none_is_wanted() -> None:
    offered = candidates(supply(), np.random.default_rng(3))
    assert mine(offered, partial(is_phantom, Says()), 0, 30, lambda _: None, "hard") == ([], {})


BIKE = Box(E_BIKE, 20, 20, 100, 120)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([(E_BIKE, 0.3, (22, 18, 98, 122))], True),
        (
            [(E_BIKE, 0.3, (22, 18, 98, 122)), (E_BIKE, 0.9, (24, 20, 100, 124))],
            False,
        ),  # it is sure after all
        ([(E_BIKE, 0.3, (150, 20, 220, 120))], False),  # something else
        ([(STROLLER, 0.3, (22, 18, 98, 122))], False),
        ([(E_BIKE, UNSURE[0] - 0.01, (22, 18, 98, 122))], False),  # as good as not seen
        ([(E_BIKE, UNSURE[1], (22, 18, 98, 122))], False),
    ],
)
def test_unsure_is_who_half_sees_the_e_bike(
    found: list[tuple[int, float, tuple[float, float, float, float]]], expected: bool
) -> None:
    assert is_unsure(Says(*found), picture(BIKE)) is expected


def test_a_speck_or_nothing_is_not_worth_learning() -> None:
    says = Says((E_BIKE, 0.3, (20, 20, 40, 40)))
    assert not is_unsure(says, picture(Box(E_BIKE, 20, 20, 40, 40)))
    assert not is_unsure(says, picture())


def bikes(**other: object) -> unsure.Supply:
    """One of everything that scenes with an e-bike need."""
    bike, somebody = [piece(E_BIKE)], [piece(PERSON)]
    has: dict[str, object] = {
        "cabins": [picture()],
        "drawn": [],
        "rooms": [picture(name="room")],
        "pictures": [picture(Box(E_BIKE, 60, 40, 180, 160), name="photo")],
        "real": bike,
        "above": bike,
        "behind": bike,
        "before": [],
        "sideways": bike,
        "people": somebody,
        "upright": somebody,
        "cloths": [],
    }
    return unsure.Supply(**(has | other))  # type: ignore[arg-type]


def test_every_kind_of_scene_with_an_e_bike_is_made() -> None:
    made = list(islice(unsure.candidates(bikes(), np.random.default_rng(3)), 120))
    assert {kind for kind, _ in made} == set(unsure.SHARES)
    assert all(any(b.class_id == E_BIKE for b in one.boxes) for _, one in made)
    again = islice(unsure.candidates(bikes(), np.random.default_rng(3)), 120)
    assert all(np.array_equal(a.image, b.image) for (_, a), (_, b) in zip(made, again, strict=True))


def test_scenes_with_an_e_bike_need_their_pieces() -> None:
    nobody = bikes(upright=[])
    assert {kind for kind, _ in islice(unsure.candidates(nobody, np.random.default_rng(3)), 20)} == {
        "picture",
        "real",
        "above",
    }
    bare = bikes(pictures=[], real=[], above=[], behind=[], sideways=[])
    assert list(unsure.candidates(bare, np.random.default_rng(3))) == []
