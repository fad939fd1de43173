"""`liftguard model …` as a user types it, with a tiny model; the card from figures of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from api import cli
from models.card import render, write_card
from models.card_tables import pairs, rate
from models.manifest import load_manifest
from models.measure import CheckSet, measure
from models.timing import race
from tests.support.tiny_onnx import cells, make_head, write_model
from tests.support.tiny_world import BLACK, SIZE_WH, WHITE, picture, tiny_manifest
from vision.errors import ConfigError, LiftguardError
from vision.types import CLASS_NAMES, Detections, Image

E_BIKE_LABEL, NO_LABEL = "0 0.5 0.5 0.5 0.5\n", ""
WHEELCHAIR_LABEL = "3 0.5 0.5 0.5 0.5\n"


def write_set(folder: Path, *labels: tuple[int, str]) -> Path:
    """A YOLO set: one picture in one grey and its label per entry."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for number, (level, label) in enumerate(labels):
        cv2.imwrite(str(folder / f"images/{number}.png"), picture(level))
        (folder / f"labels/{number}.txt").write_text(label)
    return folder


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tiny model in force (white is an e-bike) and two sets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("api.load.DEFAULT_CONFIG_FILES", (Path("liftguard.toml"),))
    monkeypatch.setenv("LIFTGUARD_DETECTOR__MANIFEST", str(tiny_manifest(tmp_path / "model")))
    monkeypatch.setenv("LIFTGUARD_DETECTOR__THREADS", "1")
    write_set(tmp_path / "val/one", (WHITE, E_BIKE_LABEL), (BLACK, NO_LABEL))
    write_set(tmp_path / "val/two", (WHITE, WHEELCHAIR_LABEL), (BLACK, E_BIKE_LABEL))
    return tmp_path


def call(*args: str) -> Result:
    return CliRunner().invoke(cli.app, ["model", *args])


def test_every_command_explains_itself() -> None:
    for command in ("list", "verify", "eval", "train", "export", "calibrate", "card"):
        result = call(command, "--help")
        assert result.exit_code == 0
        assert "Usage" in result.stdout


def test_eval_goes_through_a_folder_of_sets(world: Path) -> None:
    result = call("eval", "val", "--json", "--confusion", "confusion.png")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["model"] == "tiny"
    assert len(answer["model_sha256"]) == 64
    assert [s["name"] for s in answer["sets"]] == ["val/one", "val/two", "together"]
    together = answer["sets"][-1]
    assert together["pictures"] == 4
    e_bike = together["image_recall"]["e_bike"]
    assert (e_bike["hits"], e_bike["tries"], e_bike["share"]) == (1, 2, 0.5)
    assert e_bike["low"] == pytest.approx(0.0945, abs=1e-3)
    assert (together["false_hold"]["wheelchair"]["hits"], together["false_hold"]["empty"]["hits"]) == (1, 0)
    assert together["average_precision"]["e_bike"]["boxes"] == 2
    assert cv2.imread("confusion.png") is not None


def test_eval_speaks_to_people_and_leaves_ap_out_when_told(world: Path) -> None:
    result = call("eval", "val/one", "--no-ap", "--conf", "0.95")
    assert result.exit_code == 0, result.output
    assert "image recall   e_bike       0/1" in result.stdout
    assert "AP" not in result.stdout


def test_eval_of_judged_events(world: Path) -> None:
    folder = world / "judged"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), picture(WHITE))
    line = {"image": "a.png", "verdict": "false_alarm", "reason": "stroller"}
    (folder / "judged.jsonl").write_text(json.dumps(line))
    result = call("eval", "judged", "--json")
    assert json.loads(result.stdout)["sets"][0]["false_hold"]["stroller"]["hits"] == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("eval", "gone"), "no folder gone"),
        (("eval", "model"), "no pictures"),
        (("eval", "val", "--expect", "moped"), "no such class"),
        (("eval", "val/one", "--confusion", "gone/a.png"), "cannot write"),
        (("eval", "val", "--model", "gone"), "no model 'gone'"),
        (("card", "--folder", "empty"), "no figures at"),
        (("card", "--validation", "val", "--check", "val/one=moped"), "no class 'moped'"),
        (("card", "--validation", "val", "--data", "gone.json"), "cannot read"),
        (("export", "a.pt", "b.onnx", "--int8", "c.onnx"), "--pictures"),
        (("export", "a.pt", "b.onnx"), "weights not found"),
    ],
)
def test_what_is_wrong_is_said(world: Path, args: tuple[str, ...], says: str) -> None:
    result = call(*args)
    assert isinstance(result.exception, LiftguardError)
    assert says in str(result.exception)


@pytest.mark.parametrize(
    ("module", "args", "says"),
    [
        ("faster_coco_eval", ("eval", "val"), "missing extra eval"),
        ("ultralytics", ("train", "--weights", "w", "--data", "d", "--out", "o"), "missing extra train"),
        ("onnx", ("export", "w.pt", "b.onnx"), "missing extra train"),
    ],
)
def test_a_missing_extra_is_named(
    world: Path, monkeypatch: pytest.MonkeyPatch, module: str, args: tuple[str, ...], says: str
) -> None:
    (world / "w.pt").write_bytes(b"weights")
    monkeypatch.setitem(sys.modules, module, None)
    assert says in str(call(*args).exception)


def test_training_hands_on_what_was_given(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def train(settings: Any) -> Path:
        seen.append(settings)
        return Path(settings.out)

    monkeypatch.setattr("models.train.train", train)
    result = call("train", "--weights", "w.pt", "--data", "d.yaml", "--out", "run", "--epochs", "3")
    assert result.exit_code == 0, result.output
    assert (seen[0].epochs, seen[0].weights, seen[0].out) == (3, Path("w.pt"), Path("run"))
    assert seen[0].batch == 16  # models.train's own
    assert "liftguard model export run/weights/best.pt" in result.stdout


def test_export_prints_an_entry_that_the_manifest_takes(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_from: Path, target: Path, *_: object, **__: object) -> None:
        head = make_head([], len(CLASS_NAMES), cells(SIZE_WH))
        write_model(target.parent, head, size_wh=SIZE_WH).rename(target)

    monkeypatch.setattr("models.export.export", write)
    monkeypatch.setattr("models.quantize.quantise", write)
    pictures = str(world / "val/one")
    result = call(
        "export", "w.pt", "M.onnx", "--int8", "M-int8.onnx", "--pictures", pictures, "--imgsz", "64"
    )
    assert result.exit_code == 0, result.output
    (world / "m.toml").write_text(result.stdout)
    made = load_manifest(world / "m.toml").models
    assert [(m.name, m.file) for m in made] == [("m-64", "M.onnx"), ("m-int8-64", "M-int8.onnx")]
    assert "liftguard model calibrate M-int8.onnx" in result.stderr


def test_the_card_is_written_from_what_was_measured(world: Path) -> None:
    data = world / "manifest.json"
    data.write_text(json.dumps({"train_sha256": "f" * 64, "sets": {"one": {"train": 7, "rights": "ours"}}}))
    args = (
        "--validation",
        "val",
        "--check",
        "val/one=e_bike",
        "--data",
        str(data),
        "--resamples",
        "2",
        "--rounds",
        "2",
    )
    result = call("card", "--folder", "out", *args)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [
        f"out/liftguard-n{end}" for end in (".md", "-confusion.png", "-reliability.png")
    ]
    measured = json.loads((world / "out/liftguard-n.json").read_text())
    card = (world / "out/liftguard-n.md").read_text("utf-8")
    (model,) = measured["models"]
    assert rate(model["validation"]["image_recall"]["e_bike"]) == "1/2 = 0.50 [0.09, 0.91]"
    assert "| validation: e_bike | 1/2 = 0.50 [0.09, 0.91] |" in card
    assert "| one | " in card
    assert "`ffffffffffff`" in card
    assert "| false hold, wheelchair | ≤ 0.01 | 1/1 = 1.00 [0.21, 1.00] | **no** |" in card
    (world / "out/liftguard-n-notes.md").write_text("## Known failures\n\nWhite walls.\n")
    again = call("card", "--folder", "out")
    assert again.exit_code == 0, again.output
    assert (world / "out/liftguard-n.md").read_text("utf-8") == card + "\n## Known failures\n\nWhite walls.\n"


def test_eight_bits_are_compared_with_the_same_size(world: Path) -> None:
    manifest = load_manifest(world / "model/manifest.toml")
    measured = measure(
        manifest, ["tiny"], [world / "val"], [CheckSet("c", world / "val/one")], resamples=0, rounds=1
    )
    model = measured["models"][0]
    measured["models"].append({**model, "name": "tiny-int8", "file": "tiny-int8.onnx", "bytes": 200_000})
    measured["models"].append({**model, "name": "other-int8", "file": "other-int8.onnx", "size_wh": [96, 96]})
    assert [(a["name"], b["name"]) for a, b in pairs(measured["models"])] == [("tiny", "tiny-int8")]
    assert "tiny-int8 against tiny" in render(measured, "x", "")


def test_figures_of_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="measure again"):
        write_card({"models": [{"default": True}]}, tmp_path, "x")


class Slow:
    """A detector that takes as long as it is told, on a clock of its own."""

    now_s = 0.0

    def __init__(self, took_s: float) -> None:
        self._took_s = took_s

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        Slow.now_s += self._took_s
        return Detections.empty()


def test_a_race_is_run_in_turn_and_compared_with_the_first() -> None:
    frames = [np.zeros((4, 4, 3), np.uint8)]
    times = race({"a": Slow(0.010), "b": Slow(0.005)}, frames, 4, clock=lambda: Slow.now_s)
    assert (times["a"].median_ms, times["b"].median_ms) == (10.0, 5.0)
    assert (times["a"].ratio, times["b"].ratio, times["b"].pictures) == (1.0, 0.5, 4)
