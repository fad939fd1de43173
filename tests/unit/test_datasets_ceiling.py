"""Scenes under the ceiling camera, their pieces and the camera's faults, on small pictures drawn here."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.boxes import Box, Sample
from datasets.ceiling import Scene, scene, turned
from datasets.faults import burnt_in, fisheye, h264_look, night, recorded
from datasets.labels import read_frames
from datasets.pieces import chosen, from_frames, grab, rendered
from datasets.shapes import Cutout
from vision.types import E_BIKE, PERSON, STROLLER, Image


def wall(size: tuple[int, int] = (180, 240)) -> Image:
    """A grey cabin wall with a little noise."""
    noise = np.random.default_rng(1).normal(0, 4, (*size, 3))
    return np.clip(140 + noise, 0, 255).astype(np.uint8)


def disc(class_id: int, colour: tuple[int, int, int] = (0, 0, 220), source: str = "drawn/disc") -> Cutout:
    """A round piece of one colour."""
    image = np.full((60, 90, 3), colour, np.uint8)
    alpha = np.zeros((60, 90), np.uint8)
    cv2.ellipse(alpha, (45, 30), (43, 28), 0, 0, 360, 255, -1)
    return Cutout(image, alpha, class_id, source)


def test_chosen_cutouts_name_boxes_that_exist() -> None:
    frames = {}
    for label in read_frames():
        x1, y1 = (round(v) for v in label.frame[:2])
        frames[f"{label.picture}_{x1}_{y1}"] = label
    names = chosen()
    assert len(names) > 40
    for name in names:
        frame, number = name.split("#")
        assert frames[frame].boxes[int(number)].class_id in (E_BIKE, PERSON), name


def test_grabcut_finds_a_disc_in_its_box() -> None:
    image = wall()
    cv2.circle(image, (120, 90), 40, (20, 20, 220), -1)
    mask = grab(image, Box(E_BIKE, 70, 40, 170, 140))
    assert mask is not None
    assert mask[90, 120] == 255
    assert mask[45, 75] == 0
    assert abs(int((mask > 0).sum()) - np.pi * 40**2) < 0.2 * np.pi * 40**2


def test_grabcut_gives_up_on_a_box_that_is_all_person() -> None:
    box = Box(E_BIKE, 70, 40, 170, 140)
    assert grab(wall(), box, [Box(PERSON, 0, 0, 240, 180)]) is None


def test_only_chosen_frame_objects_become_pieces() -> None:
    image = cv2.resize(wall(), (416, 312))
    cv2.circle(image, (120, 150), 60, (20, 20, 220), -1)
    sample = Sample(image.astype(np.uint8), (Box(E_BIKE, 50, 80, 190, 220),), "cctv_x_0_0", "mosaic/x")
    assert not list(from_frames([sample], {"cctv_x_0_0#1"}))
    (piece,) = from_frames([sample], {"cctv_x_0_0#0"})
    assert (piece.class_id, piece.source) == (E_BIKE, "mosaic/x")


def test_rendered_pieces_take_their_class_from_the_name(tmp_path: Path) -> None:
    picture = np.zeros((40, 40, 4), np.uint8)
    picture[10:30, 5:35] = (10, 20, 30, 255)
    cv2.imwrite(str(tmp_path / "stroller_00_0001.png"), picture)
    (piece,) = rendered(tmp_path)
    assert piece.class_id == STROLLER
    assert piece.alpha.shape == (20, 30)
    cv2.imwrite(str(tmp_path / "tank_00_0001.png"), picture)
    with pytest.raises(ValueError, match="tank"):
        list(rendered(tmp_path))
    (tmp_path / "tank_00_0001.png").unlink()
    cv2.imwrite(str(tmp_path / "stroller_00_0002.png"), picture[:, :, :3])
    with pytest.raises(ValueError, match=r"stroller_00_0002\.png.*alpha"):
        list(rendered(tmp_path))


@given(seed=st.integers(0, 10_000), turn=st.floats(0, 180), length=st.floats(20, 200))
@settings(max_examples=25, deadline=None)
def test_turned_pieces_keep_their_shape_whole(seed: int, turn: float, length: float) -> None:
    piece = disc(E_BIKE)
    image, alpha = turned(piece, np.random.default_rng(seed), length, turn)
    assert image.shape[:2] == alpha.shape
    expected = (piece.alpha > 128).sum() * (length / 90) ** 2
    assert 0.75 * expected < (alpha > 128).sum() < 1.3 * expected  # squeezed by 15 % at most


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_scenes_keep_boxes_inside_and_show_their_vehicle(seed: int) -> None:
    ground = Sample(wall(), (Box(PERSON, 10, 10, 60, 120),), "wall", "drawn/wall")
    rng = np.random.default_rng(seed)
    made = scene(ground, [disc(E_BIKE)], [disc(PERSON, (200, 0, 0))], [wall((50, 60))], rng, "one", "drawn/a")
    if made is None:
        return
    h, w = made.image.shape[:2]
    assert any(b.class_id == E_BIKE for b in made.boxes)
    for box in made.boxes:
        assert 0 <= box.x1 < box.x2 <= w
        assert 0 <= box.y1 < box.y2 <= h


def test_what_is_hidden_loses_its_label() -> None:
    rng = np.random.default_rng(3)
    made = Scene(Sample(wall((300, 300)), (), "wall", "drawn/wall"), rng)
    first = made.lay(disc(STROLLER), 0.0)
    assert first is not None
    for _ in range(12):
        made.lay(disc(PERSON, (200, 0, 0)), 0.0, over=first)
    assert all(b.class_id == PERSON for b in made.boxes)


@pytest.mark.parametrize("strength", [0.1, 0.25, 0.4])
@pytest.mark.parametrize("at", [(60, 40), (200, 130), (120, 90)])
def test_fisheye_boxes_follow_their_object(strength: float, at: tuple[int, int]) -> None:
    image = np.zeros((180, 240, 3), np.uint8)
    x, y = at
    image[y - 15 : y + 15, x - 20 : x + 20] = 255
    bent, (box,) = fisheye(image, [Box(E_BIKE, x - 20, y - 15, x + 20, y + 15)], strength)
    ys, xs = np.nonzero(bent[:, :, 0] > 128)
    assert [box.x1, box.y1, box.x2, box.y2] == pytest.approx(
        [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], abs=2.0
    )


def test_h264_changes_a_picture_but_not_what_it_shows() -> None:
    image = wall()
    cv2.circle(image, (120, 90), 40, (20, 20, 220), -1)
    bad = h264_look(image, 44)
    assert bad.shape == image.shape
    difference = np.abs(bad.astype(int) - image.astype(int))
    assert 0.5 < difference.mean() < 20
    assert bad[90, 120, 2] > bad[90, 120, 0] + 80


def test_camera_faults_keep_size_and_type() -> None:
    odd = wall((181, 243))
    rng = np.random.default_rng(0)
    for _ in range(20):
        out = recorded(odd, rng)
        assert out.shape == odd.shape
        assert out.dtype == np.uint8
    assert night(odd, rng).mean() < odd.mean()
    assert (burnt_in(odd, rng) != odd).any()
