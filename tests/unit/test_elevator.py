"""One elevator at work, with a scripted camera and detector: the relay follows, and lets go on any doubt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from api.book import EventBook, Identity
from api.cameras.book import CameraBook
from api.elevator import STAGES, Elevator, Parts
from api.guard import LIVE_WIDTH_PX, RELEASE_FOR_S, Guard
from api.latency import LatencyWindow
from api.live import GuardState, LiveFrameInfo, ModelInfo, RearmRequest, ReleaseRequest, RestartRequest
from api.load import load_settings
from api.metrics import GuardMetrics
from api.recorder import Recorder
from api.times import WallTime
from hardware.controller import HoldController
from hardware.hold import HoldRules, Phase
from hardware.inputs import NoInputs
from hardware.relay import FakeRelay
from hardware.slot import PresenceSlot
from tests.support.fakes import Box, MemoryStore, ScriptedDetector
from vision.fixtures import FixtureState, FixtureWatch, Thing
from vision.gate import OpenGate
from vision.perceive import Perceiver
from vision.tamper import TamperParams, TamperWatch
from vision.types import E_BIKE, Frame, SourceStatus

DEADLINE_S = 30.0
NOWHERE = Path("/dev/null/pictures")  # no picture can be kept here
BOX: Box = (E_BIKE, 0.9, (100.0, 100.0, 400.0, 400.0))


class PushedSource:
    """A camera that gives a frame whenever it is asked, while ``live``."""

    def __init__(self, fps: float = 50.0) -> None:
        self.live = True
        self.closed = False
        self._seq = 0
        self._pace = threading.Event()
        self._period_s = 1 / fps
        tiles = np.random.default_rng(0).integers(
            0, 200, (24, 64, 3)
        )  # edges, so that nothing seems tampered
        self._image = np.kron(tiles, np.ones((20, 20, 1))).astype(np.uint8)
        self.frozen = False

    def read(self, timeout_s: float) -> Frame | None:
        self._pace.wait(self._period_s)
        if not self.live or self.closed:
            return None
        self._seq += 1
        if not self.frozen:
            self._image = self._image.copy()
            self._image[:40, :40] = self._seq % 251  # never the same picture twice
        return Frame(self._image, time.monotonic(), self._seq)

    def status(self) -> SourceStatus:
        return SourceStatus(
            "live" if self.live else "stalled", "as told", 0.0, self._seq, size_wh=(1280, 480)
        )

    def close(self) -> None:
        self.closed = True


class FakeLink:
    def __init__(self) -> None:
        self.states: list[GuardState] = []
        self.frames: list[tuple[LiveFrameInfo, bytes]] = []
        self.metrics: list[str] = []
        self.wanted = False
        self.broken = False
        self.closed = False

    def publish_state(self, state: GuardState) -> None:
        if self.broken:
            raise OSError("told to fail")
        self.states.append(state)

    def publish_metrics(self, text: str) -> None:
        self.metrics.append(text)

    def publish_frame(self, info: LiveFrameInfo, jpeg: bytes) -> None:
        self.frames.append((info, jpeg))

    def frames_wanted(self, elevator_id: str) -> bool:
        return self.wanted

    def close(self) -> None:
        self.closed = True


class Rig:
    def __init__(self) -> None:
        self.there = False
        self.blows_up = False
        self.fixtures = FixtureWatch(frozenset({E_BIKE}), frozenset({"cabin"}))
        self.source = PushedSource()
        self.relay = FakeRelay()
        self.store = MemoryStore()
        self.link = FakeLink()
        self.metrics = GuardMetrics()
        times = WallTime()
        settings = load_settings(env={}).elevators[0]
        rules = HoldRules(release_s=0.5, stale_s=0.4, rejoin_s=0.6, rearm_s=0.0)
        slot = PresenceSlot()
        self.recorder = Recorder(lambda: self.store)
        identity = Identity("car-1", "car-1/cabin", "m", "0" * 64, "r", "v", simulated=True)
        controller = HoldController(
            self.relay,
            rules,
            slot,
            read_inputs=NoInputs().read,
            clock=times.clock,
            on_signal=lambda signal: self.elevator.hear(signal),  # noqa: PLW0108  the elevator does not exist yet
        )
        parts = Parts(
            settings=settings,
            source=self.source,
            perceiver=Perceiver(
                ScriptedDetector(self._script),
                operating_conf=lambda _: 0.4,
                gate=OpenGate(),
                fixtures=self.fixtures,
            ),
            slot=slot,
            relay=self.relay,
            controller=controller,
            book=EventBook(identity, times.utc, self.recorder.put),
            door=None,
            tamper=TamperWatch(TamperParams(every_s=0.1, frozen_s=0.5)),
            camera_book=CameraBook("car-1", "car-1/cabin", NOWHERE, times.utc, self.recorder.put),
        )
        self.elevator = Elevator(parts, LatencyWindow(), self.metrics, times)
        model = ModelInfo(name="m", sha256="0" * 64, imgsz=320)
        self.guard = Guard([self.elevator], self.recorder, self.link, model, self.metrics, times)

    def _script(self, _: int) -> list[Box]:
        if self.blows_up:
            raise RuntimeError("told to fail")
        return [BOX] if self.there else []

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < until, f"never: {what}; {self.elevator.state()}"
            self.guard.turn(time.monotonic())
            threading.Event().wait(0.005)

    def phase(self) -> Phase:
        return self.elevator.state().phase


@contextmanager
def running() -> Iterator[Rig]:
    rig = Rig()
    rig.guard.start()
    try:
        rig.wait(lambda: rig.phase() is Phase.IDLE, "the camera is seen")
        yield rig
    finally:
        rig.guard.stop()
    assert rig.relay.closed
    assert rig.relay.energised is False
    assert rig.link.closed


def hold(rig: Rig) -> None:
    rig.there = True
    rig.wait(lambda: rig.phase() is Phase.HOLDING, "the e-bike is held")
    assert rig.relay.energised


def test_an_e_bike_is_held_let_go_and_stored() -> None:
    with running() as rig:
        hold(rig)
        assert rig.elevator.state().open_event_id is not None
        rig.there = False
        rig.wait(lambda: not rig.relay.energised, "the door is let go")
        rig.wait(lambda: bool(rig.store.ended), "the event ends")
        assert rig.elevator.state().open_event_id is None
    (new,) = rig.store.started
    assert rig.store.ended[new.id].outcome == "left"
    assert rig.store.ended[new.id].hold_s > 0
    assert rig.store.evidence[new.id]
    assert rig.relay.states == [False, True, False]
    assert new.capture_to_relay_ms is not None
    assert 0 <= new.capture_to_relay_ms < 60_000


def test_every_promised_latency_is_measured_and_explained() -> None:
    with running() as rig:
        hold(rig)
        rig.there = False
        rig.wait(lambda: bool(rig.store.ended), "the event ends")
        measured = {q.stage for q in rig.elevator.latency.quantiles()}
        assert measured == set(STAGES)
        text = rig.metrics.text(rig.guard.state())
    assert 'liftguard_events_total{elevator="car-1"} 1.0' in text
    assert 'stage="capture_to_relay"' in text


def test_a_frozen_picture_lets_the_door_go_and_is_reported() -> None:
    with running() as rig:
        hold(rig)
        rig.source.frozen = True  # with the e-bike in it, for ever
        rig.wait(lambda: rig.phase() is Phase.BLIND, "blind")
        assert not rig.relay.energised
        rig.wait(lambda: rig.elevator.state().camera.trouble == "frozen", "the trouble is shown")
        assert rig.elevator.state().camera.state == "live"
        rig.wait(lambda: bool(rig.store.troubles), "the trouble is stored")
        text = rig.metrics.text(rig.guard.state())
        assert 'liftguard_camera_trouble{elevator="car-1",kind="frozen"} 1.0' in text
        rig.source.frozen = False
        rig.wait(lambda: rig.elevator.state().camera.trouble is None, "all is well again")
        rig.wait(lambda: rig.phase() is Phase.HOLDING, "and the e-bike is held again")
    assert list(rig.store.troubles_ended.values()) == ["clear"]


def test_what_was_taken_for_a_vehicle_too_long_is_reported_and_a_real_trouble_comes_first() -> None:
    now_s = time.monotonic()
    poster = Thing((0.6, 0.2, 0.8, 0.6), np.zeros((2, 90, 160), np.float32), now_s, now_s, 9e9)
    with running() as rig:
        rig.fixtures.state = FixtureState((poster,))
        rig.wait(lambda: rig.elevator.state().camera.trouble == "mistaken", "the poster is reported")
        hold(rig)  # an e-bike elsewhere in the car
        text = rig.metrics.text(rig.guard.state())
        assert 'liftguard_camera_trouble{elevator="car-1",kind="mistaken"} 1.0' in text
        rig.source.frozen = True
        rig.wait(lambda: rig.elevator.state().camera.trouble == "frozen", "the camera's own trouble")
        rig.source.frozen = False
        rig.wait(lambda: rig.elevator.state().camera.trouble == "mistaken", "it still hangs there")
        rig.fixtures.reset()
        rig.wait(lambda: rig.elevator.state().camera.trouble is None, "it was taken down")
    assert list(rig.store.troubles_ended.values()) == ["other", "other", "clear"]


def test_a_camera_that_goes_silent_lets_the_door_go() -> None:
    with running() as rig:
        hold(rig)
        rig.source.live = False
        rig.wait(lambda: rig.phase() is Phase.BLIND, "blind")
        assert not rig.relay.energised
        assert rig.elevator.state().camera.state == "stalled"


def test_a_detector_that_fails_lets_the_door_go_and_comes_back() -> None:
    with running() as rig:
        hold(rig)
        rig.blows_up = True
        rig.wait(lambda: rig.phase() is Phase.BLIND, "blind")
        assert not rig.relay.energised
        rig.blows_up = False
        rig.wait(lambda: rig.phase() is Phase.HOLDING, "held again")
        assert rig.metrics.vision_errors.labels("car-1")._value.get() >= 1


def test_a_manager_lets_go() -> None:
    with running() as rig:
        hold(rig)
        reply = rig.guard.command(ReleaseRequest(elevator_id="car-1", reason="a wheelchair", by="ann"))
        assert reply.accepted
        rig.wait(lambda: rig.phase() is Phase.INHIBITED, "inhibited")
        assert not rig.relay.energised
        assert rig.elevator.state().inhibit_reason == "remote_release"
        assert not rig.guard.command(ReleaseRequest(elevator_id="car-9", reason="x", by="ann")).accepted
        left_s = rig.elevator.state().released_for_s
        assert left_s is not None
        assert 0 < left_s <= RELEASE_FOR_S
        rig.wait(lambda: len(rig.store.actions) == 1, "the reason is stored")
        (done,) = rig.store.actions
        (event,) = rig.store.started
        assert (done.action, done.by, done.reason, done.event_id) == (
            "release",
            "ann",
            "a wheelchair",
            event.id,
        )

        assert rig.guard.command(RearmRequest(elevator_id="car-1", reason="it was nothing", by="bo")).accepted
        rig.wait(lambda: rig.phase() is not Phase.INHIBITED, "armed again")
        assert rig.elevator.state().released_for_s is None
        rig.wait(lambda: [a.action for a in rig.store.actions] == ["release", "rearm"], "both are stored")


def test_a_restart_is_asked_for_and_never_lengthens_a_hold() -> None:
    again = RestartRequest(action="restart", by="ann")
    with running() as rig:
        refused = rig.guard.command(again)
        assert not refused.accepted
        assert "liftguard run" in refused.detail
        rig.guard._can_restart = True
        assert rig.guard.state().can_restart
        hold(rig)
        assert "car-1" in rig.guard.command(again).detail
        assert not rig.guard.again
        rig.there = False
        rig.wait(lambda: bool(rig.store.ended), "the event is over")
        assert rig.guard.command(again).accepted
        assert rig.guard.again


def test_the_store_knows_when_guard_ran() -> None:
    with running() as rig:
        rig.wait(lambda: len(rig.store.runs) == 1, "a sign of life")
        (first,) = rig.store.runs.values()
    (run,) = rig.store.runs.values()
    assert run.id == first.id
    assert run.started_at <= first.alive_at < run.alive_at


def test_a_broken_disk_does_not_keep_the_door_from_being_held_or_let_go() -> None:
    with running() as rig:
        rig.store.broken = True
        hold(rig)
        rig.wait(lambda: not rig.guard.state().store_ok, "the trouble is told")
        rig.there = False
        rig.wait(lambda: not rig.relay.energised, "the door is let go")
        rig.store.broken = False
        rig.wait(lambda: bool(rig.store.ended), "the event is stored late")
    assert len(rig.store.started) == 1


def test_stopping_in_the_middle_of_a_hold_lets_go_and_closes_the_event() -> None:
    with running() as rig:
        hold(rig)
    (new,) = rig.store.started
    assert rig.store.ended[new.id].outcome == "stopped"


def test_live_pictures_are_sent_only_while_somebody_looks_and_fit_the_page() -> None:
    with running() as rig:
        rig.there = True
        rig.wait(lambda: rig.phase() is Phase.HOLDING, "held")
        assert rig.link.frames == []
        rig.link.wanted = True
        rig.wait(lambda: len(rig.link.frames) >= 2, "pictures come")
    info, jpeg = rig.link.frames[-1]
    assert info.size_wh == (LIVE_WIDTH_PX, 240)
    assert jpeg[:2] == b"\xff\xd8"
    (box,) = info.boxes
    assert box.blocked
    assert box.xyxy == pytest.approx((50, 50, 200, 200), abs=1)
    seqs = [i.seq for i, _ in rig.link.frames]
    assert seqs == sorted(set(seqs))


def test_a_link_that_fails_does_not_end_the_loop() -> None:
    rig = Rig()
    rig.link.broken = True
    rig.guard.start()
    stop = threading.Event()
    loop = threading.Thread(target=rig.guard.run, args=(stop,))
    loop.start()
    try:
        until = time.monotonic() + DEADLINE_S
        while rig.phase() is not Phase.IDLE:
            assert time.monotonic() < until
            stop.wait(0.01)
        rig.link.broken = False
        while not rig.link.states:
            assert time.monotonic() < until
            stop.wait(0.01)
    finally:
        stop.set()
        loop.join(DEADLINE_S)
        rig.guard.stop()
    assert rig.link.states[-1].elevators[0].id == "car-1"
    assert rig.link.states[-1].at.tzinfo == UTC
    assert isinstance(rig.link.states[-1].started_at, datetime)


def test_a_relay_that_fails_at_the_end_does_not_keep_the_rest_from_ending() -> None:
    rig = Rig()
    rig.guard.start()
    rig.wait(lambda: rig.phase() is Phase.IDLE, "the camera is seen")
    rig.relay.fail = True
    rig.guard.stop()
    assert rig.source.closed
    assert rig.link.closed
