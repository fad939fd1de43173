"""``/review``: the property manager's morning. What nobody has judged comes first; one event at a time beside
the list, or over it on a phone. Judging goes through the API (``static/review.js``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from api.accounts.who import Actor, Right, check, needs
from api.pages.event_view import detail, sees_originals
from api.pages.review_read import count_unreviewed, with_thumbnail
from api.pages.shell import Lang, render
from api.problems import ProblemError
from api.records import OUTCOMES, Cursor, Event
from api.store import EventFilter
from api.web_parts import EVENT_ID, EventId, Parts, parts_of

router = APIRouter(include_in_schema=False)

PAGE: Final = 30
VIEWS: Final = ("none", "all", "confirmed", "false_alarm", "unsure", "locked")
MaySeeEvents = Annotated[Actor, Depends(needs(Right.SEE_EVENTS))]


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter as the address has it."""

    view: str
    elevator: str
    outcome: str
    first: date | None
    last: date | None
    text: str

    def query(self, **more: str) -> str:
        """The same as the query of an address; ``more`` overrides."""
        values = {
            "view": self.view,
            "elevator": self.elevator,
            "outcome": self.outcome,
            "from": self.first.isoformat() if self.first else "",
            "to": self.last.isoformat() if self.last else "",
            "q": self.text,
        }
        return urlencode({k: v for k, v in (values | more).items() if v})

    @property
    def narrowed(self) -> bool:
        """More than the view is asked for."""
        return bool(self.elevator or self.outcome or self.first or self.last or self.text)

    def wanted(self, elevators: frozenset[str] | None) -> EventFilter:
        """For the store. ``elevators``: those that the actor may see."""
        verdict = self.view if self.view in {"none", "confirmed", "false_alarm", "unsure"} else None
        return EventFilter(
            since=_midnight(self.first) if self.first else None,
            until=_midnight(self.last + timedelta(days=1)) if self.last else None,
            elevator_id=self.elevator or None,
            elevators=elevators,
            outcome=self.outcome or None,
            verdict=verdict,
            locked=True if self.view == "locked" else None,
            text=self.text or None,
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time()).astimezone()


def asked(
    view: Annotated[str, Query(pattern="^(none|all|confirmed|false_alarm|unsure|locked)$")] = "none",
    elevator: Annotated[str, Query(pattern=r"^([a-z0-9][a-z0-9_-]{0,39})?$")] = "",
    outcome: Annotated[str, Query(pattern=f"^({'|'.join((*OUTCOMES, 'open'))})?$")] = "",
    first: Annotated[str, Query(alias="from", pattern=r"^(20\d\d-\d\d-\d\d)?$")] = "",
    last: Annotated[str, Query(alias="to", pattern=r"^(20\d\d-\d\d-\d\d)?$")] = "",
    q: Annotated[str, Query(max_length=200)] = "",
) -> Asked:
    """The filter from the query. An empty field of the form asks for nothing."""
    return Asked(view, elevator, outcome, _day(first), _day(last), q.strip())


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as exc:
        raise ProblemError(422, "bad-request", f"{text} is no day; use YYYY-MM-DD") from exc


Wanted = Annotated[Asked, Depends(asked)]


@router.get("/review", response_class=HTMLResponse)
def page(
    request: Request,
    actor: MaySeeEvents,
    wanted: Wanted,
    lang: Lang = None,
    event: Annotated[str | None, Query(pattern=EVENT_ID)] = None,
) -> HTMLResponse:
    """The list, and one event if the address names one."""
    parts = parts_of(request)
    state = parts.link.state()
    known = [] if state is None else [e.id for e in state.elevators if actor.may(Right.SEE_EVENTS, e.id)]
    opened = _opened(parts, actor, event) if event else None
    more: dict[str, Any] = {
        "views": VIEWS,
        "outcomes": (*OUTCOMES, "open"),
        "choices": sorted({*known, *filter(None, [wanted.elevator])}),
        "count": count_unreviewed(parts.store, actor.where(Right.SEE_EVENTS)),
        "opened": opened,
        "may_review": actor.may(Right.REVIEW),
    }
    around = detail(parts, actor, opened) if opened else {}
    return render(request, "review.html", lang, _list(parts, actor, wanted, None) | around | more)


@router.get("/fragments/review", response_class=HTMLResponse)
def more_events(
    request: Request,
    actor: MaySeeEvents,
    wanted: Wanted,
    lang: Lang = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> HTMLResponse:
    """The next events of the list."""
    try:
        before = None if cursor is None else Cursor.decode(cursor)
    except ValueError as exc:
        raise ProblemError(422, "bad-request", f"query.cursor: {exc}") from exc
    return render(request, "review_list.html", lang, _list(parts_of(request), actor, wanted, before))


@router.get("/fragments/review/{event_id}", response_class=HTMLResponse)
def one_event(request: Request, actor: MaySeeEvents, event_id: EventId, lang: Lang = None) -> HTMLResponse:
    """One event to be put beside the list."""
    parts = parts_of(request)
    event = _opened(parts, actor, event_id)
    if event is None:
        return render(request, "event_missing.html", lang, status=404)
    return render(request, "event_detail.html", lang, detail(parts, actor, event))


def _opened(parts: Parts, actor: Actor, event_id: str) -> Event | None:
    event = parts.store.event(event_id)
    if event is not None:
        check(actor, Right.SEE_EVENTS, event.elevator_id)
        parts.audit.note(actor, "event.read", event_id)
    return event


def _list(parts: Parts, actor: Actor, wanted: Asked, before: Cursor | None) -> dict[str, Any]:
    seen = actor.where(Right.SEE_EVENTS)
    found = parts.store.search(wanted.wanted(seen), PAGE, before)
    thumbs = with_thumbnail(parts.store, [e.id for e in found.events])
    done: tuple[Event, ...] = ()
    if wanted.view == "none" and not wanted.narrowed and found.next is None:
        newest = parts.store.search(EventFilter(elevators=seen), PAGE).events
        done = tuple(e for e in newest if e.verdict is not None)[:10]
        thumbs |= with_thumbnail(parts.store, [e.id for e in done])
    shown = {e.id for e in (*found.events, *done) if actor.may(Right.SEE_EVIDENCE, e.elevator_id)}
    return {
        "asked": wanted,
        "events": found.events,
        "done": done,
        "next": found.next.encode() if found.next else None,
        "thumbs": {
            e.id: "?original=true" if sees_originals(parts, actor, e.elevator_id) else ""
            for e in (*found.events, *done)
            if e.id in thumbs & shown
        },
        "may_review": actor.may(Right.REVIEW),
    }
