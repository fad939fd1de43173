"""``/audit``: who saw and changed what, newest first, and whether the trail is whole."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from api.accounts.audit_store import AuditFilter
from api.accounts.who import Actor, Right, needs
from api.pages.shell import Lang, render
from api.problems import ProblemError
from api.web_parts import parts_of

router = APIRouter(include_in_schema=False)

PAGE: Final = 60


@router.get("/audit", response_class=HTMLResponse)
def page(
    request: Request,
    _actor: Annotated[Actor, Depends(needs(Right.SEE_AUDIT))],
    lang: Lang = None,
    action: Annotated[str, Query(max_length=64, pattern=r"^[a-z_.*]*$")] = "",
    who: Annotated[str, Query(max_length=120)] = "",
    target: Annotated[str, Query(max_length=200)] = "",
    first: Annotated[str, Query(alias="from", pattern=r"^(20\d\d-\d\d-\d\d)?$")] = "",
    last: Annotated[str, Query(alias="to", pattern=r"^(20\d\d-\d\d-\d\d)?$")] = "",
    before: Annotated[int | None, Query(ge=1)] = None,
) -> HTMLResponse:
    """Entries of the trail, filtered. That somebody looked is not noted: it would bury the rest."""
    trail = parts_of(request).accounts.trail
    which = AuditFilter(
        actor_id=who or None,
        action=action or None,
        target=target.strip() or None,
        since=_midnight(first, 0) if first else None,
        until=_midnight(last, 1) if last else None,
    )
    entries, older = trail.entries(PAGE, before, which)
    more = {
        "entries": entries,
        "older": older,
        "actions": trail.actions(),
        "asked": {"action": action, "who": who, "target": target, "from": first, "to": last},
        "narrowed": bool(action or who or target or first or last),
    }
    return render(request, "audit.html", lang, more)


def _midnight(text: str, days: int) -> datetime:
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except ValueError as exc:
        raise ProblemError(422, "bad-request", f"{text} is no day; use YYYY-MM-DD") from exc
    return datetime.combine(day, time()).astimezone()
