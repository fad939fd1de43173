"""What ``liftguard detect`` shows people: the table, the summary and the annotated copies."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest

from api.annotate import draw_boxes, write_copy
from api.detect import run_detect
from vision.errors import StorageError
from vision.sources.images import read_image
from vision.types import E_BIKE, PERSON, Detections, Image


class RedMeansEBike:
    """Sees one e-bike and two people in red pictures, nothing in others."""

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        if image[..., 2].mean() < 200:
            return Detections.empty()
        boxes = np.array([[2, 2, 30, 20], [5, 5, 20, 28], [6, 6, 20, 28]], np.float32)
        return Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.array([E_BIKE, PERSON, PERSON]))

    def operating_conf(self, class_id: int) -> float:
        return 0.5


def write(path: Path, bgr: tuple[int, int, int]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, np.full((30, 40, 3), bgr, np.uint8))[1].tobytes())
    return path


def run(*paths: Path, out_dir: Path | None = None) -> tuple[int, str]:
    stdout = io.StringIO()
    code = run_detect(
        paths,
        json_lines=False,
        out_dir=out_dir,
        conf=None,
        detector=RedMeansEBike(),
        stdout=stdout,
        progress=True,
    )
    return code, stdout.getvalue()


def test_the_table_says_what_is_seen_and_how_many_hold_an_e_bike(tmp_path: Path) -> None:
    red, blue = write(tmp_path / "red.png", (0, 0, 255)), write(tmp_path / "blue.png", (255, 0, 0))
    code, text = run(red, blue, tmp_path / "gone.png")

    assert code == 1
    assert "e_bike 0.90, 2 person 0.80" in text
    assert "nothing" in text
    assert text.rstrip().endswith("1 of 2 pictures hold an e-bike; 1 could not be looked at.")


def test_names_cannot_write_markup_or_control_codes_into_the_terminal(tmp_path: Path) -> None:
    path = write(tmp_path / "[red]\x1b]0;x.png", (255, 0, 0))
    _, text = run(path)

    assert "\x1b" not in text
    assert "[red]" in text


def test_copies_never_go_over_an_input_or_one_another(tmp_path: Path) -> None:
    first = write(tmp_path / "a" / "car.png", (0, 0, 255))
    second = write(tmp_path / "b" / "car.png", (0, 0, 255))
    before = first.read_bytes()
    code, _ = run(first, second, out_dir=tmp_path / "a")

    assert code == 0
    assert first.read_bytes() == before
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["car-2.png", "car-3.png", "car.png"]
    copy = read_image(tmp_path / "a" / "car-2.png")
    assert copy.shape == (30, 40, 3)
    assert not np.array_equal(copy, read_image(first))


def test_copies_keep_chinese_names_and_the_folder_is_made(tmp_path: Path) -> None:
    out = tmp_path / "out" / "deeper"
    run(write(tmp_path / "电梯.jpg", (0, 0, 255)), out_dir=out)

    assert [p.name for p in out.iterdir()] == ["电梯.jpg"]


def test_a_copy_that_cannot_be_written_is_said_and_counts_as_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Path:
        raise StorageError("cannot write x (No space left on device); free some space")

    monkeypatch.setattr("api.detect.write_copy", refuse)
    code, text = run(write(tmp_path / "a.png", (0, 0, 255)), out_dir=tmp_path / "out")

    assert code == 1
    assert "1 of 1 pictures hold an e-bike" in text
    assert "No space left" in capsys.readouterr().err


def test_an_output_folder_that_is_a_file_stops_before_any_work(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", (0, 0, 255))
    with pytest.raises(StorageError, match=r"cannot make the folder .*a\.png"):
        run(path, out_dir=path)


def test_kinds_that_cannot_be_written_become_png(tmp_path: Path) -> None:
    image = np.zeros((8, 8, 3), np.uint8)

    assert write_copy(tmp_path, "a.gif", image).name == "a.png"
    assert write_copy(tmp_path, "b", image).name == "b.png"
    assert write_copy(tmp_path, "c.JPG", image).name == "c.JPG"


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").symlink_to(outside)

    assert write_copy(out, "a.png", np.zeros((8, 8, 3), np.uint8)).name == "a-2.png"
    assert not outside.exists()


@pytest.mark.parametrize("shape", [(1, 1, 3), (30, 40, 3), (2000, 20, 3), (1080, 1920, 3)])
def test_boxes_are_drawn_on_a_copy_of_any_size(shape: tuple[int, int, int]) -> None:
    image = np.zeros(shape, np.uint8)
    image.flags.writeable = False
    h, w = shape[:2]
    found = Detections(np.array([[0, 0, w, h]], np.float32), np.ones(1, np.float32), np.array([E_BIKE]))
    drawn = draw_boxes(image, found)

    assert drawn.shape == shape
    assert drawn.any()
    assert not image.any()
