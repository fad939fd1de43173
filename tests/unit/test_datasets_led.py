"""Somebody beyond a vehicle, on small pictures drawn here: a green vehicle and a red person."""

from __future__ import annotations

import numpy as np
import pytest

from datasets import led as module
from datasets.boxes import Box, Sample
from datasets.led import RAISED, SHARES, led, led_scenes
from datasets.mounted import HEIGHT_RATIO, together
from datasets.shapes import Cutout
from vision.types import BICYCLE, E_BIKE, PERSON, STROLLER, WHEELCHAIR

GREEN, RED = (0, 220, 0), (0, 0, 220)
ROOM = Sample(np.full((300, 400, 3), 128, np.uint8), (), "room", "drawn/room")
GARAGE = Sample(ROOM.image, (Box(E_BIKE, 10, 10, 90, 90),), "garage", "drawn/garage")


def piece(class_id: int, wh: tuple[int, int] = (60, 100), colour: tuple[int, int, int] = GREEN) -> Cutout:
    """An oblong of one colour."""
    image = np.full((wh[1], wh[0], 3), colour, np.uint8)
    return Cutout(image, np.full(wh[::-1], 255, np.uint8), class_id, "drawn/oblong")


SOMEBODY = piece(PERSON, (50, 160), RED)


def test_the_vehicle_hides_whoever_stands_beyond_it_and_is_seen_whole() -> None:
    image, vehicle, person = together(piece(E_BIKE), SOMEBODY, 160, (0.0, -40), 0, flipped=False)
    h, w = vehicle.shape
    assert h == 200, "the feet are 40 px above the wheel, the head 160 px above the feet"
    assert (vehicle > 200).sum() == 60 * 100
    assert person[0, w // 2] > 200
    assert person[-41:, w // 2].max() == 0
    assert tuple(image[h - 50, w // 2]) == GREEN
    assert tuple(image[50, w // 2]) == RED


@pytest.mark.parametrize("class_id", list(SHARES))
def test_feet_are_beyond_and_the_head_is_above(class_id: int) -> None:
    made = [led(piece(class_id), SOMEBODY, ROOM, np.random.default_rng(seed), "x") for seed in range(30)]
    laid = [one for one in made if one is not None]
    assert len(laid) > 20
    for one in laid:
        person, vehicle = sorted(one.boxes, key=lambda b: b.class_id != PERSON)
        assert (person.class_id, vehicle.class_id) == (PERSON, class_id)
        assert person.y1 <= vehicle.y1 + 1
        assert person.y2 <= vehicle.y2 + 1


def test_the_height_of_somebody_beyond_stays_that_of_an_adult() -> None:
    low, high = HEIGHT_RATIO[E_BIKE]
    assert low - RAISED[1] > 0.5, "else only a head would be seen"
    assert high + RAISED[1] < 2.5


def test_half_of_all_scenes_are_e_bikes_and_none_comes_with_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCENES", 200)
    vehicles = [piece(class_id) for class_id in (E_BIKE, WHEELCHAIR, STROLLER, BICYCLE)]
    cloths = [np.full((40, 40, 3), (200, 40, 160), np.uint8)]
    made = list(
        led_scenes([[ROOM, GARAGE], [GARAGE], []], vehicles, [SOMEBODY], cloths, np.random.default_rng(2))
    )
    assert {one.source for one in made} == {"drawn/room"}
    shown = [[b.class_id for b in one.boxes if b.class_id != PERSON] for one in made]
    assert all(len(own) == 1 for own in shown)
    share = sum(own == [E_BIKE] for own in shown) / len(shown)
    assert 0.42 < share < 0.64
    assert {own[0] for own in shown} == {E_BIKE, WHEELCHAIR, STROLLER, BICYCLE}
    again = next(led_scenes([[ROOM]], vehicles, [SOMEBODY], cloths, np.random.default_rng(2)))
    assert np.array_equal(again.image, made[0].image)


def test_without_people_rooms_or_vehicles_there_is_no_scene() -> None:
    rng = np.random.default_rng(1)
    assert not list(led_scenes([[ROOM]], [piece(E_BIKE)], [], [], rng))
    assert not list(led_scenes([[GARAGE]], [piece(E_BIKE)], [SOMEBODY], [], rng))
    assert not list(led_scenes([[ROOM]], [], [SOMEBODY], [], rng))
