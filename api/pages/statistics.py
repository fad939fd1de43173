"""``/statistics``: what happened over a time, as plots, each with its table."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from api.accounts.who import Actor, Right, needs
from api.pages.plots import bars
from api.pages.shell import Lang, render
from api.statistics import CONFIRM_TARGET_S, RELAY_TARGET_S, RELEASE_LIMIT_S, STATES, figures
from api.statistics_read import count_pre_holds, read_changes, read_facts, read_runs
from api.web_parts import Parts, parts_of

router = APIRouter(include_in_schema=False)

RANGES: Final = {"day": 1, "week": 7, "month": 30, "quarter": 91}
"""Named ranges: days that end today."""
MAX_DAYS: Final = 366
EPOCH: Final = date(2020, 1, 1)
"""Nothing was guarded before; a calendar has an end where sums with its days fail."""


@router.get("/statistics", response_class=HTMLResponse)
def page(
    request: Request,
    actor: Annotated[Actor, Depends(needs(Right.SEE_EVENTS))],
    lang: Lang = None,
    span: Annotated[str, Query(pattern="^(day|week|month|quarter|own)$")] = "week",
    first: Annotated[date | None, Query(alias="from")] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
    elevator: Annotated[str, Query(pattern=r"^([a-z0-9][a-z0-9_-]{0,39})?$")] = "",
) -> HTMLResponse:
    """Figures of a range of days, for all elevators or one."""
    parts = parts_of(request)
    now = datetime.now(UTC)
    days = choose_days(span, first, last, now.astimezone().date())
    more: dict[str, Any] = {"span": span, "ranges": RANGES, "elevator": elevator, "days": days}
    return render(request, "statistics.html", lang, more | _figures(parts, actor, days, elevator, now))


def choose_days(span: str, first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """First and last day, both included, at most `MAX_DAYS`, in order, from `EPOCH` to today."""
    if span != "own" or (first is None and last is None):
        return today - timedelta(days=RANGES.get(span, 7) - 1), today
    last = max(EPOCH, min(last or today, today))
    first = min(max(EPOCH, first or last), last)
    return max(first, last - timedelta(days=MAX_DAYS - 1)), last


def _figures(
    parts: Parts, actor: Actor, days: tuple[date, date], elevator: str, now: datetime
) -> dict[str, Any]:
    since = datetime.combine(days[0], time()).astimezone()
    until = min(datetime.combine(days[1] + timedelta(days=1), time()).astimezone(), now)
    state = parts.link.state()
    known = [] if state is None else [e.id for e in state.elevators if actor.may(Right.SEE_EVENTS, e.id)]
    wanted = actor.where(Right.SEE_EVENTS)
    if elevator:
        wanted = frozenset({elevator}) if wanted is None else wanted & {elevator}
    facts = read_facts(parts.store, since, until, wanted)
    shown = [e for e in known if wanted is None or e in wanted]
    zone = now.astimezone().tzinfo
    found = figures(
        facts,
        read_changes(parts.store, since, until, wanted),
        read_runs(parts.store, until),
        shown,
        since,
        until,
        zone or UTC,
    )
    return {
        "f": found,
        "zone": f"UTC{now.astimezone().isoformat()[-6:]}",
        "choices": sorted(
            {*known, *(fact.elevator_id for fact in facts)} if not elevator else {*known, elevator}
        ),
        "pre_holds": count_pre_holds(parts.store, since, until, wanted),
        "hours": bars(found.by_hour, [f"{h:02d}" for h in range(24)]),
        "per_day": bars([n for _, n in found.by_day], [f"{d:%m-%d}" for d, _ in found.by_day]),
        "states": STATES,
        "targets": {
            "confirm": CONFIRM_TARGET_S,
            "release": RELEASE_LIMIT_S,
            "relay": RELAY_TARGET_S,
        },
    }
