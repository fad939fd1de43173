"""``/api/v1/events``: what happened."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.accounts.who import Actor, Right, check, needs
from api.conditional import NOT_MODIFIED, Kept, answer, has, key_of
from api.event_search import EventFilter
from api.problems import ProblemError, responses
from api.records import Cursor, Event, EventPage
from api.store import Store
from api.web_parts import EventId, parts_of

router = APIRouter(prefix="/api/v1", tags=["events"])
MaySeeEvents = Annotated[Actor, Depends(needs(Right.SEE_EVENTS))]

OutcomeFilter = Literal["open", "left", "escalated", "inhibited", "blind", "stopped", "interrupted"]
VerdictFilter = Literal["confirmed", "false_alarm", "unsure", "none"]
ClassFilter = Literal["e_bike", "bicycle", "kick_scooter"]
WORDED: Final = 2000
"""Events kept as JSON, about 1 KB each: some full pages."""
Seconds = Annotated[float | None, Query(ge=0, le=10_000_000, allow_inf_nan=False)]


KEPT: Final = Kept("/api/v1/events", key_of)
"""Lists that are kept as long as they count."""


class EventBody(BaseModel):
    """One blocking of one vehicle. Times are UTC; `ended_at` and `outcome` are null while it is open."""

    model_config = ConfigDict(from_attributes=True)

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
    duration_s: float | None = Field(description="From started_at to ended_at")
    verdict: str | None = Field(description="confirmed, false_alarm or unsure; null: nobody has judged it")
    verdict_reason: str | None = Field(description="Of a false alarm: what it was")
    note: str
    labels: list[str]
    locked: bool = Field(description="Its evidence is never deleted to make room or for its age")
    reviewed_by: str | None = Field(description="Id of who judged it last")
    reviewed_at: AwareDatetime | None
    review_version: int = Field(description="+1 with every review; the ETag of the event")
    floor: int | None = Field(description="Where the car stood when it was confirmed; null: not known")
    door: str | None = Field(description="How its door stood then: `position` of a door; null: not known")
    capture_to_relay_ms: float | None = Field(
        description="From the capture of the first convincing frame until the relay was told to hold (target "
        "p95 300 ms); null: it was not told (alarm only, or at rest between two pulses), or an older event"
    )
    sight_to_confirm_ms: float | None = Field(
        description="From the capture of the vehicle's first frame until the hold was confirmed (target p95 "
        "700 ms); null: an older event"
    )


class EvidenceBody(BaseModel):
    """What one frame said of the vehicle."""

    t_offset_s: float = Field(description="Seconds since started_at; negative before")
    score: float = Field(description="Probability after the vote")
    conf: float = Field(description="The detector's confidence in this frame")
    xyxy: tuple[float, float, float, float] = Field(description="Source-image pixels")
    phase: str
    door: str | None = Field(
        None, description="How the door stood then: `position` of a door; null: not known"
    )
    opening: float | None = Field(None, description="0 closed, 1 fully open; null: not known")


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
    next: str | None = Field(description="`cursor` of the next page, older ones; null: that was all")
    previous: str | None = Field(description="`cursor` of the page before, newer ones; null: there is none")


def event_body(event: Event) -> EventBody:
    """An event as the API shows it."""
    return EventBody.model_validate(event)


@lru_cache(WORDED)
def event_json(event: Event) -> bytes:
    """An `EventBody` as JSON. An event is a value: as long as nothing of it changes, neither do its words."""
    return event_body(event).model_dump_json().encode()


def page_json(page: EventPage) -> bytes:
    """An `EventsBody` as JSON."""
    events = b",".join(map(event_json, page.events))
    older = None if page.next is None else page.next.encode()
    newer = None if page.previous is None else page.previous.encode()
    return b'{"events":[%b],"next":%b,"previous":%b}' % (
        events,
        json.dumps(older).encode(),
        json.dumps(newer).encode(),
    )


def event_of(store: Store, event_id: str, actor: Actor, right: Right) -> Event:
    """The event, which the actor may do that with. Raises: ProblemError 404 or 403."""
    event = store.event(event_id)
    if event is None or not actor.may(Right.SEE_EVENTS, event.elevator_id):
        # The same answer for an event of somebody else's elevator: an id tells nothing.
        raise ProblemError(404, "unknown-event", f"there is no event {event_id}")
    check(actor, right, event.elevator_id)
    return event


def etag_of(event: Event) -> str:
    """The tag of an event: the number of its latest review, and while it is open how far it has come."""
    if event.ended_at is not None:
        return f'"{event.review_version}"'
    return f'"{event.review_version}.{event.last_seen_at.timestamp() * 1000:.0f}-{event.hold_s * 1000:.0f}"'


@router.get("/events", response_model=EventsBody, responses=NOT_MODIFIED | responses(401, 403, 503))
def list_events(
    request: Request,
    actor: MaySeeEvents,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` or `previous` of a page")] = None,
    elevator_id: Annotated[str | None, Query(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")] = None,
    outcome: Annotated[OutcomeFilter | None, Query()] = None,
    since: Annotated[AwareDatetime | None, Query(description="started_at at or after")] = None,
    until: Annotated[AwareDatetime | None, Query(description="started_at before")] = None,
    class_name: Annotated[ClassFilter | None, Query()] = None,
    min_duration_s: Seconds = None,
    max_duration_s: Seconds = None,
    label: Annotated[str | None, Query(min_length=1, max_length=40)] = None,
    verdict: Annotated[VerdictFilter | None, Query(description="`none`: not judged yet")] = None,
    locked: Annotated[bool | None, Query()] = None,
    text: Annotated[
        str | None, Query(max_length=200, description="Words of note and labels, or the beginning of an id")
    ] = None,
) -> Response:
    """Events, newest first, page by page. Times are ISO 8601 with a zone, such as `2026-03-01T08:00:00Z`.

    Its `ETag` changes with what it says: `If-None-Match` saves the answer where nothing has changed.
    """
    try:
        at = None if cursor is None else Cursor.decode(cursor)
    except ValueError as exc:
        raise ProblemError(422, "bad-request", f"query.cursor: {exc}") from exc
    wanted = EventFilter(
        since=since,
        until=until,
        elevator_id=elevator_id,
        elevators=actor.where(Right.SEE_EVENTS),
        class_name=class_name,
        outcome=outcome,
        min_duration_s=min_duration_s,
        max_duration_s=max_duration_s,
        label=label,
        verdict=verdict,
        locked=locked,
        text=text,
    )
    parts = parts_of(request)

    def make() -> bytes:
        return page_json(parts.store.search(wanted, limit, at))

    return answer(request, parts.fresh.get(key_of(request, actor), make))


@router.get(
    "/events/{event_id}",
    response_model=EventDetailBody,
    responses=NOT_MODIFIED | responses(401, 403, 404, 503),
)
def get_event(
    request: Request, response: Response, actor: MaySeeEvents, event_id: EventId
) -> EventDetailBody | Response:
    """One event with its evidence and the steps of the hold machine. Its ETag names the latest review."""
    parts = parts_of(request)
    store = parts.store
    event = event_of(store, event_id, actor, Right.SEE_EVENTS)
    parts.audit.note(actor, "event.read", event_id)
    response.headers["etag"] = tag = etag_of(event)
    if event.ended_at is not None and has(request, tag):  # of an open one there is always more
        return Response(status_code=304, headers={"etag": tag})
    return EventDetailBody(
        **asdict(event),
        evidence=[EvidenceBody(**asdict(row)) for row in store.evidence(event_id)],
        phase_changes=[PhaseChangeBody(**asdict(change)) for change in store.phase_changes(event_id)],
    )
