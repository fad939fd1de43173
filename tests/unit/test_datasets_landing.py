"""Real vehicles laid into rendered landings, on small pictures drawn here."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.boxes import Box, Sample
from datasets.landing import LAID, VIEWS, from_the_front, landings, lay_over
from datasets.shapes import Cutout
from datasets.split import is_val
from vision.types import BICYCLE, E_BIKE, PERSON

WALL, RED = (140, 140, 140), (20, 20, 220)


def landing(*boxes: Box) -> Sample:
    """A grey picture of 240 x 180."""
    return Sample(np.full((180, 240, 3), WALL, np.uint8), boxes, "drawn", "render/drawn")


def front(source: str = "emoped/a", size_wh: tuple[int, int] = (30, 60)) -> Cutout:
    """A red oblong."""
    w, h = size_wh
    return Cutout(np.full((h, w, 3), RED, np.uint8), np.full((h, w), 255, np.uint8), E_BIKE, source)


def trained(name: str = "emoped/s") -> str:
    """A source name on the training side."""
    return next(f"{name}{i}" for i in range(50) if not is_val(f"{name}{i}"))


def test_the_real_vehicle_stands_where_the_rendered_one_stood() -> None:
    old = Box(BICYCLE, 100, 60, 130, 120)
    made = lay_over(landing(old), old, front(), np.random.default_rng(3), "x")
    (box,) = made.boxes  # the rendered one can no longer be named
    scale = made.image.shape[1] / 240
    assert box.class_id == E_BIKE
    assert box.y2 == pytest.approx(old.y2 * scale, abs=1)
    assert (box.x1 + box.x2) / 2 == pytest.approx(115 * scale, abs=1)
    red = made.image[:, :, 2].astype(int) - made.image[:, :, 0] > 40
    ys, xs = np.nonzero(red)
    assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == pytest.approx(
        (box.x1, box.y1, box.x2, box.y2), abs=2
    )


def test_a_person_beside_keeps_the_box_and_one_behind_loses_it() -> None:
    old = Box(E_BIKE, 100, 60, 130, 120)
    beside, behind = Box(PERSON, 10, 20, 60, 120), Box(PERSON, 104, 70, 126, 115)
    made = lay_over(landing(old, beside, behind), old, front(), np.random.default_rng(3), "x")
    assert [b.class_id for b in made.boxes] == [PERSON, E_BIKE]
    assert made.boxes[0].x1 < made.boxes[1].x1


def test_only_training_cutouts_seen_from_the_front_are_used() -> None:
    held = next(f"emoped/s{i}" for i in range(500) if is_val(f"emoped/s{i}"))
    pieces = [front(trained()), front(held), front(trained(), (90, 60))]
    assert from_the_front(pieces) == pieces[:1]


def test_each_landing_gives_views_and_where_there_is_room_real_vehicles() -> None:
    with_room = landing(Box(E_BIKE, 100, 60, 130, 120))
    from_the_side = landing(Box(E_BIKE, 60, 60, 160, 120))
    made = list(landings([with_room, from_the_side], [front(trained())], np.random.default_rng(1)))
    assert len(made) == 2 * VIEWS + LAID
    assert sum(s.source.startswith("emoped/") for s in made) == LAID
    again = list(landings([with_room, from_the_side], [front(trained())], np.random.default_rng(1)))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(made, again, strict=True))
