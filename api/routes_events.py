"""``/api/v1/events``: what happened."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from api.accounts.who import Actor, Right, needs
from api.event_search import EventFilter
from api.problems import ProblemError, responses
from api.records import Cursor, Event
from api.web_parts import EventId, parts_of

router = APIRouter(prefix="/api/v1", tags=["events"])
MaySeeEvents = Annotated[Actor, Depends(needs(Right.SEE_EVENTS))]

OutcomeFilter = Literal["open", "left", "escalated", "inhibited", "blind", "stopped", "interrupted"]


class EventBody(BaseModel):
    """One blocking of one vehicle. Times are UTC; `ended_at` and `outcome` are null while it is open."""

    id: str = Field(description="UUIDv7, sorts by time")
    elevator_id: str
    camera_id: str
    class_name: str
    zone: str
    suspected_at: AwareDatetime = Field(description="First convincing frame")
    started_at: AwareDatetime = Field(description="The vote confirmed it")
    last_seen_at: AwareDatetime
    escalated_at: AwareDatetime | None = Field(description="The hold reached its cap, the door was let go")
    ended_at: AwareDatetime | None
    outcome: str | None = Field(
        description="left, escalated, inhibited, blind, stopped (in order) or interrupted (power, crash)"
    )
    hold_s: float = Field(description="Seconds that the relay held the door")
    pulses: int = Field(description="Unbroken holds that it was made of")
    score: float = Field(description="Highest probability after the vote")
    simulated: bool = Field(description="No real elevator is wired")
    model_name: str
    model_sha256: str
    rules_version: str
    software_version: str


class EvidenceBody(BaseModel):
    """What one frame said of the vehicle."""

    t_offset_s: float = Field(description="Seconds since started_at; negative before")
    score: float = Field(description="Probability after the vote")
    conf: float = Field(description="The detector's confidence in this frame")
    xyxy: tuple[float, float, float, float] = Field(description="Source-image pixels")
    phase: str


class PhaseChangeBody(BaseModel):
    """One step of the hold machine."""

    elevator_id: str
    at: AwareDatetime
    before: str
    after: str
    reason: str
    event_id: str | None


class EventDetailBody(EventBody):
    """An event with all that is known of it."""

    evidence: list[EvidenceBody]
    phase_changes: list[PhaseChangeBody]


class EventsBody(BaseModel):
    """A page of events, newest first."""

    events: list[EventBody]
    next: str | None = Field(description="`cursor` of the next page; null: that was all")


def event_body(event: Event) -> EventBody:
    """An event as the API shows it."""
    return EventBody(**asdict(event))


@router.get("/events", responses=responses(401, 403, 503))
def list_events(
    request: Request,
    actor: MaySeeEvents,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
    elevator_id: Annotated[str | None, Query(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")] = None,
    outcome: Annotated[OutcomeFilter | None, Query()] = None,
    since: Annotated[AwareDatetime | None, Query(description="started_at at or after")] = None,
    until: Annotated[AwareDatetime | None, Query(description="started_at before")] = None,
) -> EventsBody:
    """Events, newest first, page by page. Times are ISO 8601 with a zone, such as `2026-03-01T08:00:00Z`."""
    try:
        before = None if cursor is None else Cursor.decode(cursor)
    except ValueError as exc:
        raise ProblemError(422, "bad-request", f"query.cursor: {exc}") from exc
    wanted = EventFilter(
        since=since,
        until=until,
        elevator_id=elevator_id,
        elevators=actor.where(Right.SEE_EVENTS),
        outcome=outcome,
    )
    page = parts_of(request).store.search(wanted, limit, before)
    return EventsBody(
        events=[event_body(event) for event in page.events],
        next=None if page.next is None else page.next.encode(),
    )


@router.get("/events/{event_id}", responses=responses(401, 403, 404, 503))
def get_event(request: Request, actor: MaySeeEvents, event_id: EventId) -> EventDetailBody:
    """One event with its evidence and the steps of the hold machine."""
    parts = parts_of(request)
    store = parts.store
    event = store.event(event_id)
    if event is None or not actor.may(Right.SEE_EVENTS, event.elevator_id):
        # The same answer for an event of somebody else's elevator: an id tells nothing.
        raise ProblemError(404, "unknown-event", f"there is no event {event_id}")
    parts.audit.note(actor, "event.read", event_id)
    return EventDetailBody(
        **asdict(event),
        evidence=[EvidenceBody(**asdict(row)) for row in store.evidence(event_id)],
        phase_changes=[PhaseChangeBody(**asdict(change)) for change in store.phase_changes(event_id)],
    )
