"""``/events/<id>``: the lasting address of one event, with everything that is known of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from api.accounts.who import Actor, Right, check, needs
from api.pages.event_view import detail
from api.pages.shell import Lang, render
from api.records import Cursor, Event
from api.store import EventFilter, Store
from api.web_parts import EventId, parts_of

router = APIRouter(include_in_schema=False)


@router.get("/events/{event_id}", response_class=HTMLResponse)
def event_page(
    request: Request,
    actor: Annotated[Actor, Depends(needs(Right.SEE_EVENTS))],
    event_id: EventId,
    lang: Lang = None,
) -> HTMLResponse:
    """One event, and the ways to those before and after it."""
    parts = parts_of(request)
    event = parts.store.event(event_id)
    if event is None:
        return render(request, "missing.html", lang, status=404)
    check(actor, Right.SEE_EVENTS, event.elevator_id)
    parts.audit.note(actor, "event.read", event_id)
    older, newer = neighbours(parts.store, event, actor.where(Right.SEE_EVENTS))
    return render(request, "event.html", lang, detail(parts, actor, event) | {"older": older, "newer": newer})


def neighbours(store: Store, event: Event, elevators: frozenset[str] | None) -> tuple[str | None, str | None]:
    """Ids of the events before and after, among those that may be seen."""
    wanted = EventFilter(elevators=elevators)
    older = store.search(wanted, 1, Cursor(event.started_at, event.id)).events
    newer = store.search(wanted, 1, Cursor(event.started_at, event.id, newer=True)).events
    return (older[0].id if older else None, newer[0].id if newer else None)
