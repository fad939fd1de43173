"""What the routes share: the store, the link, the counters, and how many may look at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Path
from starlette.requests import HTTPConnection

from api.accounts.audit import Audit
from api.accounts.service import Accounts
from api.accounts.who import Actor
from api.change_feed import ChangeFeed
from api.evidence.serve import EvidenceDesk
from api.fresh import Fresh
from api.live import ElevatorState, GuardState
from api.once import Once
from api.problems import ProblemError
from api.settings import Settings
from api.store import Store
from api.web_link import Link
from api.web_metrics import WebMetrics

ElevatorId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="As in the settings")]
EVENT_ID: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
MAX_PICTURES: Final = 128
"""Live pictures at once: 50 guards who look at two or three elevators each (benchmarks/reports/api.md)."""
MAX_STREAMS: Final = 64
"""Listeners of each kind of server-sent events at once."""
EventId = Annotated[str, Path(pattern=EVENT_ID, description="UUIDv7 in lower case")]


@dataclass(slots=True)
class Viewers:
    """Open live connections of one kind, bounded: each costs bandwidth and a queue."""

    kind: str
    limit: int
    metrics: WebMetrics
    count: int = 0

    def check(self) -> None:
        """Raises: ProblemError 503 when all places are taken."""
        if self.count >= self.limit:
            raise ProblemError(
                503, "too-many-viewers", f"{self.limit} live connections are open; close one and try again"
            )

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place. Raises: ProblemError 503 when all are taken."""
        self.check()
        self.count += 1
        self.metrics.viewers.labels(self.kind).set(self.count)
        try:
            yield
        finally:
            self.count -= 1
            self.metrics.viewers.labels(self.kind).set(self.count)


@dataclass(slots=True)
class Parts:
    """One application's parts, kept in ``app.state.parts``."""

    store: Store
    link: Link
    version: str
    accounts: Accounts
    evidence: EvidenceDesk
    settings: Settings | None = None  # what this box is set to; None in tests that do not need it
    metrics: WebMetrics = field(default_factory=WebMetrics)
    max_pictures: int = MAX_PICTURES
    max_streams: int = MAX_STREAMS
    pictures: Viewers = field(init=False)
    streams: Viewers = field(init=False)
    listeners: Viewers = field(init=False)
    feed: ChangeFeed = field(init=False)
    fresh: Fresh = field(init=False)
    said: Once[bytes] = field(default_factory=Once)  # server-sent states, by what their reader may see
    told: Once[bytes] = field(default_factory=Once)  # the frames of a live picture, by elevator

    def __post_init__(self) -> None:
        self.pictures = Viewers("pictures", self.max_pictures, self.metrics)
        self.streams = Viewers("state", self.max_streams, self.metrics)
        self.listeners = Viewers("changes", self.max_streams, self.metrics)
        self.feed = ChangeFeed(self.store)
        self.fresh = Fresh(self.store)

    @property
    def audit(self) -> Audit:
        """Where reads of evidence and changes are noted."""
        return self.accounts.trail

    def guard(self) -> GuardState:
        """What guard said last. Raises: ProblemError 503 if it is silent."""
        state = self.link.state()
        if state is None:
            raise ProblemError(
                503, "guard-silent", "guard has said nothing for 3 s; the elevator runs as usual without it"
            )
        return state

    def elevator(self, elevator_id: str) -> ElevatorState:
        """Raises: ProblemError 503 if guard is silent, 404 if it knows no such elevator."""
        state = self.guard()
        for elevator in state.elevators:
            if elevator.id == elevator_id:
                return elevator
        known = ", ".join(e.id for e in state.elevators)
        raise ProblemError(404, "unknown-elevator", f"guard knows {known}; got {elevator_id}")


def seen_by(actor: Actor, state: GuardState) -> GuardState:
    """The state as far as the actor may see it: without the elevators of others."""
    if actor.elevators is None:
        return state
    return state.model_copy(
        update={
            "elevators": tuple(e for e in state.elevators if e.id in actor.elevators),
            "latency": tuple(s for s in state.latency if s.elevator_id in actor.elevators),
        }
    )


def parts_of(connection: HTTPConnection) -> Parts:
    """The parts of the application that serves this request."""
    parts = connection.app.state.parts
    if not isinstance(parts, Parts):
        raise TypeError("this application was not made by api.web.create_app")
    return parts
