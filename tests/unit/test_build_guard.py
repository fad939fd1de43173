"""The guard as it is put together: relays are released first; elevators are independent."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api import guard as guard_process
from api import main
from api.cameras.fixture_memory import packed, unpacked
from api.load import load_settings
from api.settings import ElevatorSettings, Settings
from hardware.hold import Phase
from hardware.relay import FakeRelay, Relay
from tests.support.tiny_world import BLACK, WHITE, tiny_manifest, write_picture
from tests.support.waiting import eventually
from vision.errors import ModelError, RelayError
from vision.fixtures import Thing


def settings_for(folder: Path, **more: Any) -> Settings:
    """Two elevators: the first camera sees an e-bike all the time, the second an empty car."""
    overrides: dict[str, Any] = {"data_dir": str(folder / "var"), "detector.threads": 1, **more}
    for number, level in enumerate((WHITE, BLACK)):
        pictures = folder / f"car-{number}"
        pictures.mkdir()
        for picture in range(3):
            write_picture(pictures / f"{picture}.png", level)
        overrides |= {
            f"elevators.{number}.id": f"car-{number}",
            f"elevators.{number}.camera.source": str(pictures),
            f"elevators.{number}.camera.loop": True,
        }
    overrides["detector.manifest"] = str(tiny_manifest(folder / "model"))
    return load_settings(env={}, overrides=overrides)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeRelay]:
    """The relays that were opened, by elevator."""
    relays: dict[str, FakeRelay] = {}

    def build(elevator: ElevatorSettings) -> Relay:
        if elevator.name == "broken":
            raise RelayError("told to fail")
        relays[elevator.id] = FakeRelay()
        return relays[elevator.id]

    monkeypatch.setattr(main, "build_relay", build)
    return relays


def test_a_refused_model_does_not_keep_a_relay_from_being_released(
    tmp_path: Path, opened: dict[str, FakeRelay]
) -> None:
    settings = settings_for(tmp_path)
    (tmp_path / "model" / "weights" / "tiny.onnx").write_bytes(b"altered")
    with pytest.raises(ModelError, match="sha256"):
        main.build_guard(settings)
    assert set(opened) == {"car-0", "car-1"}


def test_a_relay_that_cannot_be_opened_does_not_keep_the_others(
    tmp_path: Path, opened: dict[str, FakeRelay]
) -> None:
    settings = settings_for(tmp_path, **{"elevators.0.name": "broken"})
    with pytest.raises(RelayError, match="told to fail"):
        main.build_guard(settings)
    assert set(opened) == {"car-1"}
    assert opened["car-1"].closed


def test_two_elevators_hold_each_for_itself(tmp_path: Path, opened: dict[str, FakeRelay]) -> None:
    guard = main.build_guard(settings_for(tmp_path))
    guard.start()
    try:

        def phases() -> list[Phase]:
            guard.turn(time.monotonic())
            return [elevator.phase for elevator in guard.state().elevators]

        eventually(lambda: phases() == [Phase.HOLDING, Phase.IDLE], 60.0, phases)
        assert opened["car-0"].energised
        assert not opened["car-1"].energised
    finally:
        guard.stop()
    assert [relay.energised for relay in opened.values()] == [False, False]
    assert opened["car-1"].states == [False]


def test_what_belongs_to_a_car_is_remembered_from_run_to_run(
    tmp_path: Path, opened: dict[str, FakeRelay]
) -> None:
    settings = settings_for(tmp_path)
    poster = Thing((0.5, 0.5, 0.8, 0.9), np.full((2, 90, 160), 0.5, np.float32), 0.0, 0.0, 900.0)
    file = settings.fixtures_dir / "car-1.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(packed([poster]))
    guard = main.build_guard(settings)
    file.unlink()
    guard.start()

    def troubles() -> list[str | None]:
        return [elevator.camera.trouble for elevator in guard.state().elevators]

    try:
        eventually(lambda: troubles() == [None, "mistaken"], 60.0, troubles)
    finally:
        guard.stop()
    assert [thing.box for thing in unpacked(file.read_bytes())] == [poster.box]
    assert not (settings.fixtures_dir / "car-0.json").exists()
    assert opened["car-1"].energised is False


def test_a_model_is_exchanged_while_a_door_is_held(tmp_path: Path, opened: dict[str, FakeRelay]) -> None:
    settings = settings_for(tmp_path, **{"elevators.0.hold.rejoin_s": 10})
    guard = main.build_guard(settings, lambda: settings)
    weights = tmp_path / "model" / "weights" / "tiny.onnx"
    reload, stop = threading.Event(), threading.Event()
    guard.start()
    loop = threading.Thread(target=guard.run, args=(stop, reload))
    loop.start()

    def told(name: str, refused: str) -> None:
        reload.set()

        def as_wanted() -> bool:
            now = guard.state().model
            return now.name == name and refused in now.refused and bool(now.refused) == bool(refused)

        eventually(as_wanted, 60.0, lambda: guard.state().model)
        eventually(lambda: guard.state().elevators[0].phase in {Phase.HOLDING, Phase.PAUSED}, 60.0)

    try:
        eventually(lambda: guard.state().elevators[0].phase is Phase.HOLDING, 60.0)
        event = guard.state().elevators[0].open_event_id
        weights.write_bytes(b"corrupted")
        told("tiny", "sha256")
        weights.unlink()
        told("tiny", "tiny.onnx")
        tiny_manifest(tmp_path / "model", "tiny-2", conf=0.95)
        told("tiny-2", "")
        assert guard.state().elevators[0].open_event_id == event, "the event has not noticed"
        eventually(lambda: guard.state().elevators[1].phase is Phase.IDLE, 60.0)
    finally:
        stop.set()
        loop.join()
        guard.stop()


@pytest.mark.parametrize(("terminal", "ends"), [(False, False), (True, True)])
def test_sighup_ends_only_what_a_person_started_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, ends: bool
) -> None:
    monkeypatch.setattr(guard_process, "has_terminal", lambda: terminal)
    before = {n: signal.getsignal(n) for n in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
    try:
        stop, reload = guard_process.listen_to_signals()
        os.kill(os.getpid(), signal.SIGHUP)
        eventually(lambda: stop.is_set() or reload.is_set())
        assert (stop.is_set(), reload.is_set()) == (ends, not ends)
        os.kill(os.getpid(), signal.SIGTERM)
        eventually(stop.is_set)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
