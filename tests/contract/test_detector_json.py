"""The contract of ``liftguard detect --json``, as docs/formats.md states it."""

from __future__ import annotations

import io
import json
import os
import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from api.detect import PictureDetector, run_detect
from models.detector import OnnxDetector
from models.manifest import load_manifest
from vision.errors import ModelError
from vision.types import CLASS_NAMES, E_BIKE, PERSON, WHEELCHAIR, Detections, Image

DOCS = Path(__file__).parents[2] / "docs" / "formats.md"


class FakeDetector:
    """Finds the same things in every picture, and remembers what it was shown."""

    def __init__(self, *found: tuple[int, float], on_detect: Callable[[], None] | None = None) -> None:
        self.found = found or ((E_BIKE, 0.93214), (PERSON, 0.3))
        self.seen: list[Image] = []
        self.on_detect = on_detect

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        self.seen.append(image)
        if self.on_detect:
            self.on_detect()
        h, w = image.shape[:2]
        kept = [(i, c) for i, c in self.found if c >= (0.1 if conf is None else conf)]
        boxes = np.array([(w / 7, h / 7, w * 0.9, h * 0.8)] * len(kept), np.float32).reshape(-1, 4)
        return Detections(
            boxes, np.array([c for _, c in kept], np.float32), np.array([i for i, _ in kept], np.int64)
        )

    def operating_conf(self, class_id: int) -> float:
        return 0.4 if class_id == E_BIKE else 0.25


def write(path: Path, w: int = 40, h: int = 30, channels: int = 3, dtype: type = np.uint8) -> Path:
    image: NDArray[Any] = np.full((h, w, channels), np.iinfo(dtype).max // 2, dtype)
    encoded, data = cv2.imencode(path.suffix, image)
    assert encoded
    path.write_bytes(data.tobytes())
    return path


def detect(
    paths: Sequence[Path], detector: PictureDetector | None = None, conf: float | None = None
) -> tuple[int, list[dict[str, Any]]]:
    stdout = io.StringIO()
    code = run_detect(
        paths,
        json_lines=True,
        out_dir=None,
        conf=conf,
        detector=detector or FakeDetector(),
        stdout=stdout,
        progress=False,
        clock=iter(x / 100 for x in range(1_000_000)).__next__,
    )
    text = stdout.getvalue()
    assert text == "" or text.endswith("\n")
    return code, [json.loads(line) for line in text.splitlines()]


def assert_contract(line: dict[str, Any]) -> None:
    """The schema by hand: exact keys, types and ranges."""
    assert isinstance(line["image"], str)
    if "error" in line:
        assert list(line) == ["image", "error"]
        assert isinstance(line["error"], str)
        assert line["error"]
        return
    assert list(line) == ["image", "width", "height", "infer_ms", "detections"]
    assert type(line["width"]) is int
    assert type(line["height"]) is int
    assert min(line["width"], line["height"]) >= 1
    assert isinstance(line["infer_ms"], float)
    assert line["infer_ms"] >= 0
    for found in line["detections"]:
        assert list(found) == ["class", "conf", "xyxy"]
        assert found["class"] in CLASS_NAMES
        assert 0 <= found["conf"] <= 1
        x1, y1, x2, y2 = found["xyxy"]
        assert 0 <= x1 <= x2 <= line["width"]
        assert 0 <= y1 <= y2 <= line["height"]
    confs = [found["conf"] for found in line["detections"]]
    assert confs == sorted(confs, reverse=True)


def test_a_line_is_exactly_as_documented(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", 70, 35)
    code, lines = detect([path])

    assert code == 0
    assert lines == [
        {
            "image": str(path),
            "width": 70,
            "height": 35,
            "infer_ms": 10.0,
            "detections": [
                {"class": "e_bike", "conf": 0.9321, "xyxy": [10.0, 5.0, 63.0, 28.0]},
                {"class": "person", "conf": 0.3, "xyxy": [10.0, 5.0, 63.0, 28.0]},
            ],
        }
    ]
    assert_contract(lines[0])


def test_the_examples_in_the_documentation_keep_the_contract() -> None:
    section = DOCS.read_text(encoding="utf-8").split("## `liftguard detect --json`")[1].split("\n## ")[0]
    examples = [json.loads(line) for line in re.findall(r"^\{.*\}$", section, re.MULTILINE)]

    assert [set(line) for line in examples] == [
        {"image", "width", "height", "infer_ms", "detections"},
        {"image", "error"},
    ]
    for line in examples:
        assert_contract(line)


def test_each_class_has_its_own_operating_confidence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    detector = FakeDetector((WHEELCHAIR, 0.41), (E_BIKE, 0.39), (PERSON, 0.25), (PERSON, 0.24))

    assert [d["conf"] for d in detect([path], detector)[1][0]["detections"]] == [0.41, 0.25]
    assert [d["conf"] for d in detect([path], detector, conf=0.25)[1][0]["detections"]] == [0.41, 0.39, 0.25]
    assert [d["conf"] for d in detect([path], detector, conf=0.05)[1][0]["detections"]] == [
        0.41,
        0.39,
        0.25,
        0.24,
    ]


def test_a_folder_means_its_pictures_in_natural_order_without_subfolders(tmp_path: Path) -> None:
    for name in ("frame10.jpg", "frame2.png", "Frame1.jpg", ".hidden.jpg", "frame3.webp"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner" / "deep.jpg")
    code, lines = detect([tmp_path])

    assert code == 0
    assert [Path(line["image"]).name for line in lines] == [
        "Frame1.jpg",
        "frame2.png",
        "frame3.webp",
        "frame10.jpg",
    ]
    assert all(Path(line["image"]).parent == tmp_path for line in lines)


def test_what_cannot_be_read_is_an_error_line_and_the_rest_is_done(tmp_path: Path) -> None:
    empty_folder, fifo = tmp_path / "empty", tmp_path / "fifo.jpg"
    empty_folder.mkdir()
    os.mkfifo(fifo)
    broken, nothing, text = (tmp_path / n for n in ("broken.jpg", "nothing.jpg", "text.png"))
    broken.write_bytes(write(tmp_path / "whole.jpg", 400, 300).read_bytes()[:300])
    nothing.touch()
    text.write_text("this is no picture")
    last = write(tmp_path / "last.jpg")
    bad = [tmp_path / "missing.jpg", tmp_path / "no-folder", broken, nothing, text, empty_folder, fifo]
    code, lines = detect([*bad, last])

    assert code == 1
    assert [line["image"] for line in lines] == [str(p) for p in [*bad, last]]
    assert ["error" in line for line in lines] == [True] * len(bad) + [False]
    for line in lines:
        assert_contract(line)


def test_a_picture_that_the_model_fails_on_is_an_error_line(tmp_path: Path) -> None:
    def fail_once() -> None:
        if len(detector.seen) == 1:
            raise ModelError("model x failed to run: out of memory; try a smaller one")

    detector = FakeDetector(on_detect=fail_once)
    code, lines = detect([write(tmp_path / "a.png"), write(tmp_path / "b.png")], detector)

    assert code == 1
    assert lines[0] == {
        "image": str(tmp_path / "a.png"),
        "error": "model x failed to run: out of memory; try a smaller one",
    }
    assert lines[1]["detections"]


def test_a_giant_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 20_000, 20_000)
    path.write_bytes(data)
    code, lines = detect([path])

    assert code == 1
    assert "20000x20000" in lines[0]["error"]


def test_exif_orientation_is_honoured(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.jpg", 40, 30).read_bytes()
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)  # orientation 6: turn right
    exif = b"Exif\0\0" + tiff
    (tmp_path / "a.jpg").write_bytes(
        plain[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + plain[2:]
    )
    detector = FakeDetector()
    _, (line,) = detect([tmp_path / "a.jpg"], detector)

    assert (line["width"], line["height"]) == (30, 40)
    assert detector.seen[0].shape == (40, 30, 3)


@pytest.mark.parametrize(
    ("name", "channels", "dtype"),
    [
        ("grey.png", 1, np.uint8),
        ("grey.jpg", 1, np.uint8),
        ("rgba.png", 4, np.uint8),
        ("rgba.webp", 4, np.uint8),
        ("deep.png", 3, np.uint16),
        ("deep-grey.png", 1, np.uint16),
        ("deep-rgba.png", 4, np.uint16),
        ("plain.bmp", 3, np.uint8),
    ],
)
def test_every_kind_of_picture_reaches_the_detector_as_bgr(
    tmp_path: Path, name: str, channels: int, dtype: type
) -> None:
    detector = FakeDetector()
    code, (line,) = detect([write(tmp_path / name, 40, 30, channels, dtype)], detector)

    assert (code, line["width"], line["height"]) == (0, 40, 30)
    assert detector.seen[0].shape == (30, 40, 3)
    assert detector.seen[0].dtype == np.uint8
    assert np.abs(detector.seen[0].astype(int) - 127).max() <= 3


def test_of_an_animation_the_first_picture_counts(tmp_path: Path) -> None:
    animation = cv2.Animation()
    animation.frames = [np.full((30, 40, 3), level, np.uint8) for level in (10, 200)]
    animation.durations = np.array([100, 100], np.int32)  # type: ignore[assignment]  # cv2 wants an array
    path = tmp_path / "moving.webp"
    assert cv2.imwriteanimation(str(path), animation)
    detector = FakeDetector()

    assert detect([path], detector)[0] == 0
    assert detector.seen[0].mean() < 20


def test_chinese_names_stay_readable_where_the_output_takes_them(tmp_path: Path) -> None:
    path = write(tmp_path / "电梯 一.png")
    assert detect([path])[1][0]["image"] == str(path)

    for encoding, readable in (("utf-8", True), ("ascii", False)):
        raw = io.BytesIO()
        stdout = io.TextIOWrapper(raw, encoding=encoding)
        run_detect(
            [path],
            json_lines=True,
            out_dir=None,
            conf=None,
            detector=FakeDetector(),
            stdout=stdout,
            progress=False,
        )
        line = raw.getvalue().decode(encoding)
        assert ("电梯 一" in line) is readable
        assert json.loads(line)["image"] == str(path)


def test_a_name_that_is_not_utf8_still_makes_a_json_line(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff.png"))
    path.write_bytes(write(tmp_path / "a.png").read_bytes())
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="utf-8")
    code = run_detect(
        [path, path.with_suffix(".jpg")],
        json_lines=True,
        out_dir=None,
        conf=None,
        detector=FakeDetector(),
        stdout=stdout,
        progress=False,
    )
    found, missing = (json.loads(line) for line in raw.getvalue().splitlines())

    assert code == 1
    assert found["image"].endswith("odd\N{REPLACEMENT CHARACTER}.png")
    assert missing["image"].endswith("odd\N{REPLACEMENT CHARACTER}.jpg")
    assert_contract(missing)


def test_lines_come_as_pictures_are_done(tmp_path: Path) -> None:
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="utf-8")
    lines_before: list[int] = []
    detector = FakeDetector(on_detect=lambda: lines_before.append(raw.getvalue().count(b"\n")))
    run_detect(
        [write(tmp_path / f"{n}.png") for n in range(3)],
        json_lines=True,
        out_dir=None,
        conf=None,
        detector=detector,
        stdout=stdout,
        progress=False,
    )

    assert lines_before == [0, 1, 2]


def test_the_shipped_model_writes_the_same_format(tmp_path: Path) -> None:
    manifest = load_manifest()
    detector = OnnxDetector(manifest.get(), manifest.weights_dir)
    path = tmp_path / "noise.png"
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    path.write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    code, lines = detect([path], detector, conf=0.01)

    assert code == 0
    assert_contract(lines[0])
