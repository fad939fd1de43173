"""Guard's own figures for Prometheus. Names follow its conventions: base units, `_total` for counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from api.evidence.clip_metrics import ClipMetrics
from api.evidence.metrics import EvidenceMetrics
from api.live import GuardState
from api.reload import OUTCOMES
from hardware.hold import EventEnded, EventStarted, FalsePreHold, Phase, Signal
from vision.trouble import TROUBLE_KINDS
from vision.types import Observation

BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 3)
"""Upper bounds, seconds; 0.3, 0.7 and 3 are the design's targets for pre-hold, confirmation and release."""


class GuardMetrics:
    """The registry and what is counted in it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        per = ("elevator",)
        self.frames = self._counter("frames_looked_at", "Frames that went through the pipeline", per)
        self.inferences = self._counter(
            "inferences", "Frames that the motion gate let through to the detector", per
        )
        self.vision_errors = self._counter("vision_errors", "Frames that could not be looked at", per)
        self.events = self._counter("events", "Confirmed e-bikes", per)
        self.false_pre_holds = self._counter("false_pre_holds", "Pre-holds that were not confirmed", per)
        self.model_reloads = self._counter(
            "model_reloads", "Times that guard was told to load its model again", ("outcome",)
        )
        for outcome in OUTCOMES:
            self.model_reloads.labels(outcome)  # shown as 0 from the start
        self.hold_seconds = self._counter(
            "hold_seconds", "Time the relay held the door, of ended events", per
        )
        self.stage_seconds = Histogram(
            "liftguard_stage_seconds",
            "Time per stage of the way of a frame",
            ("elevator", "stage"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._dropped = self._gauge(
            "frames_dropped", "Frames replaced by a newer one before anyone looked", per
        )
        self._reconnects = self._gauge("camera_reconnects", "Times the camera was lost and came back", per)
        self._live = self._gauge("camera_live", "1 while the camera gives frames", per)
        self._trouble = self._gauge(
            "camera_trouble", "1 for what is wrong with the picture", ("elevator", "kind")
        )
        self._phase = self._gauge("phase", "1 for the phase the hold is in", ("elevator", "phase"))
        self._energised = self._gauge("relay_energised", "1 while the relay holds the door", per)
        self._relay_ok = self._gauge("relay_ok", "1 while the relay does what it is told", per)
        self._lost = self._gauge(
            "writes_lost", "Writes that the store did not take and that were given up", ()
        )
        self.evidence = EvidenceMetrics(self.registry)
        self.clips = ClipMetrics(self.registry)
        self._store_ok = self._gauge("store_ok", "1 while events can be stored", ())

    def looked(self, elevator_id: str, seen: Observation, stages_s: Mapping[str, float]) -> None:
        """Count one frame."""
        self.frames.labels(elevator_id).inc()
        if seen.detections is not None:
            self.inferences.labels(elevator_id).inc()
        for stage, seconds in stages_s.items():
            self.stage_seconds.labels(elevator_id, stage).observe(seconds)

    def signal(self, elevator_id: str, signal: Signal) -> None:
        """Count one signal of the hold."""
        match signal:
            case EventStarted():
                self.events.labels(elevator_id).inc()
            case FalsePreHold():
                self.false_pre_holds.labels(elevator_id).inc()
            case EventEnded():
                self.hold_seconds.labels(elevator_id).inc(signal.hold_s)

    def text(self, state: GuardState, writes_lost: int = 0) -> str:
        """The text that Prometheus reads, with the gauges as of ``state``."""
        self._lost.set(writes_lost)
        for elevator in state.elevators:
            camera = elevator.camera
            self._dropped.labels(elevator.id).set(camera.dropped)
            self._reconnects.labels(elevator.id).set(camera.reconnects)
            self._live.labels(elevator.id).set(camera.state == "live")
            self._energised.labels(elevator.id).set(elevator.energised)
            self._relay_ok.labels(elevator.id).set(elevator.relay_ok)
            for kind in TROUBLE_KINDS:
                self._trouble.labels(elevator.id, kind).set(camera.trouble == kind)
            for phase in Phase:
                self._phase.labels(elevator.id, str(phase)).set(elevator.phase is phase)
        self._store_ok.set(state.store_ok)
        return generate_latest(self.registry).decode()

    def _counter(self, name: str, what: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"liftguard_{name}", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(f"liftguard_{name}", what, labels, registry=self.registry)
