"""What training and export refuse before any heavy package is needed, and the head's starting rows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from models import export as export_module
from models import train as train_module
from models.train import COCO_ROWS, TrainSettings, head_rows, rate_share
from vision.errors import ConfigError, LiftguardError
from vision.types import CLASS_NAMES


def test_every_class_starts_from_a_coco_row() -> None:
    assert set(COCO_ROWS) == set(CLASS_NAMES)
    assert head_rows()[0] == 3  # e_bike from motorcycle
    assert head_rows()[4] == 0  # person from person


def test_an_unknown_class_has_no_row() -> None:
    with pytest.raises(ConfigError, match="hoverboard"):
        head_rows(("e_bike", "hoverboard"))


def test_the_rate_falls_from_one_to_its_last_share() -> None:
    shares = [rate_share(n / 10) for n in range(-2, 14)]
    assert shares == sorted(shares, reverse=True)
    assert (rate_share(0.0), rate_share(1.0)) == pytest.approx((1.0, 0.05))


@pytest.fixture
def no_train_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the train extra were not installed."""
    for name in ("torch", "ultralytics", "onnx"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("no_train_extra")
def test_training_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(LiftguardError, match="missing extra train"):
        train_module.train(TrainSettings(tmp_path / "a.pt", tmp_path / "data.yaml", tmp_path / "run"))


@pytest.mark.usefixtures("no_train_extra")
def test_exporting_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    weights = tmp_path / "a.pt"
    weights.write_bytes(b"weights")
    with pytest.raises(LiftguardError, match="missing extra train"):
        export_module.export(weights, tmp_path / "a.onnx", 320)


@pytest.mark.parametrize("imgsz", [0, -32, 300])
def test_export_sizes_are_multiples_of_the_stride(tmp_path: Path, imgsz: int) -> None:
    with pytest.raises(ConfigError, match="multiple of 32"):
        export_module.export(tmp_path / "a.pt", tmp_path / "a.onnx", imgsz)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.pt"):
        export_module.export(tmp_path / "gone.pt", tmp_path / "a.onnx", 320)
