"""The pages: ``/`` with what is now and the latest events, ``/events/<id>`` with the evidence of one event.

Pages are rendered here with every word from `api.i18n`; the live parts are filled in by ``static/live.js``.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import jinja2
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from api.i18n import Words, choose_language
from api.records import Event
from api.view_event import curve
from api.web_parts import EventId, Parts, parts_of
from vision.errors import StorageError

HERE: Final = Path(__file__).parent
SHOWN: Final = 10  # events on the page; the API has the rest

router = APIRouter(include_in_schema=False)
static = StaticFiles(directory=HERE / "static")


def _templates() -> Jinja2Templates:
    # No auto-reload and no undefined names: a misspelt word is an error in the tests, not a gap on the page.
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["iso"] = lambda at: at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    env.filters["plain"] = lambda at: at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Jinja2Templates(env=env)


templates = _templates()

Lang = Annotated[str | None, Query(max_length=10)]


def _context(request: Request, lang: str | None, parts: Parts) -> dict[str, Any]:
    words = Words(choose_language(lang, request.headers.get("accept-language")))
    state = parts.link.state()
    return {
        "t": words,
        "lang": words.lang,
        "other_lang": "en" if words.lang == "zh" else "zh",
        "version": parts.version,
        "state": state,
        "names": {} if state is None else {e.id: e.name for e in state.elevators},
    }


def _latest(parts: Parts) -> tuple[Event, ...] | None:
    """None: the store fails; the page says so instead of failing too."""
    try:
        return parts.store.events(SHOWN).events
    except StorageError:
        return None


@router.get("/", response_class=HTMLResponse)
def page(request: Request, lang: Lang = None) -> Response:
    """The live page."""
    parts = parts_of(request)
    return templates.TemplateResponse(
        request, "live.html", _context(request, lang, parts) | {"events": _latest(parts)}
    )


@router.get("/fragments/events", response_class=HTMLResponse)
def events_fragment(request: Request, lang: Lang = None) -> Response:
    """The latest events as the page shows them, to be put in place by the page itself."""
    parts = parts_of(request)
    return templates.TemplateResponse(
        request, "events.html", _context(request, lang, parts) | {"events": _latest(parts)}
    )


@router.get("/events/{event_id}", response_class=HTMLResponse)
def event_page(request: Request, event_id: EventId, lang: Lang = None) -> Response:
    """One event: facts, evidence curve, timeline."""
    parts = parts_of(request)
    context = _context(request, lang, parts)
    event = parts.store.event(event_id)
    if event is None:
        return templates.TemplateResponse(request, "missing.html", context, status_code=404)
    changes = parts.store.phase_changes(event_id)
    end = event.ended_at or event.last_seen_at
    more = {
        "event": event,
        "changes": [(change, _offset(change.at, event.started_at)) for change in changes],
        "curve": curve(parts.store.evidence(event_id), changes, event.started_at, end),
    }
    return templates.TemplateResponse(request, "event.html", context | more)


def _offset(at: datetime, start: datetime) -> str:
    return f"{(at - start).total_seconds():+.1f}".replace("-", "−")
