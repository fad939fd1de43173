"""One elevator's event book: turns what the hold says and what frames showed into writes for the store.

`EventBook.signal` is called from the hold loop and `EventBook.observe` from the vision thread; neither does
any input or output. The writes go to a `Sink`, which is a queue with a thread of its own behind it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from api.cameras.records import CameraTrouble, TroubleEnd
from api.evidence.files import EvidenceFile
from api.records import (
    DoorAction,
    EventEnd,
    EventProgress,
    Evidence,
    GuardRun,
    NewEvent,
    Outcome,
    PhaseChange,
    PreHold,
    Whereabouts,
    new_event_id,
)
from hardware.hold import EventEnded, EventEscalated, EventStarted, FalsePreHold, Phase, PhaseChanged, Signal
from vision.types import Observation

BEFORE_S: Final = 5.0  # evidence kept from before the vote confirmed, as a clip keeps 5 s (design)
BEFORE_MAX: Final = 200  # frames: 5 s at 30 frames/s and some more
THINNED: Final = ((600.0, 10.0), (60.0, 1.0))
"""(event older than, seconds between rows): a parked e-bike tells nothing new ten times a second.

Eight hours then make about 4,000 rows instead of 288,000 at 10 frames per second.
"""
FLUSH_S: Final = 1.0  # evidence of an open event is written this often; a crash loses at most this much of it
_LEADING: Final = frozenset({Phase.SUSPECT, Phase.HOLDING, Phase.PAUSED})  # may be followed by an event

ToUtc = Callable[[float], datetime]
Where = Callable[[], Whereabouts]
"""How the door stands and at which floor, from memory: asked on the hold thread and the vision thread."""


class EventWrites(Protocol):
    """The writing half of the store."""

    def start_event(self, new: NewEvent) -> None: ...  # noqa: D102
    def add_evidence(self, event_id: str, rows: list[Evidence]) -> None: ...  # noqa: D102
    def update_event(self, event_id: str, progress: EventProgress) -> None: ...  # noqa: D102
    def escalate_event(self, event_id: str, at: datetime) -> None: ...  # noqa: D102
    def end_event(self, event_id: str, end: EventEnd) -> None: ...  # noqa: D102
    def add_phase_change(self, change: PhaseChange) -> None: ...  # noqa: D102
    def add_pre_hold(self, pre_hold: PreHold) -> None: ...  # noqa: D102
    def note_run(self, run: GuardRun) -> None: ...  # noqa: D102
    def add_door_action(self, action: DoorAction) -> None: ...  # noqa: D102
    def put_file(self, file: EvidenceFile) -> None: ...  # noqa: D102
    def put_trouble(self, trouble: CameraTrouble) -> None: ...  # noqa: D102
    def see_trouble(self, trouble_id: str, at: datetime) -> None: ...  # noqa: D102
    def end_trouble(self, trouble_id: str, at: datetime, end: TroubleEnd) -> None: ...  # noqa: D102
    def fail_unfilmed(self, elevator_id: str, reason: str) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Write:
    """One write to the store."""

    what: str  # for logs
    do: Callable[[EventWrites], None]
    essential: bool = True  # False: may be dropped while the store cannot be written


Sink = Callable[[Write], None]


class Filming(Protocol):
    """Makes clips and pictures of events. Called with the book's lock held: takes notes, never waits."""

    def begin(self, event_id: str, started_s: float) -> None: ...  # noqa: D102
    def end(self, event_id: str, last_seen_s: float, ended_s: float) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Identity:
    """What every event of this elevator carries."""

    elevator_id: str
    camera_id: str
    model_name: str
    model_sha256: str
    rules_version: str
    software_version: str
    simulated: bool


@dataclass(slots=True)
class _Open:
    id: str
    started: datetime
    started_s: float
    last_seen_s: float
    score: float
    flushed_s: float
    rows: list[Evidence]
    row_s: float | None = None  # capture time of the latest row

    def at(self, t_s: float) -> datetime:
        """UTC of a moment of this event, counted from its begin: a wall clock that jumps in the middle of an
        event (NTP, a person, a dead battery) turns no order around and stretches no duration."""
        return self.started + timedelta(seconds=t_s - self.started_s)


@dataclass(frozen=True, slots=True)
class _Shown:
    t_s: float
    score: float
    conf: float
    xyxy: tuple[float, float, float, float]
    phase: Phase
    at: Whereabouts


def _ms(seconds: float) -> float:
    """Milliseconds to a tenth: the hold looks every 50 ms."""
    return round(seconds * 1000, 1)


def _gap_s(age_s: float) -> float:
    """Least time between two rows of evidence of an event of this age."""
    return next((gap_s for older_s, gap_s in THINNED if age_s > older_s), 0.0)


class EventBook:
    """Keeps the open event of one elevator. Safe to call from several threads."""

    def __init__(
        self,
        identity: Identity,
        to_utc: ToUtc,
        sink: Sink,
        filming: Filming | None = None,
        where: Where | None = None,
    ) -> None:
        self._filming = filming
        self._where = where or Whereabouts
        self._identity = identity
        self._utc = to_utc
        self._sink = sink
        self._lock = threading.Lock()
        self._open: _Open | None = None
        self._before: deque[_Shown] = deque(maxlen=BEFORE_MAX)
        self._phase = Phase.BLIND
        self._leading: list[PhaseChanged] = []  # on the way to an event that has not started yet
        self._relay_s: float | None = None  # from capture to the relay's command, on that way
        self.events = 0
        self.false_pre_holds = 0

    @property
    def open_event_id(self) -> str | None:
        """The id of the open event, or None."""
        event = self._open
        return event.id if event else None

    def renew(self, model_name: str, model_sha256: str) -> None:
        """Events that start from now on were seen by this model."""
        with self._lock:
            self._identity = replace(self._identity, model_name=model_name, model_sha256=model_sha256)

    def signal(self, signal: Signal) -> None:
        """Book one signal of the hold."""
        with self._lock:
            match signal:
                case EventStarted():
                    self._start(signal)
                case EventEscalated() if self._open:
                    id_, at = self._open.id, self._open.at(signal.t_s)
                    self._sink(Write("escalation", lambda store: store.escalate_event(id_, at)))
                case EventEnded():
                    self._end(signal)
                case FalsePreHold():
                    self.false_pre_holds += 1
                    pre_hold = PreHold(self._identity.elevator_id, self._utc(signal.t_s), signal.held_s)
                    self._sink(Write("pre-hold", lambda store: store.add_pre_hold(pre_hold)))
                case PhaseChanged():
                    self._change_phase(signal)

    def reacted(self, relay_s: float) -> None:
        """The relay was just told to hold, so many seconds after the capture of the frame it rests on."""
        with self._lock:
            self._relay_s = relay_s

    def act(self, t_s: float, action: Literal["release", "rearm"], by: str, reason: str) -> None:
        """Book what a person did to the door, under the open event if there is one."""
        with self._lock:
            done = DoorAction(
                self._identity.elevator_id, self._utc(t_s), action, by, reason, self.open_event_id
            )
        self._sink(Write("action of a person", lambda store: store.add_door_action(done)))

    def observe(self, seen: Observation) -> None:
        """Book what one frame showed, while an event is open or may be about to open."""
        best = max(seen.presence.sightings, key=lambda s: (s.confirmed, s.score), default=None)
        with self._lock:
            if best is None:
                if self._open is None or seen.detections is None:
                    return
                shown = _Shown(seen.frame.t_s, 0.0, 0.0, (0.0, 0.0, 0.0, 0.0), self._phase, self._where())
            else:
                conf = next((t.conf for t in seen.tracks if t.track_id == best.track_id), 0.0)
                shown = _Shown(seen.frame.t_s, best.score, conf, best.xyxy, self._phase, self._where())
            event = self._open
            if event is None:
                self._before.append(shown)
                return
            self._add(event, shown)
            if best is not None and best.confirmed:
                event.last_seen_s = shown.t_s
                event.score = max(event.score, shown.score)

    def flush(self, now_s: float, hold_s: float, pulses: int) -> None:
        """Write the evidence and the progress of the open event if `FLUSH_S` has passed since the last time.

        Args: hold_s and pulses so far, as the hold counts them.
        """
        with self._lock:
            event = self._open
            if event is None or now_s - event.flushed_s < max(FLUSH_S, _gap_s(now_s - event.started_s)):
                return
            event.flushed_s = now_s
            self._write_rows(event)
            id_ = event.id
            progress = EventProgress(event.at(event.last_seen_s), hold_s, pulses, event.score)
            self._sink(Write("progress", lambda store: store.update_event(id_, progress), essential=False))

    def stop(self, now_s: float, hold_s: float, pulses: int) -> None:
        """End the open event because guard is being shut down in order."""
        with self._lock:
            self._write_leading()
            if self._open is not None:
                self._finish(self._open, now_s, "stopped", hold_s, pulses)

    def _start(self, signal: EventStarted) -> None:
        sighting, who = signal.sighting, self._identity
        started = self._utc(signal.t_s)
        at = self._where()
        event = _Open(new_event_id(), started, signal.t_s, signal.t_s, sighting.score, signal.t_s, [])
        new = NewEvent(
            id=event.id,
            elevator_id=who.elevator_id,
            camera_id=who.camera_id,
            class_name=sighting.class_name,
            zone=sighting.zone,
            # Not asked of the clock again: two readings differ by more than nothing, and this is not later.
            suspected_at=started - timedelta(seconds=signal.suspected_s),
            started_at=started,
            score=sighting.score,
            model_name=who.model_name,
            model_sha256=who.model_sha256,
            rules_version=who.rules_version,
            software_version=who.software_version,
            simulated=who.simulated,
            floor=at.floor,
            door=at.door,
            capture_to_relay_ms=None if self._relay_s is None else _ms(self._relay_s),
            sight_to_confirm_ms=_ms(signal.t_s - sighting.since_s),
        )
        self._relay_s = None
        self._open = event
        self.events += 1
        self._sink(Write("event", lambda store: store.start_event(new)))
        if self._filming:  # after the event: its files refer to it
            self._filming.begin(event.id, signal.t_s)
        self._write_leading()
        for shown in self._before:
            if shown.t_s >= signal.t_s - BEFORE_S:
                self._add(event, shown)
        self._before.clear()

    def _end(self, signal: EventEnded) -> None:
        if self._open is not None:
            self._open.last_seen_s = signal.last_seen_s
            self._finish(self._open, signal.t_s, signal.outcome, signal.hold_s, signal.pulses)

    def _finish(self, event: _Open, t_s: float, outcome: Outcome, hold_s: float, pulses: int) -> None:
        self._open = None
        self._write_rows(event)
        end = EventEnd(
            ended_at=event.at(t_s),
            last_seen_at=event.at(event.last_seen_s),
            outcome=outcome,
            hold_s=hold_s,
            pulses=pulses,
            score=event.score,
        )
        self._sink(Write("end of event", lambda store: store.end_event(event.id, end)))
        if self._filming:
            self._filming.end(event.id, event.last_seen_s, t_s)

    def _change_phase(self, signal: PhaseChanged) -> None:
        self._phase = signal.after
        if signal.after not in _LEADING:
            self._relay_s = None  # that was a false pre-hold, or the open event's own vehicle again
        self._leading.append(signal)
        # The hold says first that it holds and then that an event has started: wait for its id.
        if self._open is not None or signal.after not in _LEADING:
            self._write_leading()

    def _write_leading(self) -> None:
        """Write the phase changes that waited, under the open event if there is one."""
        for signal in self._leading:
            self._write_phase(signal)
        self._leading.clear()

    def _write_phase(self, signal: PhaseChanged) -> None:
        at = self._utc(signal.t_s) if self._open is None else self._open.at(signal.t_s)
        change = PhaseChange(
            self._identity.elevator_id,
            at,
            str(signal.before),
            str(signal.after),
            signal.reason,
            self.open_event_id,
        )
        self._sink(Write("phase change", lambda store: store.add_phase_change(change), essential=False))

    def _add(self, event: _Open, shown: _Shown) -> None:
        offset_s = shown.t_s - event.started_s
        if event.row_s is not None and shown.t_s - event.row_s < _gap_s(offset_s):
            return
        event.row_s = shown.t_s
        at = shown.at
        event.rows.append(
            Evidence(offset_s, shown.score, shown.conf, shown.xyxy, str(shown.phase), at.door, at.opening)
        )

    def _write_rows(self, event: _Open) -> None:
        if event.rows:
            rows, event.rows = event.rows, []
            self._sink(Write("evidence", lambda store: store.add_evidence(event.id, rows), essential=False))
