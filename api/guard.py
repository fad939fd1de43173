"""The guard process: cameras to relays. It needs no web, no network and no disk to let a door go."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import cv2

from api.about import version
from api.again import AGAIN
from api.book import Write
from api.elevator import Elevator
from api.evidence.converter import Converter
from api.evidence.sweeper import Sweeper
from api.hang_up import has_terminal
from api.live import (
    Command,
    GuardState,
    LiveFrameInfo,
    ModelInfo,
    RearmRequest,
    ReleaseReply,
    ReleaseRequest,
    RestartRequest,
    StageLatency,
)
from api.logs import set_up_logging
from api.metrics import GuardMetrics
from api.recorder import Recorder
from api.records import GuardRun, new_event_id
from api.reload import ModelReload
from api.settings import Settings
from api.times import WallTime
from api.watch import Watch
from hardware.hold import Phase
from vision.clips.pictures import jpeg
from vision.errors import StorageError
from vision.types import Image

log = logging.getLogger(__name__)

LOOP_S: Final = 0.05  # live pictures at up to 20 Hz, phase changes on the page within this time
STATE_S: Final = 0.2
METRICS_S: Final = 1.0
LIVE_WIDTH_PX: Final = 640  # live pictures are scaled down to this; detection uses the full picture
JPEG_QUALITY: Final = 80
ALIVE_S: Final = 60.0  # the store is told this often that guard runs: what is not told was not guarded
RELEASE_FOR_S: Final = 30.0  # a manager's release: long enough for the car to leave


class Link(Protocol):
    """What guard needs of the local link."""

    def publish_state(self, state: GuardState) -> None: ...  # noqa: D102
    def publish_metrics(self, text: str) -> None: ...  # noqa: D102
    def publish_frame(self, info: LiveFrameInfo, jpeg: bytes) -> None: ...  # noqa: D102
    def frames_wanted(self, elevator_id: str) -> bool: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class Guard:
    """All elevators of a box, the recorder, and what is told to web."""

    def __init__(
        self,
        elevators: Sequence[Elevator],
        recorder: Recorder,
        link: Link,
        model: ModelInfo,
        metrics: GuardMetrics,
        times: WallTime,
        watch: Watch | None = None,
        *,
        converter: Converter | None = None,
        can_restart: bool = False,
        sweeper: Sweeper | None = None,
        reload: ModelReload | None = None,
    ) -> None:
        self._sweeper = sweeper
        self._converter = converter
        self._elevators = tuple(elevators)
        self._recorder = recorder
        self._link = link
        self._model = model
        self._reload = reload
        self._metrics = metrics
        self._times = times
        self._watch = watch
        self._started = times.wall()
        self._sent: dict[str, int] = {}  # elevator id -> seq of the live picture sent last
        self._phases: tuple[Phase, ...] = ()
        self._due_state_s = self._due_metrics_s = self._due_alive_s = 0.0
        self._run_id = new_event_id()
        self._can_restart = can_restart
        self._again = threading.Event()

    @property
    def again(self) -> bool:
        """Somebody asked for a restart."""
        return self._again.is_set()

    def start(self) -> None:
        """Start recording and watching."""
        self._recorder.start()
        if self._converter:
            self._converter.start()
        if self._sweeper:
            self._sweeper.start()
        for elevator in self._elevators:
            elevator.start()
        if self._watch:
            self._watch.start()

    def stop(self) -> None:
        """Let every door go first, then end the rest. A relay that fails does not keep the others."""
        if self._watch:
            self._watch.stop()  # a hold loop that is asked to end is not dead
        for elevator in self._elevators:
            elevator.let_go()
        for elevator in self._elevators:
            elevator.stop()
        if self._converter:
            self._converter.stop()
        self._note_alive()
        if self._sweeper:
            self._sweeper.stop()
        self._recorder.stop()
        self._link.close()

    def run(self, stop: threading.Event, reload: threading.Event | None = None) -> None:
        """Tell web what is going on until ``stop`` is set or a restart is asked for.

        The doors do not depend on this loop.

        Args: reload: set by whoever wants the model to be loaded again; cleared here.
        """
        failing = False
        while not stop.wait(LOOP_S) and not self.again:
            if reload is not None and reload.is_set():
                reload.clear()
                self.reload_model()
            try:
                self.turn(self._times.clock())
            except Exception:  # top of a loop that must go on: web is not told, the doors are not affected
                if not failing:
                    log.exception("web could not be told what is going on")
                failing = True
                stop.wait(1.0)
            else:
                failing = False

    def reload_model(self) -> None:
        """Load the model again in the background; the one at work goes on until then."""
        if self._reload:
            self._reload.ask()

    def turn(self, now_s: float) -> None:
        """One turn of the loop: evidence, live pictures, state, metrics."""
        for elevator in self._elevators:
            elevator.flush()
            self._send_picture(elevator)
        if now_s >= self._due_alive_s:
            self._due_alive_s = now_s + ALIVE_S
            self._note_alive()
        phases = tuple(e.parts.controller.state.decision.phase for e in self._elevators)
        tell_metrics = now_s >= self._due_metrics_s
        if phases == self._phases and now_s < self._due_state_s and not tell_metrics:
            return
        state = self.state()  # once for both: it takes percentiles of every stage
        self._phases, self._due_state_s = phases, now_s + STATE_S
        self._link.publish_state(state)
        if tell_metrics:
            self._due_metrics_s = now_s + METRICS_S
            if self._sweeper:
                self._metrics.evidence.set(self._sweeper.figures)
            self._link.publish_metrics(self._metrics.text(state, self._recorder.lost))

    def state(self) -> GuardState:
        """Everything about this moment."""
        return GuardState(
            version=version(),
            started_at=self._started,
            at=self._times.wall(),
            model=self._reload.now if self._reload else self._model,
            store_ok=self._recorder.ok,
            can_restart=self._can_restart,
            elevators=tuple(e.state() for e in self._elevators),
            latency=tuple(
                StageLatency(
                    elevator_id=e.id, stage=q.stage, n=q.n, p50_ms=q.p50_ms, p95_ms=q.p95_ms, p99_ms=q.p99_ms
                )
                for e in self._elevators
                for q in e.latency.quantiles()
            ),
        )

    def command(self, command: Command) -> ReleaseReply:
        """Do what a person asks for."""
        match command:
            case ReleaseRequest() | RearmRequest():
                return self._act(command)
            case RestartRequest():
                return self._restart(command)

    def _act(self, command: ReleaseRequest | RearmRequest) -> ReleaseReply:
        elevator = next((e for e in self._elevators if e.id == command.elevator_id), None)
        if elevator is None:
            known = ", ".join(e.id for e in self._elevators)
            return ReleaseReply(
                accepted=False, detail=f"no elevator {command.elevator_id!r}; there is {known}"
            )
        if isinstance(command, ReleaseRequest):
            elevator.release(command.reason, command.by, RELEASE_FOR_S)
            return ReleaseReply(accepted=True, detail=f"the door is let go for {RELEASE_FOR_S:.0f} s")
        elevator.rearm(command.reason, command.by)
        return ReleaseReply(accepted=True, detail="the release has ended; the door may be held again")

    def _restart(self, command: RestartRequest) -> ReleaseReply:
        if not self._can_restart:
            return ReleaseReply(
                accepted=False,
                detail="nothing would start guard again; run it with `liftguard run` or as a systemd unit",
            )
        holding = [e.id for e in self._elevators if e.parts.book.open_event_id is not None]
        if holding:  # the cap of an event does not outlive guard: a restart must not lengthen a hold
            return ReleaseReply(
                accepted=False,
                detail=f"an event is going on at {', '.join(holding)}; let the door go or wait until it ends",
            )
        log.info("%s asks for a restart: every door is let go, then guard starts again", command.by)
        self._again.set()
        return ReleaseReply(accepted=True, detail="guard lets every door go and starts again")

    def _note_alive(self) -> None:
        run = GuardRun(self._run_id, self._started, self._times.wall(), version())
        self._recorder.put(Write("sign of life", lambda store: store.note_run(run), essential=False))

    def _send_picture(self, elevator: Elevator) -> None:
        if not self._link.frames_wanted(elevator.id):
            return
        live = elevator.live(self._sent.get(elevator.id))
        if live is None:
            return
        info, seen = live
        self._sent[elevator.id] = info.seq
        info, image = fit(info, seen.frame.image)
        with suppress(StorageError):  # a picture that cannot be shown is not: nothing else is touched
            self._link.publish_frame(info, jpeg(image, JPEG_QUALITY))


def fit(info: LiveFrameInfo, image: Image) -> tuple[LiveFrameInfo, Image]:
    """Scale a live picture and its boxes down to `LIVE_WIDTH_PX`; a smaller one stays as it is."""
    height, width = image.shape[:2]
    if width <= LIVE_WIDTH_PX:
        return info, image
    scale = LIVE_WIDTH_PX / width
    size = (LIVE_WIDTH_PX, max(1, round(height * scale)))
    boxes = tuple(
        box.model_copy(
            update={
                "xyxy": (box.xyxy[0] * scale, box.xyxy[1] * scale, box.xyxy[2] * scale, box.xyxy[3] * scale)
            }
        )
        for box in info.boxes
    )
    small: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(image.dtype, copy=False)
    return info.model_copy(update={"size_wh": size, "boxes": boxes}), small


def listen_to_signals() -> tuple[threading.Event, threading.Event]:
    """Two events: SIGTERM and SIGINT set the first (end), SIGHUP the second (load the model again).

    Started by hand in a terminal, SIGHUP says that the terminal was closed, and ends guard too.
    """
    stop, reload = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    hung_up = stop if has_terminal() else reload
    signal.signal(signal.SIGHUP, lambda *_: hung_up.set())
    return stop, reload


def run_guard(settings: Settings, read_again: Callable[[], Settings] | None = None) -> int:
    """Run until a signal comes. Returns the exit code.

    Args: read_again: reads the settings anew, for `api.reload`; None: they stay as they are.
    """
    from api.main import build_guard

    os.umask(0o077)  # what guard writes is for this user alone
    set_up_logging(settings.log_level, "guard")
    stop, reload = listen_to_signals()
    guard = build_guard(settings, read_again)
    try:
        guard.start()
        # What is there now stays to the end. Walking over all of it takes a full collection 10 ms and more,
        # in which no other thread runs, that of the hold neither.
        gc.collect()
        gc.freeze()
        guard.run(stop, reload)
    finally:
        guard.stop()
    return AGAIN if guard.again and not stop.is_set() else 0
