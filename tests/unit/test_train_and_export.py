"""What training and export refuse before any heavy package is needed, and the head's starting rows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from models import export as export_module
from models import soup as soup_module
from models import train as train_module
from models.train import (
    COCO_ROWS,
    TrainSettings,
    has_bf16,
    head_rows,
    rate_share,
    save_every,
    short_memory,
    to_float,
)
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
@dataclass
class RunningMean:
    """Stands in for the trainer's running mean of the weights."""

    decay: Callable[[int], float] = lambda _steps: 0.0


@dataclass
class Trainer:
    """Stands in for the trainer: counts how often it was told to save."""

    ema: RunningMean | None = field(default_factory=RunningMean)
    saved: int = 0

    def save_model(self) -> None:
        self.saved += 1


def test_weights_are_saved_in_mid_epoch_as_often_as_asked() -> None:
    now_s, trainer = 0.0, Trainer()
    callback = save_every(5.0, lambda: now_s)
    for minute in range(1, 21):
        now_s = minute * 60.0
        callback(trainer)
    assert trainer.saved == 4


def test_the_running_mean_starts_short_and_stays_below_its_decay() -> None:
    trainer = Trainer()
    short_memory(0.98)(trainer)
    assert trainer.ema is not None
    decays = [trainer.ema.decay(steps) for steps in (0, 1, 10, 100, 10_000)]
    assert decays == sorted(decays)
    assert decays[0] == 0.0
    assert decays[-1] == 0.98
    short_memory(0.98)(Trainer(ema=None))


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("fpu avx512_bf16 fsrm", True),
        ("Features : fp asimd bf16", True),
        ("fpu avx512_vnni", False),
        ("", False),
    ],
)
def test_bfloat16_is_used_where_the_processor_names_it(tmp_path: Path, flags: str, has: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags\t: {flags}\n")
    assert has_bf16(tmp_path / "cpuinfo") is has
    assert not has_bf16(tmp_path / "absent")


class Half:
    """Stands in for a tensor of bfloat16."""

    def float(self) -> str:
        return "float32"


def test_predictions_are_made_float_however_they_are_nested() -> None:
    made = to_float({"boxes": Half(), "feats": [Half(), (Half(),)], "anchors": None})
    assert made == {"boxes": "float32", "feats": ["float32", ("float32",)], "anchors": None}


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


class Weight:
    """A tensor as far as `mix` looks: a number with a shape and a kind."""

    def __init__(self, value: float, *, whole: bool = False, shape: tuple[int, ...] = ()) -> None:
        self.value, self.shape, self.dtype = value, shape, self
        self.is_floating_point = not whole

    def __rmul__(self, factor: float) -> Weight:
        return Weight(factor * self.value)

    def __add__(self, other: Weight) -> Weight:
        return Weight(self.value + other.value)


def test_mixing_averages_weights_and_keeps_counters() -> None:
    one = {"w": Weight(1.0), "n": Weight(3, whole=True)}
    two = {"w": Weight(5.0), "n": Weight(7, whole=True)}
    mixed = soup_module.mix(one, two, 0.25)
    assert (mixed["w"].value, mixed["n"].value) == (2.0, 7)


def test_other_architectures_and_shares_are_refused() -> None:
    with pytest.raises(ConfigError, match="architectures"):
        soup_module.mix({"w": Weight(1.0)}, {"w": Weight(1.0, shape=(2,))}, 0.5)
    with pytest.raises(ConfigError, match=r"share 1\.5"):
        soup_module.mix({}, {}, 1.5)


@pytest.mark.usefixtures("no_train_extra")
def test_averaging_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(LiftguardError, match="missing extra train"):
        soup_module.soup(tmp_path / "a.pt", tmp_path / "b.pt", tmp_path / "c.pt", 0.5)
