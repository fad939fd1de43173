"""``/api/v1/audit``: who saw and changed what."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from api.accounts.audit_store import AuditFilter
from api.accounts.forms import accounts_of
from api.accounts.rights import Actor, Right
from api.accounts.who import needs
from api.problems import responses

router = APIRouter(prefix="/api/v1", tags=["accounts"])
Auditor = Annotated[Actor, Depends(needs(Right.SEE_AUDIT))]
Text = Annotated[str | None, Query(max_length=200)]


class AuditEntryBody(BaseModel):
    """Who did what."""

    id: int = Field(description="+1 with every entry")
    at: AwareDatetime
    actor_id: str = Field(description="Id of a user, `not-set-up`, or `nobody` for a failed attempt")
    actor_name: str = Field(description="With the name of the token, if one was used")
    action: str = Field(description="Such as `sign_in`, `event.read`, `clip.read`, `user.change`")
    target: str = Field(description="Such as an event's id or a login name")
    detail: str
    address: str = Field(description="Where the request came from")
    previous: str = Field(description="Digest of the entry before")
    digest: str = Field(description="SHA-256 over the entry and `previous`")


class AuditBody(BaseModel):
    """A page of the audit trail, newest first."""

    entries: list[AuditEntryBody]
    next: str | None = Field(description="`cursor` of the next page; null: that was all")


class AuditCheckBody(BaseModel):
    """Whether the chain is whole."""

    whole: bool
    broken_at: int | None = Field(description="Oldest entry that does not fit; null: none")


@router.get("/audit", responses=responses(401, 403, 503))
def list_audit(
    request: Request,
    _auditor: Auditor,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None, Query(pattern=r"^\d{1,18}$", description="`next` of the page before")
    ] = None,
    actor_id: Text = None,
    action: Annotated[
        str | None, Query(max_length=64, description="Such as `sign_in`; `user.*` for all that begin so")
    ] = None,
    target: Text = None,
    since: Annotated[AwareDatetime | None, Query(description="at or after")] = None,
    until: Annotated[AwareDatetime | None, Query(description="before")] = None,
) -> AuditBody:
    """The audit trail, newest first, page by page."""
    which = AuditFilter(actor_id=actor_id, action=action, target=target, since=since, until=until)
    before = None if cursor is None else int(cursor)
    entries, more = accounts_of(request).trail.entries(limit, before, which)
    return AuditBody(
        entries=[AuditEntryBody(**asdict(entry)) for entry in entries],
        next=None if more is None else str(more),
    )


@router.get("/audit/check", responses=responses(401, 403, 503))
def check_audit(request: Request, _auditor: Auditor) -> AuditCheckBody:
    """Compute the chain again, from the oldest entry to the newest."""
    broken = accounts_of(request).trail.broken()
    return AuditCheckBody(whole=broken is None, broken_at=None if broken is None else broken.id)
