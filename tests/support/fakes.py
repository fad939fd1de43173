"""Fakes that several tests share: a detector that says what it was told, frames, a clock, a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from api.cameras.records import CameraTrouble, TroubleEnd
from api.evidence.files import EvidenceFile
from api.records import (
    DoorAction,
    EventEnd,
    EventProgress,
    Evidence,
    GuardRun,
    NewEvent,
    PhaseChange,
    PreHold,
)
from vision.errors import StorageError
from vision.types import Detections, Frame, Image

Box = tuple[int, float, tuple[float, float, float, float]]  # class id, conf, xyxy


@dataclass
class FakeClock:
    """A clock that a test turns."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        """Turn it on; serves where a pause is wanted."""
        self.now_s += seconds


def make_detections(*boxes: Box) -> Detections:
    """Detections from plain tuples."""
    if not boxes:
        return Detections.empty()
    return Detections(
        np.array([b[2] for b in boxes], np.float32),
        np.array([b[1] for b in boxes], np.float32),
        np.array([b[0] for b in boxes], np.int64),
    )


class ScriptedDetector:
    """Says, for the nth picture it is shown, what ``script(n)`` returns."""

    def __init__(self, script: Callable[[int], Sequence[Box]]) -> None:
        self._script = script
        self.shown = 0

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        found = make_detections(*self._script(self.shown))
        self.shown += 1
        return found


def make_frames(count: int, fps: float = 10.0, size_wh: tuple[int, int] = (64, 48)) -> list[Frame]:
    """Noisy grey pictures, so that the motion gate stays open."""
    rng = np.random.default_rng(0)
    width, height = size_wh
    return [
        Frame(rng.integers(0, 256, (height, width, 3), np.uint8), index / fps, index)
        for index in range(count)
    ]


@dataclass
class MemoryStore:
    """The writing half of the store, in memory. ``broken`` makes every write fail."""

    broken: bool = False
    started: list[NewEvent] = field(default_factory=list)
    ended: dict[str, EventEnd] = field(default_factory=dict)
    escalated: dict[str, datetime] = field(default_factory=dict)
    progress: dict[str, EventProgress] = field(default_factory=dict)
    evidence: dict[str, list[Evidence]] = field(default_factory=dict)
    phases: list[PhaseChange] = field(default_factory=list)
    pre_holds: list[PreHold] = field(default_factory=list)
    runs: dict[str, GuardRun] = field(default_factory=dict)
    actions: list[DoorAction] = field(default_factory=list)
    files: dict[str, EvidenceFile] = field(default_factory=dict)
    told: list[EvidenceFile] = field(default_factory=list)
    troubles: dict[str, CameraTrouble] = field(default_factory=dict)
    troubles_ended: dict[str, TroubleEnd] = field(default_factory=dict)
    closed: int = 0

    def close(self) -> None:
        self.closed += 1

    def _check(self) -> None:
        if self.broken:
            raise StorageError("the disk is full; told to fail")

    def start_event(self, new: NewEvent) -> None:
        self._check()
        self.started.append(new)

    def add_evidence(self, event_id: str, rows: list[Evidence]) -> None:
        self._check()
        self.evidence.setdefault(event_id, []).extend(rows)

    def update_event(self, event_id: str, progress: EventProgress) -> None:
        self._check()
        self.progress[event_id] = progress

    def escalate_event(self, event_id: str, at: datetime) -> None:
        self._check()
        self.escalated[event_id] = at

    def end_event(self, event_id: str, end: EventEnd) -> None:
        self._check()
        self.ended[event_id] = end

    def add_phase_change(self, change: PhaseChange) -> None:
        self._check()
        self.phases.append(change)

    def add_pre_hold(self, pre_hold: PreHold) -> None:
        self._check()
        self.pre_holds.append(pre_hold)

    def note_run(self, run: GuardRun) -> None:
        self._check()
        self.runs[run.id] = run

    def add_door_action(self, action: DoorAction) -> None:
        self._check()
        self.actions.append(action)

    def put_file(self, file: EvidenceFile) -> None:
        self._check()
        self.files[file.id] = file
        self.told.append(file)

    def put_trouble(self, trouble: CameraTrouble) -> None:
        self._check()
        self.troubles[trouble.id] = trouble

    def see_trouble(self, trouble_id: str, at: datetime) -> None:
        self._check()

    def end_trouble(self, trouble_id: str, at: datetime, end: TroubleEnd) -> None:
        self._check()
        self.troubles_ended[trouble_id] = end

    def fail_unfilmed(self, elevator_id: str, reason: str) -> int:
        self._check()
        return 0
