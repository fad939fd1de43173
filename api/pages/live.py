"""``/``: what is now, and the latest events. The live parts are filled in by ``static/live.js``."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from api.accounts.who import Actor, Right, needs
from api.conditional import Kept
from api.event_search import EventFilter
from api.pages.shell import Lang, language, render
from api.records import Event
from api.web_parts import Parts, parts_of
from vision.errors import StorageError

SHOWN: Final = 10  # events on the page; Review has the rest

router = APIRouter(include_in_schema=False)
MayLook = Annotated[Actor, Depends(needs(Right.SEE_LIVE))]
MaySeeEvents = Annotated[Actor, Depends(needs(Right.SEE_EVENTS))]


def _latest(parts: Parts, actor: Actor) -> tuple[Event, ...] | None:
    """None: the store fails; the page says so instead of failing too."""
    try:
        return parts.store.search(EventFilter(elevators=actor.where(Right.SEE_EVENTS)), SHOWN).events
    except StorageError:
        return None


@router.get("/", response_class=HTMLResponse)
def page(request: Request, actor: MayLook, lang: Lang = None) -> HTMLResponse:
    """The live page."""
    return render(request, "live.html", lang, {"events": _latest(parts_of(request), actor)})


def _key(request: Request, actor: Actor) -> Hashable:
    """What the latest events depend on beside the store: language, rights, and the elevators' names."""
    state = parts_of(request).link.state()
    names = () if state is None else tuple((e.id, e.name) for e in state.elevators)
    lang = language(request, request.query_params.get("lang"))
    return "fragment", lang, actor.where(Right.SEE_EVENTS), actor.elevators, names


KEPT: Final = Kept("/fragments/events", _key, "text/html; charset=utf-8")
"""All open pages ask at once when something happens."""


@router.get("/fragments/events", response_class=HTMLResponse)
def events_fragment(request: Request, actor: MaySeeEvents, lang: Lang = None) -> HTMLResponse:
    """The latest events as the page shows them, to be put in place by the page itself."""
    parts = parts_of(request)

    def make() -> bytes:
        wanted = EventFilter(elevators=actor.where(Right.SEE_EVENTS))
        events = parts.store.search(wanted, SHOWN).events
        return bytes(render(request, "events.html", lang, {"events": events}).body)

    try:
        return HTMLResponse(parts.fresh.get(_key(request, actor), make).body)
    except StorageError:
        return render(request, "events.html", lang, {"events": None})
