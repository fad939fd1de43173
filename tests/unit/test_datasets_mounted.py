"""Riders on e-bikes from behind, on small pictures drawn here: a green e-bike and a red person."""

from __future__ import annotations

import numpy as np
import pytest

from datasets import ceiling
from datasets import mounted as module
from datasets.boxes import Box, Sample
from datasets.ceiling import crowds
from datasets.mounted import LEAST_SEEN, SEAT, afoot, lay, lay_alone, mounted, riders
from datasets.shapes import Cutout
from vision.types import BICYCLE, E_BIKE, KICK_SCOOTER, PERSON, STROLLER, WHEELCHAIR

GREEN, RED = (0, 220, 0), (0, 0, 220)


def piece(class_id: int, wh: tuple[int, int], colour: tuple[int, int, int]) -> Cutout:
    """An oblong of one colour."""
    image = np.full((wh[1], wh[0], 3), colour, np.uint8)
    return Cutout(image, np.full(wh[::-1], 255, np.uint8), class_id, "drawn/oblong")


BIKE = piece(E_BIKE, (60, 100), GREEN)
PERSON_CUT = piece(PERSON, (50, 160), RED)
ROOM = Sample(np.full((300, 400, 3), 128, np.uint8), (), "room", "drawn/room")


@pytest.mark.parametrize("seed", range(8))
def test_a_rider_hides_the_bars_and_the_tail_hides_the_rider(seed: int) -> None:
    image, bike, person = mounted(BIKE, PERSON_CUT, np.random.default_rng(seed), sat=True)
    middle = image.shape[1] // 2
    top_of_bike = image.shape[0] - 100
    bars, tail = top_of_bike + int(100 * SEAT[0]) - 5, top_of_bike + int(100 * SEAT[1]) + 5
    assert person[bars, middle] > 200
    assert bike[bars, middle] < 50
    assert bike[tail, middle] > 200
    assert person[tail, middle] < 50
    assert tuple(image[tail, middle]) == GREEN
    assert tuple(image[bars, middle]) == RED


@pytest.mark.parametrize("sat", [True, False])
def test_no_pixel_belongs_to_both(sat: bool) -> None:
    for seed in range(12):
        _, bike, person = mounted(BIKE, PERSON_CUT, np.random.default_rng(seed), sat=sat)
        assert (bike.astype(int) + person).max() <= 256


def test_boxes_hold_what_is_seen() -> None:
    made = [lay(ROOM, BIKE, PERSON_CUT, np.random.default_rng(seed), "x") for seed in range(30)]
    laid = [one for one in made if one is not None]
    assert len(laid) > 20
    for one in laid:
        assert sorted(b.class_id for b in one.boxes) == [E_BIKE, PERSON]
        h, w = one.image.shape[:2]
        assert all(0 <= b.x1 < b.x2 <= w and 0 <= b.y1 < b.y2 <= h for b in one.boxes)


def test_who_stands_behind_the_rider_loses_the_label_and_others_keep_theirs() -> None:
    hidden, aside = Box(PERSON, 190, 150, 210, 250), Box(PERSON, 2, 2, 12, 20)
    room = Sample(ROOM.image, (hidden, aside), "room", "drawn/room")
    for seed in range(40):
        made = lay(room, BIKE, PERSON_CUT, np.random.default_rng(seed), "x")
        if made is None:
            continue
        bike = next(b for b in made.boxes if b.class_id == E_BIKE)
        assert not any(
            bike.x1 < b.x1 and b.x2 < bike.x2 and bike.y1 < b.y1 and b.y2 < bike.y2
            for b in made.boxes
            if b.class_id == PERSON and b.y2 - b.y1 < 110
        )


def test_an_e_bike_that_nobody_could_see_is_not_shown() -> None:
    """Somebody ten times as wide hides all of it but in scenes where it stands in front."""
    wide = piece(PERSON, (600, 160), RED)
    made = [lay(ROOM, BIKE, wide, np.random.default_rng(seed), "x") for seed in range(60)]
    shown = [one for one in made if one is not None]
    assert 5 < len(shown) < 55
    for one in shown:
        bike = next(b for b in one.boxes if b.class_id == E_BIKE)
        assert (bike.x2 - bike.x1) / (bike.y2 - bike.y1) > LEAST_SEEN * 0.6  # 0.6 when whole


def test_scenes_go_through_all_grounds_and_one_seed_makes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCENES", 20)
    other = Sample(ROOM.image[:, :300].copy(), (), "hall", "drawn/hall")
    made = list(riders(([ROOM], [], [other]), [BIKE], [PERSON_CUT], np.random.default_rng(5)))
    assert {one.source for one in made} == {"drawn/room", "drawn/hall"}
    assert len({one.name for one in made}) == len(made) >= 10
    again = next(riders(([ROOM], [], [other]), [BIKE], [PERSON_CUT], np.random.default_rng(5)))
    assert np.array_equal(again.image, made[0].image)
    assert not list(riders(([ROOM],), [BIKE], [], np.random.default_rng(5)))


@pytest.mark.parametrize("class_id", [STROLLER, WHEELCHAIR])
def test_nobody_sits_on_a_stroller_and_most_stand_right_behind_it(class_id: int) -> None:
    off, tops = [], []
    for seed in range(60):
        _, vehicle, person = mounted(
            piece(class_id, (60, 100), GREEN), PERSON_CUT, np.random.default_rng(seed), sat=False
        )
        rows, columns = np.nonzero(person > 128)
        own = np.nonzero(vehicle > 128)[1]
        off.append(abs(columns.mean() - (own.mean() if len(own) else columns.mean())) / 60)
        tops.append(rows.min())
    assert np.mean(np.array(off) < 0.3) > 0.5
    assert max(tops) == 0, "whoever stands is seen from head to foot"


def test_a_piece_alone_has_its_own_label_and_leaves_little_outside() -> None:
    made = [lay_alone(ROOM, PERSON_CUT, np.random.default_rng(seed), "x") for seed in range(40)]
    laid = [one for one in made if one is not None]
    assert len(laid) > 30
    assert all([b.class_id for b in one.boxes] == [PERSON] for one in laid)


def test_afoot_shows_everything_but_an_e_bike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AFOOT", 120)
    others = [piece(class_id, (60, 100), GREEN) for class_id in (STROLLER, WHEELCHAIR, BICYCLE, KICK_SCOOTER)]
    garage = Sample(ROOM.image, (Box(E_BIKE, 10, 10, 90, 90),), "garage", "drawn/garage")
    grounds = ([ROOM, garage], [garage])
    made = list(afoot(grounds, [[BIKE, *others], others[:1]], [PERSON_CUT], np.random.default_rng(3)))
    assert {one.source for one in made} == {"drawn/room"}
    classes = [{b.class_id for b in one.boxes} for one in made]
    assert set().union(*classes) == {STROLLER, WHEELCHAIR, BICYCLE, KICK_SCOOTER, PERSON}
    kinds = [one.name.split("_")[1] for one in made]
    assert {kind: kinds.count(kind) > 10 for kind in set(kinds)} == {
        "person": True,
        "both": True,
        "vehicle": True,
    }
    for kind, own in zip(kinds, classes, strict=True):
        assert (PERSON in own) == (kind != "vehicle")
        assert len(own) == (2 if kind == "both" else 1)
    assert not list(afoot(grounds, [[BIKE]], [PERSON_CUT], np.random.default_rng(3)))


def test_a_crowd_stands_in_front_of_every_e_bike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceiling, "CROWDED", 24)
    made = list(crowds([ROOM], [BIKE], [PERSON_CUT], [], np.random.default_rng(4)))
    assert len(made) > 12
    assert all(any(b.class_id == E_BIKE for b in one.boxes) for one in made)
    with_people = sum(any(b.class_id == PERSON for b in one.boxes) for one in made)
    assert with_people > 0.9 * len(made)
