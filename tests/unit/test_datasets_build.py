"""Labels, shapes, composites and splits, on small pictures drawn here."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import laid
from datasets.boxes import Box, Sample
from datasets.composite import OUT_PX, distant, fit, place, quarter_turned, view
from datasets.folder import folder_digest
from datasets.labels import LABELS, cut_frame, read_boxes, read_frames
from datasets.shapes import Cutout, cut_out, mask_box, plain_mask, read_with_shape
from datasets.sources import CHECK_ONLY, READERS
from datasets.split import is_val, split
from vision.types import E_BIKE, PERSON, STROLLER, WHEELCHAIR, Image


def cabin(seed: int = 0, size: tuple[int, int] = (240, 320)) -> Image:
    """A grey cabin with noise."""
    noise = np.random.default_rng(seed).normal(0, 6, (*size, 3))
    return np.clip(150 + noise, 0, 255).astype(np.uint8)


def vehicle() -> Cutout:
    """A red disc."""
    image = np.zeros((80, 120, 3), np.uint8)
    image[:] = (0, 0, 220)
    alpha = np.zeros((80, 120), np.uint8)
    cv2.ellipse(alpha, (60, 40), (58, 38), 0, 0, 360, 255, -1)
    return Cutout(image, alpha, E_BIKE, "drawn/disc")


def test_shipped_frame_labels_are_sound() -> None:
    frames = read_frames()
    assert len(frames) > 80
    for label in frames:
        x1, y1, x2, y2 = label.frame
        assert 0 <= x1 < x2 <= 476
        assert 0 <= y1 < y2 <= 476
        for box in label.boxes:
            assert x1 <= box.x1 < box.x2 <= x2, label
            assert y1 <= box.y1 < box.y2 <= y2, label


def test_shipped_stroller_boxes_are_relative() -> None:
    labels = read_boxes(LABELS / "strollers.txt")
    assert len(labels) > 30
    for name, boxes in labels.items():
        running_chair = name.endswith(("people_0023", "people_0024"))  # not a child in it
        wanted = WHEELCHAIR if running_chair else STROLLER
        assert any(b.class_id == wanted for b in boxes), name
        assert all(0 <= v <= 1 for b in boxes for v in (b.x1, b.y1, b.x2, b.y2)), name


@pytest.mark.parametrize("line", ["a|0 0 10 10", "a|0 0 10 10|z 1 1 2 2", "a|0 0 10 10|e 5 5 2 8"])
def test_malformed_frame_labels_name_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "frames.txt"
    path.write_text(f"# comment\n{line}\n")
    with pytest.raises(ValueError, match=r"frames\.txt:2"):
        read_frames(path)


def test_cutting_a_frame_moves_its_boxes(tmp_path: Path) -> None:
    path = tmp_path / "frames.txt"
    path.write_text("m|100 50 300 200|e 120 60 220 190;p 290 60 420 190\n")
    (label,) = read_frames(path)
    sample = cut_frame(np.zeros((476, 476, 3), np.uint8), label)
    assert sample.image.shape == (150, 200, 3)
    assert sample.boxes == (Box(E_BIKE, 20, 10, 120, 140),)  # the person is nearly all in the next frame
    assert sample.source == "mosaic/m"


def test_a_dark_object_on_white_is_found_and_a_spare_part_is_not() -> None:
    image = np.full((200, 300, 3), 250, np.uint8)
    cv2.rectangle(image, (60, 40), (219, 159), (20, 30, 40), -1)
    cv2.rectangle(image, (260, 10), (280, 20), (0, 0, 200), -1)  # a logo
    mask = plain_mask(image)
    assert mask is not None
    box = mask_box(mask, STROLLER)
    assert box is not None
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((60, 40, 220, 160), abs=2)


def test_a_street_is_not_a_plain_background() -> None:
    image = np.random.default_rng(1).integers(0, 255, (120, 120, 3)).astype(np.uint8)
    assert plain_mask(image) is None


def test_alpha_is_the_shape_and_white_shows_through(tmp_path: Path) -> None:
    raw = np.zeros((100, 100, 4), np.uint8)
    raw[20:60, 30:80] = (10, 20, 30, 255)
    cv2.imwrite(str(tmp_path / "a.png"), raw)
    image, mask = read_with_shape(str(tmp_path / "a.png"))
    assert mask is not None
    assert mask_box(mask, 0) == Box(0, 30, 20, 80, 60)
    assert image[0, 0].tolist() == [255, 255, 255]


def test_unreadable_pictures_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="broken"):
        read_with_shape(str(tmp_path / "broken.jpg"))


def test_failed_masks_make_no_cut_out() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    assert cut_out(image, np.full((100, 100), 255, np.uint8), 0, "s") is None  # a whole photo
    assert cut_out(image, np.zeros((100, 100), np.uint8), 0, "s") is None  # nothing


@pytest.mark.parametrize("seed", range(8))
def test_a_view_keeps_boxes_inside_and_is_repeatable(seed: int) -> None:
    sample = Sample(cabin(), (Box(E_BIKE, 100, 60, 220, 200), Box(PERSON, 10, 10, 60, 200)), "a", "s")
    one = view(sample, np.random.default_rng(seed), "v", keep=E_BIKE)
    two = view(sample, np.random.default_rng(seed), "v", keep=E_BIKE)
    assert np.array_equal(one.image, two.image)
    assert one.boxes == two.boxes
    assert any(b.class_id == E_BIKE for b in one.boxes)
    h, w = one.image.shape[:2]
    assert max(h, w) == OUT_PX
    for box in one.boxes:
        assert 0 <= box.x1 < box.x2 <= w
        assert 0 <= box.y1 < box.y2 <= h


@pytest.mark.parametrize("quarters", range(5))
def test_a_quarter_turn_takes_the_boxes_along(quarters: int) -> None:
    image = cabin()
    image[30:70, 200:290] = (0, 0, 255)
    turned = quarter_turned(Sample(image, (Box(E_BIKE, 200, 30, 290, 70),), "a", "s"), quarters)
    (box,) = turned.boxes
    inside = turned.image[round(box.y1) : round(box.y2), round(box.x1) : round(box.x2)]
    assert (inside == (0, 0, 255)).all()
    assert (turned.image == (0, 0, 255)).all(axis=2).sum() == inside.shape[0] * inside.shape[1] == 40 * 90


@pytest.mark.parametrize("seed", range(6))
def test_a_distant_view_is_small_and_inside(seed: int) -> None:
    sample = Sample(cabin(size=(400, 400)), (Box(STROLLER, 60, 60, 340, 340),), "a", "s")
    far = distant(sample, np.random.default_rng(seed), "far")
    h, w = far.image.shape[:2]
    assert (far.name, far.source) == ("far", "s")
    for box in far.boxes:
        assert 0 <= box.x1 < box.x2 <= w
        assert 0 <= box.y1 < box.y2 <= h
        assert box.area < 0.5 * w * h  # 0.65 squared, and a little for the view's own cut
    again = distant(sample, np.random.default_rng(seed), "far")
    assert np.array_equal(far.image, again.image)


@pytest.mark.parametrize("seed", range(8))
def test_a_placed_vehicle_is_where_its_box_says(seed: int) -> None:
    ground = Sample(cabin(), (), "g", "ground")
    made = place(ground, [vehicle()], np.random.default_rng(seed), "p")
    plain, _ = fit(ground.image, ())
    assert len(made.boxes) == 1
    box = made.boxes[0]
    assert made.source == "drawn/disc"
    inside = made.image[round(box.y1) : round(box.y2), round(box.x1) : round(box.x2)].astype(int)
    assert inside.std() > plain.astype(int).std()


def test_a_person_behind_a_vehicle_loses_the_label_only_if_hidden() -> None:
    ground = Sample(cabin(), (Box(PERSON, 0, 0, 319, 239),), "g", "ground")
    made = place(ground, [vehicle()], np.random.default_rng(3), "p")
    assert [b.class_id for b in made.boxes] == [PERSON, E_BIKE]


def test_every_copy_of_a_source_falls_on_one_side() -> None:
    assert is_val("mosaic/cctv_0_10")
    assert not is_val("mosaic/cctv_0_11")
    assert is_val("wheelchair/mobilityaids_3")
    assert not is_val("wheelchair/kaggle_00003")
    shares = [is_val(f"emoped/view{n}") for n in range(2000)]
    assert 0.1 < np.mean(shares) < 0.2


def test_held_out_pictures_with_a_twin_in_training_are_dropped() -> None:
    def scene(seed: int) -> Image:
        coarse = np.random.default_rng(seed).integers(0, 255, (8, 9, 3)).astype(np.uint8)
        return cv2.resize(coarse, (180, 160), interpolation=cv2.INTER_CUBIC).astype(np.uint8)

    brighter = np.clip(scene(1).astype(int) + 12, 0, 255).astype(np.uint8)
    samples = [
        Sample(scene(1), (), "a", "mosaic/cctv_0_00"),
        Sample(brighter, (), "b", "mosaic/cctv_0_10"),
        Sample(scene(2), (), "c", "mosaic/cctv_0_13"),
    ]
    train, held, dropped = split(samples, drop_twins=True)
    assert ([s.name for s in train], [s.name for s in held], dropped) == (["a"], ["c"], 1)
    assert len(split(samples, drop_twins=False)[1]) == 2


def test_check_only_sets_have_no_reader() -> None:
    assert not set(READERS) & set(CHECK_ONLY)
    builders = [p for p in Path(laid.__file__).parent.rglob("*.py") if p.name != "sources.py"]
    assert len(builders) > 20
    assert not [p.name for p in builders for name in CHECK_ONLY if name in p.read_text("utf-8")]


def test_the_digest_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = folder_digest(tmp_path)
    (tmp_path / "a").write_text("2")
    second = folder_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({first, second, folder_digest(tmp_path)}) == 3


def test_an_e_bike_from_behind_stands_beside_a_person_and_both_keep_their_boxes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(laid, "PASTED_BEHIND", 50)
    person = Box(PERSON, 120, 60, 180, 230)
    room = Sample(cabin(), (person,), "room", "drawn/room")
    made = list(laid.from_behind([room], [vehicle()], np.random.default_rng(5)))
    assert len(made) == 50
    assert all(any(b.class_id == E_BIKE for b in sample.boxes) for sample in made)
    kept = [sample for sample in made if any(b.class_id == PERSON for b in sample.boxes)]
    assert len(kept) > 25  # now and then the vehicle hides the person
    assert not list(laid.from_behind([room], [], np.random.default_rng(5)))
