"""More looks at validation pictures, on small sets drawn here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.boxes import Box, Sample, read_yolo
from datasets.folder import folder_digest, write_sample
from datasets.held_views import VIEWS, VIEWS_CEILING, VIEWS_E_BIKE, views_of, write
from datasets.stock import CEILING
from vision.errors import ConfigError
from vision.types import E_BIKE, STROLLER


def picture(*boxes: Box, name: str = "a") -> Sample:
    """A grey wall with brighter boxes."""
    image = np.full((200, 300, 3), 90, np.uint8)
    for box in boxes:
        image[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] = 200
    return Sample(image, boxes, name, f"drawn/{name}")


BIKE, SPECK, PRAM = (
    Box(E_BIKE, 60, 40, 200, 180),
    Box(E_BIKE, 60, 40, 80, 60),
    Box(STROLLER, 60, 40, 200, 180),
)


@pytest.mark.parametrize(("name", "most"), [(CEILING, VIEWS_CEILING), ("emoped", VIEWS_E_BIKE)])
def test_most_views_of_an_e_bike_show_it(name: str, most: int) -> None:
    made = list(views_of(name, picture(BIKE), np.random.default_rng(1)))
    assert most * 0.6 < len(made) <= most
    assert all(any(b.class_id == E_BIKE for b in one.boxes) for one in made)


def test_a_speck_is_no_e_bike_to_be_asked_for() -> None:
    assert not list(views_of("emoped", picture(SPECK), np.random.default_rng(1)))


@pytest.mark.parametrize("boxes", [(), (PRAM,)])
def test_every_view_without_an_e_bike_counts(boxes: tuple[Box, ...]) -> None:
    assert len(list(views_of("stroller", picture(*boxes), np.random.default_rng(1)))) == VIEWS


def test_sets_are_written_in_the_form_they_were_read_in(tmp_path: Path) -> None:
    write_sample(tmp_path / "set" / "val" / "emoped", picture(BIKE))
    write_sample(tmp_path / "set" / "val" / "stroller", picture(PRAM))
    for out in ("one", "two"):
        write(tmp_path / "set" / "val", tmp_path / out, 5)
    labels = sorted((tmp_path / "one").glob("*/labels/*.txt"))
    assert len(labels) > VIEWS
    assert {b.class_id for path in labels for b in read_yolo(path, (300, 200))} == {E_BIKE, STROLLER}
    assert folder_digest(tmp_path / "one") == folder_digest(tmp_path / "two")


def test_nothing_to_look_at_and_a_folder_in_use_are_told(tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    with pytest.raises(ConfigError, match="no folder with images/"):
        write(tmp_path / "val", tmp_path / "out", 5)
    write_sample(tmp_path / "val" / "emoped", picture(BIKE))
    with pytest.raises(ConfigError, match="not empty"):
        write(tmp_path / "val", tmp_path, 5)
