"""``/events/<id>``: the lasting address of one event, with its evidence."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from api.accounts.who import Actor, Right, check, needs
from api.pages.shell import Lang, render
from api.view_event import curve
from api.web_parts import EventId, parts_of

router = APIRouter(include_in_schema=False)


@router.get("/events/{event_id}", response_class=HTMLResponse)
def event_page(
    request: Request,
    actor: Annotated[Actor, Depends(needs(Right.SEE_EVENTS))],
    event_id: EventId,
    lang: Lang = None,
) -> HTMLResponse:
    """One event: facts, evidence curve, timeline."""
    store = parts_of(request).store
    event = store.event(event_id)
    if event is None:
        return render(request, "missing.html", lang, status=404)
    check(actor, Right.SEE_EVENTS, event.elevator_id)
    changes = store.phase_changes(event_id)
    end = event.ended_at or event.last_seen_at
    more = {
        "event": event,
        "changes": [(change, _offset(change.at, event.started_at)) for change in changes],
        "curve": curve(store.evidence(event_id), changes, event.started_at, end),
    }
    return render(request, "event.html", lang, more)


def _offset(at: datetime, start: datetime) -> str:
    return f"{(at - start).total_seconds():+.1f}".replace("-", "−")
