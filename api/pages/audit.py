"""``/audit``: who saw and changed what, newest first; whether the trail is whole; the trail as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from api.accounts.audit_store import AuditFilter, AuditTrail
from api.accounts.records import AuditEntry
from api.accounts.who import Actor, Right, needs
from api.pages.shell import Lang, iso, render
from api.problems import ProblemError
from api.web_parts import parts_of

router = APIRouter(include_in_schema=False)

PAGE: Final = 60
COLUMNS: Final = (
    "id", "at", "actor_id", "actor_name", "action", "target", "detail", "address", "previous", "digest"
)  # fmt: skip
"""Of the CSV file: with `previous` and `digest` the chain can be computed again elsewhere."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter as the address has it."""

    action: str
    who: str
    target: str
    first: str
    last: str

    @property
    def narrowed(self) -> bool:
        """Something is left out."""
        return bool(self.action or self.who or self.target or self.first or self.last)

    def query(self, **more: str) -> str:
        """The same as the query of an address."""
        own = {"action": self.action, "who": self.who, "target": self.target, "from": self.first}
        return urlencode({k: v for k, v in (own | {"to": self.last} | more).items() if v})

    def wanted(self) -> AuditFilter:
        """For the trail. Raises: ProblemError for a day that is none."""
        return AuditFilter(
            actor_id=self.who or None,
            action=self.action or None,
            target=self.target.strip() or None,
            since=_midnight(self.first, 0) if self.first else None,
            until=_midnight(self.last, 1) if self.last else None,
        )


def asked(
    action: Annotated[str, Query(max_length=64, pattern=r"^[a-z_.*]*$")] = "",
    who: Annotated[str, Query(max_length=120)] = "",
    target: Annotated[str, Query(max_length=200)] = "",
    first: Annotated[str, Query(alias="from", pattern=r"^(20\d\d-\d\d-\d\d)?$")] = "",
    last: Annotated[str, Query(alias="to", pattern=r"^(20\d\d-\d\d-\d\d)?$")] = "",
) -> Asked:
    """The filter from the query."""
    return Asked(action, who, target, first, last)


Wanted = Annotated[Asked, Depends(asked)]
Auditor = Annotated[Actor, Depends(needs(Right.SEE_AUDIT))]


@router.get("/audit", response_class=HTMLResponse)
def page(
    request: Request,
    _actor: Auditor,
    wanted: Wanted,
    lang: Lang = None,
    before: Annotated[int | None, Query(ge=1)] = None,
    check: Annotated[bool, Query(description="Compute the chain again")] = False,
) -> HTMLResponse:
    """Entries of the trail, filtered. That somebody looked is not noted: it would bury the rest."""
    trail = parts_of(request).accounts.trail
    entries, older = trail.entries(PAGE, before, wanted.wanted())
    more: dict[str, Any] = {
        "entries": entries,
        "older": older,
        "actions": trail.actions(),
        "asked": wanted,
        "checked": check,
        "broken": trail.broken() if check else None,
    }
    return render(request, "audit.html", lang, more)


@router.get("/audit.csv")
def take_away(request: Request, actor: Auditor, wanted: Wanted) -> StreamingResponse:
    """The entries of the filter as a file, newest first. That somebody took them is noted."""
    parts = parts_of(request)
    which = wanted.wanted()
    parts.audit.note(actor, "audit.export", "audit", wanted.query())
    return StreamingResponse(
        _lines(parts.accounts.trail, which),
        media_type="text/csv; charset=utf-8",
        headers={
            "content-disposition": 'attachment; filename="liftguard-audit.csv"',
            "cache-control": "private, no-store",
        },
    )


def _lines(trail: AuditTrail, which: AuditFilter) -> Iterator[str]:
    yield "\ufeff" + _line(COLUMNS)  # without the mark a spreadsheet takes UTF-8 for something else
    before: int | None = None
    while True:
        entries, before = trail.entries(200, before, which)
        yield from (_line([_cell(entry, name) for name in COLUMNS]) for entry in entries)
        if before is None:
            return


def _cell(entry: AuditEntry, name: str) -> str:
    value = getattr(entry, name)
    text = iso(value) if isinstance(value, datetime) else str(value)
    # A spreadsheet runs what looks like a formula (https://owasp.org/www-community/attacks/CSV_Injection).
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(cells: tuple[str, ...] | list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _midnight(text: str, days: int) -> datetime:
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except ValueError as exc:
        raise ProblemError(422, "bad-request", f"{text} is no day; use YYYY-MM-DD") from exc
    return datetime.combine(day, time()).astimezone()
