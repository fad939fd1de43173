"""`liftguard model calibrate`: a new model's entry, from what it says of validation pictures."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from api import cli
from models.entry import as_toml, entry_of_file
from models.fit import fit
from models.manifest import MANIFEST_PATH, Manifest, ModelEntry, load_manifest
from tests.support.tiny_onnx import cells, make_head, write_model
from tests.support.tiny_world import BLACK, SIZE_WH, WHITE, picture
from vision.errors import ConfigError, LiftguardError, ModelError
from vision.types import CLASS_NAMES, E_BIKE

E_BIKE_LABEL = "0 0.5 0.5 0.5 0.5\n"
RIGHT, WRONG, QUIET = (WHITE, E_BIKE_LABEL), (WHITE, ""), (BLACK, "")


def a_set(folder: Path, *pictures: tuple[int, str]) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for number, (level, label) in enumerate(pictures):
        cv2.imwrite(str(folder / f"images/{number:03}.png"), picture(level))
        (folder / f"labels/{number:03}.txt").write_text(label)
    return folder


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    """A file that calls white an e-bike with 0.9."""
    head = make_head([(32, 32, 32, 32, E_BIKE, 0.9)], len(CLASS_NAMES), cells(SIZE_WH))
    return write_model(tmp_path, head, size_wh=SIZE_WH)


def call(*args: object) -> Result:
    return CliRunner().invoke(cli.app, ["model", "calibrate", *map(str, args)])


def the_model(text: str) -> ModelEntry:
    (entry,) = Manifest.model_validate(tomllib.loads(text)).models
    return entry


def test_a_model_that_cannot_tell_is_refused_with_what_it_does(onnx: Path, tmp_path: Path) -> None:
    kinds = [RIGHT] * 60 + [WRONG] * 30 + [QUIET] * 30
    with pytest.raises(ConfigError, match=r"from 0.35 on 60 of 60 e-bikes, 30 of 60 empty") as told:
        fit(entry_of_file(onnx, 64), tmp_path, [a_set(tmp_path / "bad", *kinds)], threads=1)
    assert "labels" in str(told.value)  # what to do


def test_what_is_printed_runs(onnx: Path, tmp_path: Path) -> None:
    data = a_set(tmp_path / "val", *[RIGHT] * 30, *[QUIET] * 5)
    result = call(onnx, data, "--write", tmp_path / "m.toml")
    assert result.exit_code == 0, result.output
    entry = the_model(result.stdout)
    assert entry.operating_conf == {"e_bike": 0.35}
    assert entry.calibration is None  # no wrong box to fit to
    assert "30/30 called; false: empty 0/5" in result.stderr
    assert "Not calibrated" in result.stderr
    alone = load_manifest(tmp_path / "m.toml").get(None)
    assert alone.default
    assert Path(alone.file).is_absolute()
    assert alone.calibration == entry.calibration


def test_confidences_are_fitted_where_there_are_boxes_of_both_kinds(onnx: Path, tmp_path: Path) -> None:
    beside = "0 0.1 0.1 0.1 0.1\n"  # an e-bike that is there, but not where it is called: a wrong box
    data = a_set(tmp_path / "val", *[RIGHT] * 40, *[(WHITE, beside)] * 40, *[QUIET] * 5)
    result = call(onnx, data, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    line = told["calibration"]["e_bike"]
    assert line["fitted"]
    assert line["ece_before"] == pytest.approx(0.4, abs=0.01)  # told 0.9, right in 40 of 80
    assert line["ece_after"] < 0.1
    assert told["e_bikes_called"] == [80, 80]
    entry = the_model(call(onnx, data).stdout)
    assert entry.calibration is not None
    assert entry.calibration["e_bike"] == (line["slope"], line["shift"])
    assert set(entry.calibration) == set(CLASS_NAMES)
    assert told["false_hold"] == {"empty": [0, 5]}


def test_a_model_of_the_manifest_keeps_its_name_and_forgets_its_calibration(
    onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_of_file(onnx, 64).model_copy(
        update={"calibration": {"e_bike": (0.2, -5.0)}, "name": "ours", "file": str(onnx)}
    )
    (tmp_path / "manifest.toml").write_text(as_toml(entry))
    monkeypatch.setenv("LIFTGUARD_DETECTOR__MANIFEST", str(tmp_path / "manifest.toml"))
    result = call("ours", a_set(tmp_path / "val", *[RIGHT] * 3, QUIET))
    assert result.exit_code == 0, result.output
    made = the_model(result.stdout)
    assert (made.name, made.calibration) == ("ours", None)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("gone.onnx", "both"), "cannot read gone.onnx"),
        (("text.onnx", "both"), "cannot load text.onnx"),
        (("gone", "both"), "no model 'gone'"),
        (("model.onnx", "gone"), "no folder gone"),
        (("model.onnx", "only"), "without an e-bike"),
        (("model.onnx", "none"), "with an e-bike"),
        (("model.onnx", "both", "--write", "text.onnx"), "is there already"),
        (("model.onnx", "both", "--write", "gone/m.toml"), "cannot write"),
    ],
)
def test_what_is_wrong_is_said_and_what_to_do(
    onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.rename("model.onnx")
    Path("text.onnx").write_text("no model")
    a_set(Path("both"), RIGHT, QUIET)
    a_set(Path("only"), RIGHT)
    a_set(Path("none"), QUIET)
    result = call(*args)
    assert isinstance(result.exception, LiftguardError), result.output
    assert says in str(result.exception)


def test_a_file_with_free_sides_takes_the_side_that_is_given_and_no_odd_one() -> None:
    file = MANIFEST_PATH.parent / "weights/liftguard-n-int8.onnx"
    entry = entry_of_file(file, 352)
    assert (entry.name, entry.size_wh, entry.trim) == ("liftguard-n-int8-352", (352, 352), True)
    with pytest.raises(ModelError, match="multiples of stride 32"):
        entry_of_file(file, 350)


def test_every_shipped_entry_reads_back_as_it_was_written() -> None:
    for entry in load_manifest().models:
        assert the_model(as_toml(entry)) == entry


@given(
    st.text(min_size=1, max_size=20),
    st.dictionaries(st.text(min_size=1, max_size=9), st.sampled_from(CLASS_NAMES), min_size=1, max_size=4),
)
def test_any_words_and_names_read_back(origin: str, classes: dict[str, str]) -> None:
    classes["an e-bike"] = "e_bike"
    entry = ModelEntry.model_validate(
        {
            "name": "a",
            "file": origin,
            "sha256": "0" * 64,
            "size_wh": (64, 32),
            "class_names": tuple(classes),
            "class_map": classes,
            "licence": "x",
            "origin": origin,
            "operating_conf": {"e_bike": 0.5},
        }
    )
    assert the_model(as_toml(entry)) == entry
