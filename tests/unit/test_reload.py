"""Loading the model again while guard runs: all elevators take the new one, or all keep the old one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from api.live import ModelInfo
from api.reload import Model, ModelReload, votes_for
from tests.support.waiting import eventually
from vision.errors import ConfigError, ModelError
from vision.types import Detections, Image

OLD = ModelInfo(name="old", sha256="0" * 64, imgsz=320)


@dataclass
class FakeModel:
    name: str = "new"
    sha256: str = "1" * 64
    size_wh: tuple[int, int] = (416, 416)
    is_calibrated: bool = True
    fails: bool = False
    looked_at: list[tuple[int, ...]] = field(default_factory=list)

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        if self.fails:
            raise ModelError("told to fail")
        assert image.dtype == np.uint8
        self.looked_at.append(image.shape)
        return Detections.empty()

    def operating_conf(self, class_id: int) -> float:
        return 0.5


@dataclass
class Car:
    id: str
    wh: tuple[int, int] | None = (320, 180)
    model: Model | None = None

    def renew(self, model: Model) -> None:
        self.model = model

    def picture_wh(self) -> tuple[int, int] | None:
        return self.wh


class Desk:
    """Two elevators and what their model is read from."""

    def __init__(self, load: Callable[[], Model]) -> None:
        self.cars = [Car("car-1"), Car("car-2", wh=None)]
        self.counted: Counter[str] = Counter()
        self.reload = ModelReload(load, self.cars, OLD, self.count)

    def count(self, outcome: str) -> None:
        self.counted[outcome] += 1

    def ask(self) -> None:
        done = self.counted.total()
        self.reload.ask()
        eventually(lambda: self.counted.total() > done)


def test_each_elevator_takes_one_of_its_own_that_has_looked_at_a_picture_of_its_size() -> None:
    desk = Desk(FakeModel)
    desk.ask()
    first, second = (car.model for car in desk.cars)
    assert isinstance(first, FakeModel)
    assert isinstance(second, FakeModel)
    assert first is not second
    assert (first.looked_at, second.looked_at) == ([(180, 320, 3)], [(360, 640, 3)])
    assert desk.reload.now == ModelInfo(name="new", sha256="1" * 64, imgsz=416)
    desk.ask()
    assert desk.counted == {"taken": 1, "same": 1}


def raising(exc: Exception) -> Callable[[], Model]:
    def load() -> Model:
        raise exc

    return load


@pytest.mark.parametrize(
    "load",
    [
        pytest.param(raising(ModelError("sha256 differs")), id="altered"),
        pytest.param(raising(ConfigError("detector.model is not in the manifest")), id="settings"),
        pytest.param(raising(MemoryError()), id="no memory"),
        pytest.param(raising(RuntimeError("what nobody thought of")), id="unknown"),
        pytest.param(lambda: FakeModel(fails=True), id="cannot look at a picture"),
    ],
)
def test_whatever_is_wrong_with_the_new_one_the_old_one_goes_on(
    load: Callable[[], Model], caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(load)
    desk.ask()
    assert [car.model for car in desk.cars] == [None, None]
    assert (desk.reload.now.name, desk.reload.now.sha256) == (OLD.name, OLD.sha256)
    assert desk.reload.now.refused
    assert desk.counted == {"refused": 1}
    assert "old goes on" in caplog.text


def test_one_that_is_refused_for_the_second_elevator_is_taken_by_none() -> None:
    models = [FakeModel(), FakeModel(fails=True)]
    desk = Desk(lambda: models.pop(0))
    desk.ask()
    assert [car.model for car in desk.cars] == [None, None]


def test_a_file_that_is_exchanged_between_two_reads_is_taken_by_none() -> None:
    models = [FakeModel(), FakeModel(sha256="2" * 64)]
    desk = Desk(lambda: models.pop(0))
    desk.ask()
    assert [car.model for car in desk.cars] == [None, None]
    assert "changed while it was read" in desk.reload.now.refused


def test_after_a_refusal_a_good_one_is_taken_and_the_refusal_is_forgotten() -> None:
    models: list[FakeModel] = [FakeModel(fails=True), FakeModel(), FakeModel()]
    desk = Desk(lambda: models.pop(0))
    desk.ask()
    assert desk.reload.now.refused
    desk.ask()
    assert desk.reload.now == ModelInfo(name="new", sha256="1" * 64, imgsz=416)


def test_nobody_waits_for_a_disk_that_hangs_and_what_is_asked_meanwhile_is_done_once_after_it() -> None:
    disk, reads = threading.Event(), []

    def load() -> Model:
        reads.append(threading.current_thread())
        assert disk.wait(30)
        return FakeModel()

    desk = Desk(load)
    for _ in range(5):
        desk.reload.ask()  # comes back at once, whatever the disk does
    eventually(lambda: len(reads) == 1)
    assert threading.current_thread() not in reads
    assert reads[0].daemon, "a disk that hangs does not keep guard from ending"
    assert desk.cars[0].model is None
    for _ in range(5):
        desk.reload.ask()
    disk.set()
    eventually(lambda: desk.counted == {"taken": 1, "same": 1})


def test_calibrated_scores_are_probabilities() -> None:
    votes = votes_for(FakeModel())
    assert votes is not None
    assert votes.neutral_conf == 0.5
    assert votes_for(FakeModel(is_calibrated=False)) is None
