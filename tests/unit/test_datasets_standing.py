"""Scenes of people at eye level, and the list of what somebody chose, on small pictures drawn here."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.boxes import Sample
from datasets.choosing import choose, chosen_pieces, sheet
from datasets.shapes import Cutout
from datasets.split import is_val
from datasets.standing import SCENES, standing
from vision.errors import ConfigError
from vision.types import E_BIKE, PERSON, STROLLER, WHEELCHAIR

KINDS = {"person": PERSON, "wheelchair": WHEELCHAIR}


def trained(name: str) -> str:
    """A source name on the training side."""
    return next(f"{name}{i}" for i in range(50) if not is_val(f"{name}{i}"))


def held(name: str) -> str:
    """A source name on the held-out side."""
    return next(f"{name}{i}" for i in range(500) if is_val(f"{name}{i}"))


def piece(class_id: int, source: str, size_wh: tuple[int, int] = (40, 90)) -> Cutout:
    """A blue oblong."""
    w, h = size_wh
    return Cutout(
        np.full((h, w, 3), (200, 60, 20), np.uint8), np.full((h, w), 255, np.uint8), class_id, source
    )


def wall() -> Sample:
    """A grey wall of 240 x 180."""
    return Sample(np.full((180, 240, 3), 140, np.uint8), (), "wall", trained("mosaic/w"))


def written(folder: Path, kind: str, name: str, shade: int = 90) -> Path:
    """One RGBA picture."""
    (folder / kind).mkdir(parents=True, exist_ok=True)
    path = folder / kind / f"{name}.png"
    cv2.imwrite(str(path), np.full((60, 30, 4), (shade, shade, shade, 255), np.uint8))
    return path


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three scenes of each kind."""
    monkeypatch.setattr("datasets.standing.SCENES", dict.fromkeys(SCENES, 3))


@pytest.mark.usefixtures("few")
def test_only_training_people_and_vehicles_stand_in_the_scenes() -> None:
    people = [piece(PERSON, trained("wheelchair/person_")), piece(PERSON, held("wheelchair/person_"))]
    vehicles = [piece(STROLLER, held("stroller/s")), piece(E_BIKE, trained("emoped/s"))]
    made = list(standing(([wall()], [], []), people, vehicles, [], np.random.default_rng(4)))
    assert made
    assert not any(is_val(s.source) for s in made)
    classes = {b.class_id for s in made for b in s.boxes}
    assert classes == {PERSON, E_BIKE}  # the only stroller is held out


@pytest.mark.usefixtures("few")
def test_a_scene_of_people_holds_one_to_three_and_nothing_else() -> None:
    people = [piece(PERSON, trained("wheelchair/person_"))]
    made = list(standing(([wall()], [], []), people, [], [], np.random.default_rng(4)))
    assert len(made) == 3
    assert all(1 <= len(s.boxes) <= 3 for s in made)


def test_without_people_or_cabins_there_are_no_scenes() -> None:
    someone = [piece(PERSON, trained("wheelchair/person_"))]
    rng = np.random.default_rng(4)
    assert not list(standing(([], [wall()], []), someone, [], [], rng))
    assert not list(standing(([wall()], [], []), [piece(PERSON, held("wheelchair/person_"))], [], [], rng))


def test_only_what_was_chosen_is_read_and_a_new_picture_must_be_looked_at_anew(tmp_path: Path) -> None:
    good = written(tmp_path, "person", "person_12-30-40", 90)
    written(tmp_path, "person", "person_13-5-5", 91)
    choose(tmp_path, {"person": "0"})
    (one,) = chosen_pieces(tmp_path, KINDS, "wheelchair")
    assert (one.class_id, one.source) == (PERSON, "wheelchair/person_12")  # the source picture's own name
    written(tmp_path, "person", good.stem, 200)
    assert not list(chosen_pieces(tmp_path, KINDS, "wheelchair"))


def test_choosing_adds_kinds_and_names_a_number_there_is_not(tmp_path: Path) -> None:
    for number in range(4):
        written(tmp_path, "person", f"p{number}-0-0", number)
    written(tmp_path, "wheelchair", "w-0-0", 50)
    choose(tmp_path, {"person": "0-1,3"})
    choose(tmp_path, {"wheelchair": "0"})
    assert len(list(chosen_pieces(tmp_path, KINDS, "wheelchair"))) == 4
    with pytest.raises(ConfigError, match="contact sheet"):
        choose(tmp_path, {"person": "7"})
    with pytest.raises(ConfigError, match="contact sheet"):
        choose(tmp_path, {"person": "one"})
    with pytest.raises(ConfigError, match="unknown kind 'wheelchair'"):
        list(chosen_pieces(tmp_path, {"person": PERSON}, "wheelchair"))


def test_no_list_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"datasets\.whole"):
        list(chosen_pieces(tmp_path, KINDS, "wheelchair"))


def test_a_sheet_shows_every_picture(tmp_path: Path) -> None:
    for number in range(3):
        written(tmp_path, "person", f"p{number}-0-0", 140)
    shown = cv2.imread(str(sheet(tmp_path / "person", columns=2, size=60)))
    assert shown is not None
    tile_h, tile_w = round(60 * 1.6) + 16, 60
    assert shown.shape == (2 * tile_h, 2 * tile_w, 3)
    light = [(shown[y : y + 20, x : x + 20] > 60).any() for y in (0, tile_h) for x in (0, tile_w)]
    assert light == [True, True, True, False]
