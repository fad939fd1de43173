"""Legs beside a vehicle, on small pictures drawn here: a green vehicle and a red person."""

from __future__ import annotations

import numpy as np
import pytest

from datasets import beside as module
from datasets.beside import SHARES, beside, beside_scenes
from datasets.boxes import Box, Sample
from datasets.shapes import Cutout
from vision.types import BICYCLE, E_BIKE, PERSON, STROLLER, WHEELCHAIR

GREEN, RED = (0, 220, 0), (0, 0, 220)
ROOM = Sample(np.full((300, 400, 3), 128, np.uint8), (), "room", "drawn/room")
GARAGE = Sample(ROOM.image, (Box(E_BIKE, 10, 10, 90, 90),), "garage", "drawn/garage")


def piece(class_id: int, wh: tuple[int, int] = (100, 70), colour: tuple[int, int, int] = GREEN) -> Cutout:
    """An oblong of one colour."""
    image = np.full((wh[1], wh[0], 3), colour, np.uint8)
    return Cutout(image, np.full(wh[::-1], 255, np.uint8), class_id, "drawn/oblong")


SOMEBODY = piece(PERSON, (30, 160), RED)


@pytest.mark.parametrize("class_id", list(SHARES))
def test_feet_stand_on_the_floor_of_the_wheels_and_legs_are_seen(
    class_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CUT_SHARE", 0.0)
    made = [beside(piece(class_id), SOMEBODY, ROOM, np.random.default_rng(seed), "x") for seed in range(30)]
    laid = [one for one in made if one is not None]
    assert len(laid) > 20
    bottoms = []
    for one in laid:
        person, vehicle = one.boxes
        assert (person.class_id, vehicle.class_id) == (PERSON, class_id)
        assert person.y1 < vehicle.y1
        bottoms.append(abs(person.y2 - vehicle.y2) < 4)
    assert sum(bottoms) > len(bottoms) / 2, "in the others the vehicle is before him"


def test_cut_scenes_keep_the_label_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CUT_SHARE", 1.0)
    made = [beside(piece(E_BIKE), SOMEBODY, ROOM, np.random.default_rng(seed), "x") for seed in range(60)]
    laid = [one for one in made if one is not None]
    assert len(laid) > 30
    for one in laid:
        (bike,) = (b for b in one.boxes if b.class_id == E_BIKE)
        h, w = one.image.shape[:2]
        assert bike.x1 <= 0 or bike.y1 <= 0 or bike.x2 >= w or bike.y2 >= h


def test_half_of_all_scenes_are_e_bikes_and_none_comes_with_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCENES", 200)
    vehicles = [
        [piece(E_BIKE)],
        [piece(class_id) for class_id in (E_BIKE, WHEELCHAIR, STROLLER, BICYCLE)],
        [],
    ]
    made = list(beside_scenes([[ROOM, GARAGE], [GARAGE], []], vehicles, [SOMEBODY], np.random.default_rng(2)))
    assert {one.source for one in made} == {"drawn/room"}
    shown = [[b.class_id for b in one.boxes if b.class_id != PERSON] for one in made]
    assert all(len(own) == 1 for own in shown)
    share = sum(own == [E_BIKE] for own in shown) / len(shown)
    assert 0.42 < share < 0.64
    assert {own[0] for own in shown} == {E_BIKE, WHEELCHAIR, STROLLER, BICYCLE}
    again = next(beside_scenes([[ROOM]], vehicles, [SOMEBODY], np.random.default_rng(2)))
    assert np.array_equal(again.image, made[0].image)


def test_without_people_rooms_or_vehicles_there_is_no_scene() -> None:
    rng = np.random.default_rng(1)
    assert not list(beside_scenes([[ROOM]], [[piece(E_BIKE)]], [], rng))
    assert not list(beside_scenes([[GARAGE]], [[piece(E_BIKE)]], [SOMEBODY], rng))
    assert not list(beside_scenes([[ROOM]], [[]], [SOMEBODY], rng))
