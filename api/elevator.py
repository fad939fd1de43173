"""One elevator at work: the vision thread that feeds its hold, and its state for the page."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from api.book import EventBook
from api.cameras.book import CameraBook
from api.cameras.fixture_memory import FixtureMemory
from api.evidence.studio import Studio
from api.latency import LatencyWindow
from api.live import CameraState, DoorState, ElevatorState, LiveBox, LiveFrameInfo
from api.metrics import GuardMetrics
from api.narrate import tell
from api.records import Whereabouts
from api.reload import Model, votes_for
from api.settings import ElevatorSettings
from api.times import WallTime
from hardware.controller import HoldController
from hardware.hold import EventStarted, Phase, PhaseChanged, Signal
from hardware.inputs import InputReader, NoInputs
from hardware.relay import Relay
from hardware.slot import PresenceSlot
from hardware.voice import Voice
from vision.errors import RelayError
from vision.perceive import Perceiver
from vision.sources import redact
from vision.tamper import TamperWatch
from vision.trouble import Trouble
from vision.turns import Turns, look_in_turn
from vision.types import CLASS_NAMES, Frame, FrameSource, Observation
from vision.vote import probability

log = logging.getLogger(__name__)

READ_S: Final = 0.5  # how long the vision thread waits for a frame before it looks whether to stop
TROUBLE_S: Final = 1.0  # pause after a failed frame: the presence goes stale and the door is let go
FPS_WINDOW: Final = 30  # frames over which the shown frame rate is taken
STAGES: Final = {
    "wait": "from capture until the frame is looked at",
    "tamper": "whether the camera still sees its view, twice a second",
    "gate": "motion gate",
    "infer": "letterbox, model, decoding and NMS; only of frames that the gate let through",
    "track": "association and class vote",
    "presence": "zones and hysteresis",
    "total": "gate to presence",
    "capture_to_presence": "from capture until the hold can hear of it",
    "capture_to_relay": "from capture of a convincing frame until the relay is set (target p95 300 ms)",
    "sight_to_confirm": "from a vehicle's first frame until its hold is confirmed (target p95 700 ms)",
    "gone_to_release": "from the last sighting until the relay lets go (limit 3 s)",
}
"""Every latency that guard measures."""


class Door(Protocol):
    """Something that knows how its door stands: the door contacts, or the simulated elevator."""

    def door(self) -> DoorState: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


def whereabouts(door: Door | None) -> Whereabouts:
    """How the door stands and at which floor, for an event and each of its frames."""
    now = door.door() if door else None
    if now is None:
        return Whereabouts()
    return Whereabouts(None if now.position == "unknown" else now.position, now.floor, now.opening)


@dataclass(frozen=True, slots=True)
class Parts:
    """What an elevator is made of. `api.main` puts them together."""

    settings: ElevatorSettings
    source: FrameSource
    perceiver: Perceiver
    slot: PresenceSlot
    relay: Relay
    controller: HoldController
    book: EventBook
    door: Door | None
    voice: Voice | None = None
    inputs: InputReader = field(default_factory=NoInputs)
    studio: Studio | None = None
    tamper: TamperWatch | None = None
    camera_book: CameraBook | None = None
    fixture_memory: FixtureMemory | None = None
    turns: Turns = field(default_factory=lambda: Turns(1))  # one for all elevators of a box


class Elevator:
    """Runs the parts of one elevator: a vision thread beside the controller's own."""

    def __init__(self, parts: Parts, latency: LatencyWindow, metrics: GuardMetrics, times: WallTime) -> None:
        self.parts = parts
        self.id = parts.settings.id
        self.latency = latency
        self._metrics = metrics
        self._times = times
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"vision-{self.id}", daemon=True)
        self._newest: Observation | None = None
        self._seen_s = times.clock()  # capture time of the latest frame in which the detector saw the vehicle
        self._looked_s: deque[float] = deque(maxlen=FPS_WINDOW)

    def start(self) -> None:
        """Start watching; the hold first, so that it starts released and BLIND."""
        self.parts.controller.start()
        self._thread.start()
        if self.parts.voice:
            self.parts.voice.start()
        if self.parts.studio:
            self.parts.studio.start()

    def let_go(self) -> None:
        """End the hold and release the relay, for good. Idempotent, never raises for a relay that fails."""
        self._stop.set()
        try:
            self.parts.controller.stop()
        except RelayError as exc:
            log.error("%s: the relay did not let go at the end: %s", self.id, exc)

    def stop(self) -> None:
        """Let the door go, then stop everything else. Idempotent."""
        self.let_go()
        self.parts.book.stop(self._times.clock(), *self._held())
        if self.parts.camera_book:
            self.parts.camera_book.stop(self._times.clock())
        if self.parts.fixture_memory:
            self.parts.fixture_memory.stop(self.parts.perceiver.fixtures)
        self.parts.source.close()
        if self._thread.is_alive():
            self._thread.join(5.0)
        if self.parts.voice:
            self.parts.voice.stop()
        if self.parts.studio:
            self.parts.studio.stop()
        if self.parts.door:
            self.parts.door.close()
        try:
            self.parts.relay.close()
        except RelayError as exc:
            log.error("%s: the relay could not be closed at the end: %s", self.id, exc)
        self.parts.inputs.close()

    def release(self, reason: str, by: str, for_s: float) -> None:
        """A person lets the door go; the door first, then the book."""
        self.parts.controller.release(f"{by}: {reason}", for_s)
        self.parts.book.act(self._times.clock(), "release", by, reason)

    def renew(self, model: Model) -> None:
        """Look with this model from the next frame on; a hold that goes on is not touched. Any thread."""
        self.parts.perceiver.renew(model, operating_conf=model.operating_conf, votes=votes_for(model))
        self.parts.book.renew(model.name, model.sha256)

    def picture_wh(self) -> tuple[int, int] | None:
        """Size of the camera's pictures, pixels; None before the first."""
        return self.parts.source.status().size_wh

    def rearm(self, reason: str, by: str) -> None:
        """A person ends a release early."""
        self.parts.controller.rearm()
        log.info("%s: the release was ended by %s: %s", self.id, by, reason)
        self.parts.book.act(self._times.clock(), "rearm", by, reason)

    def flush(self) -> None:
        """Put the evidence gathered since the last time on its way to the store."""
        self.parts.book.flush(self._times.clock(), *self._held())

    def hear(self, signal: Signal) -> None:
        """Take one signal of the hold, on the hold thread: no input or output here."""
        self.parts.book.signal(signal)  # first: nothing else may cost an event
        self._time(signal)
        self._metrics.signal(self.id, signal)
        story = tell(self.parts.settings.name, signal, self.parts.settings.kind)
        if story:
            log.info("%s", story)

    def state(self) -> ElevatorState:
        """Everything the page shows of this elevator."""
        settings, now = self.parts.settings, self.parts.controller.state
        return ElevatorState(
            id=self.id,
            name=settings.name,
            kind=settings.kind,
            phase=now.decision.phase,
            phase_since=self._times.utc(now.phase_since_s),
            energised=now.decision.energise,
            voice=now.decision.voice,
            voice_installed=self.parts.voice is not None,
            voice_detail=self.parts.voice.trouble if self.parts.voice else "",
            relay_ok=now.healthy,
            inhibit_reason=now.inhibit_reason,
            released_for_s=now.released_for_s,
            open_event_id=self.parts.book.open_event_id,
            door=self.parts.door.door() if self.parts.door else None,
            camera=self._camera(),
            events=self.parts.book.events,
            false_pre_holds=self.parts.book.false_pre_holds,
        )

    def live(self, sent: int | None = None) -> tuple[LiveFrameInfo, Observation] | None:
        """The newest picture looked at and what was seen in it; None if there is none but number ``sent``."""
        seen = self._newest
        if seen is None or seen.frame.seq == sent:
            return None
        height, width = seen.frame.image.shape[:2]
        blocked = {s.track_id for s in seen.presence.sightings}
        boxes = tuple(
            LiveBox(
                track_id=track.track_id,
                class_name=CLASS_NAMES[track.class_id],
                score=probability(track.log_odds, track.class_id),
                blocked=track.track_id in blocked,
                xyxy=track.xyxy,
            )
            for track in seen.tracks
        )
        info = LiveFrameInfo(
            elevator_id=self.id,
            seq=seen.frame.seq,
            at=self._times.utc(seen.frame.t_s),
            size_wh=(width, height),
            phase=self.parts.controller.state.decision.phase,
            boxes=boxes,
        )
        return info, seen

    def _held(self) -> tuple[float, int]:
        """Seconds and pulses that the relay has held the door for the open event."""
        event = self.parts.controller.state.open_event
        if event is None or self.parts.settings.kind == "A":
            return 0.0, 0
        return event.hold_s, event.pulses

    def _time(self, signal: Signal) -> None:
        """Take the times that the design promises: see `STAGES` for each."""
        match signal:
            case PhaseChanged(after=Phase.SUSPECT | Phase.HOLDING, before=Phase.IDLE):
                stage, seconds = "capture_to_relay", self._times.clock() - self.parts.controller.state.seen_s
            case EventStarted():
                stage, seconds = "sight_to_confirm", signal.t_s - signal.sighting.since_s
            case PhaseChanged(before=Phase.HOLDING, after=Phase.IDLE):
                stage, seconds = "gone_to_release", signal.t_s - self._seen_s
            case _:
                return
        if stage == "capture_to_relay" and self.parts.settings.kind == "B":
            self.parts.book.reacted(seconds)
        self.latency.add({stage: seconds})
        self._metrics.stage_seconds.labels(self.id, stage).observe(seconds)

    def _camera(self) -> CameraState:
        status = self.parts.source.status()
        looked = tuple(self._looked_s)
        recent = bool(looked) and self._times.clock() - looked[-1] < 2.0
        span_s = looked[-1] - looked[0] if recent else 0.0
        trouble = self.parts.camera_book.open if self.parts.camera_book else None
        return CameraState(
            source=redact(self.parts.settings.camera.source),
            state=status.state,
            detail=status.detail,
            since=self._times.utc(status.since_s),
            fps=(len(looked) - 1) / span_s if span_s > 0 else 0.0,
            frames=status.frames,
            dropped=status.dropped,
            reconnects=status.reconnects,
            size_wh=status.size_wh,
            trouble=trouble.kind if trouble else None,
            trouble_since=trouble.began_at if trouble else None,
        )

    def _loop(self) -> None:
        failing = False
        while not self._stop.is_set():
            try:
                looked = self.look(READ_S)
            except Exception:
                # The loop must go on; with nothing seen the presence goes stale and the door is let go.
                self._metrics.vision_errors.labels(self.id).inc()
                if not failing:
                    log.exception(
                        "%s: a frame could not be looked at; the door is let go until one can", self.id
                    )
                failing = True
                self._stop.wait(TROUBLE_S)
                continue
            if looked and failing:
                log.info("%s: frames can be looked at again", self.id)
                failing = False

    def look(self, wait_s: float) -> bool:
        """Look at the next frame, if one comes within ``wait_s``. For the vision thread, or whoever is it."""
        frame = self.parts.source.read(wait_s)
        if frame is None:
            return False
        seen = look_in_turn(self.parts.source, self.parts.perceiver, self.parts.turns, frame)
        frame = seen.frame
        waited_s = max(0.0, self._times.clock() - frame.t_s - seen.stage_s["total"])
        tamper = self.parts.tamper
        if tamper is None or tamper.trouble is None or not tamper.trouble.blinds:
            self.parts.slot.put(seen.presence)  # else it goes stale, and the door is let go
        self._newest = seen
        self._looked_s.append(self._times.clock())
        stages = {"wait": waited_s, **seen.stage_s, "capture_to_presence": self._looked_s[-1] - frame.t_s}
        stages |= self._look_at_camera(frame)
        self.latency.add(stages)
        self._metrics.looked(self.id, seen, stages)
        there = {s.track_id for s in seen.presence.sightings}
        if any(track.conf > 0 and track.track_id in there for track in seen.tracks):
            self._seen_s = frame.t_s
        self.parts.book.observe(seen)
        if self.parts.studio:
            self.parts.studio.observe(seen)
        return True

    def _look_at_camera(self, frame: Frame) -> dict[str, float]:
        """Whether the camera still sees its view, if that is due; after the hold has heard of the frame.

        Returns: the seconds it took.
        """
        tamper, book = self.parts.tamper, self.parts.camera_book
        if book is None or (tamper is not None and not tamper.due(frame.t_s)):
            return {}
        begun_s = self._times.clock()
        trouble = tamper.see(frame.image, frame.t_s) if tamper is not None else None
        book.see(trouble or self._mistaken(), frame)
        if self.parts.fixture_memory:
            self.parts.fixture_memory.see(self.parts.perceiver.fixtures, frame.t_s)
        return {} if tamper is None else {"tamper": self._times.clock() - begun_s}

    def _mistaken(self) -> Trouble | None:
        """What belongs to the car and was taken for a vehicle, the longest known of it."""
        first = min(self.parts.perceiver.fixtures, key=lambda thing: thing.first_s, default=None)
        return Trouble("mistaken", first.first_s, first.box) if first else None
