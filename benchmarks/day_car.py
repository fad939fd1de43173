"""One car over a whole simulated day: what guard does between the camera and the store, without waiting.

Gate, detector, tracks and presence look at every frame, the hold steps 20 times a second on the simulated
clock, and events go through the book and the recorder into an SQLite store. Memory is that of one process
over all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from api.book import EventBook, Identity, Write
from api.data_dir import StoreOpener
from api.main import build_perceiver, build_rules
from api.recorder import Recorder
from api.replay import TICK_HZ
from api.settings import Settings
from benchmarks.day_entries import FPS
from hardware.hold import EventStarted, Inputs, Phase, PhaseChanged, initial, step
from models.detector import OnnxDetector
from vision.perceive import Perceiver
from vision.types import Frame, Image, Observation, Presence

BEGUN: Final = datetime(2026, 1, 1, tzinfo=UTC)  # of the simulated clock
FLUSH_S: Final = 1.0
MAX_WAITING_S: Final = 60.0  # for the store, which gets hours of events in minutes


@dataclass(frozen=True, slots=True)
class Heard:
    """A change of the hold, and the frame after which it came."""

    frame: int
    phase: Phase


class Car:
    """Call `show` for each frame; never stops between entries. `close` it.

    Args: store: keep events in a store of ``settings``; False: only the hold is stepped.
    """

    def __init__(self, settings: Settings, perceiver: Perceiver, *, store: bool) -> None:
        elevator = settings.elevators[0]
        self._perceiver = perceiver
        self._rules = build_rules(elevator)
        self._hold = initial(0.0)
        self._ticks = 0
        self._pending: Presence | None = None
        self._flushed_s = 0.0
        self._recorder: Recorder | None = None
        self._book: EventBook | None = None
        self.frames = 0
        self.inferred = 0
        self.held_s = 0.0  # the relay was closed for so long
        self.events = 0
        self.writes = 0  # to the store
        self.heard: list[Heard] = []  # since `arrive`
        if store:
            self._recorder = Recorder(StoreOpener(settings))
            self._recorder.start()
            who = Identity("car-1", "car-1/cabin", "model", "0" * 64, "rules", "bench", simulated=True)
            self._book = EventBook(who, lambda t_s: BEGUN + timedelta(seconds=t_s), self._put)

    @classmethod
    def of(cls, settings: Settings, detector: OnnxDetector, *, store: bool) -> Car:
        """With a pipeline as guard builds it."""
        return cls(settings, build_perceiver(settings, settings.elevators[0], detector), store=store)

    @property
    def idle(self) -> bool:
        """The door is not held, and no vehicle is thought to be there."""
        return self._hold.phase in {Phase.IDLE, Phase.BLIND}

    @property
    def writes_lost(self) -> int:
        """Events that the store did not take."""
        return self._recorder.lost if self._recorder else 0

    def arrive(self) -> None:
        """Another car from here on: what was seen in the last one says nothing of it. The hold goes on."""
        self._perceiver.reset()
        self.heard = []

    def show(self, image: Image) -> Observation:
        """The next frame, a tenth of a second after the last."""
        now_s = self.frames / FPS
        self._tick_until(now_s)
        seen = self._perceiver.look(Frame(image, now_s, self.frames))
        self._pending = seen.presence
        self.frames += 1
        self.inferred += seen.detections is not None
        if self._book is not None and self._recorder is not None:
            self._book.observe(seen)
            if now_s - self._flushed_s >= FLUSH_S:
                self._flushed_s = now_s
                self._book.flush(now_s, 0.0, 0)
                self._recorder.drain(MAX_WAITING_S)  # nothing may be lost for want of simulated time
        return seen

    def close(self) -> None:
        """Write what is left."""
        if self._recorder is not None:
            self._recorder.stop(MAX_WAITING_S)

    def _put(self, write: Write) -> None:
        assert self._recorder is not None  # noqa: S101  only the book calls this, and they come together
        self.writes += 1
        self._recorder.put(write)

    def _tick_until(self, t_s: float) -> None:
        while self._ticks / TICK_HZ < t_s:
            now_s, seen, self._pending = self._ticks / TICK_HZ, self._pending, None
            self._ticks += 1
            self._hold, decision = step(self._hold, seen, Inputs(), now_s, self._rules)
            self.held_s += decision.energise / TICK_HZ
            for signal in decision.signals:
                self.events += isinstance(signal, EventStarted)
                if isinstance(signal, PhaseChanged):
                    self.heard.append(Heard(self.frames - 1, signal.after))
                if self._book is not None:
                    self._book.signal(signal)
