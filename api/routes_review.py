"""What people say of events: ``PATCH /api/v1/events/{id}`` and ``POST /api/v1/events/review``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from api.accounts.who import Actor, Right, needs
from api.live import OneLine
from api.problems import ProblemError, responses
from api.records import Review, Verdict, VerdictReason
from api.routes_events import EventBody, etag_of, event_body, event_of
from api.times import utc_now
from api.web_parts import EVENT_ID, EventId, parts_of
from vision.errors import ConflictError

router = APIRouter(prefix="/api/v1", tags=["review"])

MayReview = Annotated[Actor, Depends(needs(Right.REVIEW))]


_ONE_LINE: Final[TypeAdapter[str]] = TypeAdapter(OneLine)


def _text(text: str) -> str:
    """Several lines of text: nothing in any of them that `OneLine` refuses."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\t", " ").split("\n")]
    for line in lines:
        _ONE_LINE.validate_python(line)
    return "\n".join(lines).strip()


def _label(text: str) -> str:
    label = " ".join(text.split())
    if not label or label.startswith("#"):
        raise ValueError(f"a label is 1 to 40 characters and does not begin with '#'; got {text!r}")
    return label


Note = Annotated[str, Field(max_length=2000), AfterValidator(_text)]
Label = Annotated[OneLine, Field(min_length=1, max_length=40), AfterValidator(_label)]
Labels = Annotated[list[Label], Field(max_length=20), AfterValidator(lambda all_: list(dict.fromkeys(all_)))]


class _Reviewing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    verdict: Verdict | None = Field(None, description="null takes a verdict back")
    verdict_reason: VerdictReason | None = Field(
        None, description="With false_alarm only: what stood there, or what was taken for an e-bike"
    )
    locked: bool = Field(False, description="true: its evidence is never deleted to make room or for its age")

    @model_validator(mode="after")
    def _reason_fits(self) -> _Reviewing:
        judged = "verdict" in self.model_fields_set
        if self.verdict_reason is not None and judged and self.verdict != "false_alarm":
            raise ValueError(f"only a false_alarm has a verdict_reason; got verdict {self.verdict!r}")
        return self

    def change(self, before: Review) -> Review:
        """What shall be said, from what is said now. Raises: ValueError if a reason would not fit."""
        values: dict[str, Any] = {
            name: getattr(self, name) for name in _REVIEW_FIELDS & self.model_fields_set
        }
        if isinstance(values.get("labels"), list):
            values["labels"] = tuple(values["labels"])
        if "verdict" in values and "verdict_reason" not in values and values["verdict"] != before.verdict:
            values["verdict_reason"] = None  # it spoke of the verdict that is taken back
        after = replace(before, **values)
        if after.verdict_reason is not None and after.verdict != "false_alarm":
            raise ValueError("only a false_alarm has a verdict_reason; send the verdict with it")
        return after


_REVIEW_FIELDS = frozenset(Review.__dataclass_fields__)


class ReviewBody(_Reviewing):
    """What to change. What is left out stays as it is."""

    note: Note = Field("", description="Up to 2000 characters, several lines")
    labels: Labels = Field([], description="All of its labels, at most 20")


class BatchBody(_Reviewing):
    """What to change in several events. What is left out stays as it is."""

    event_ids: list[Annotated[str, Field(pattern=EVENT_ID)]] = Field(min_length=1, max_length=200)
    add_labels: Labels = Field([], description="Labels to add; an event keeps at most 20")

    def change(self, before: Review) -> Review:
        """See `_Reviewing.change`."""
        after = super().change(before)
        return replace(after, labels=tuple(dict.fromkeys((*after.labels, *self.add_labels)))[:20])


class BatchDoneBody(BaseModel):
    """What became of a batch."""

    reviewed: list[str] = Field(description="Ids of the events that now say so")
    unknown: list[str] = Field(description="Ids that there are not")


@router.patch("/events/{event_id}", responses=responses(401, 403, 404, 412, 428, 503))
def review_event(
    request: Request,
    response: Response,
    event_id: EventId,
    body: ReviewBody,
    actor: MayReview,
    if_match: Annotated[
        str | None,
        Header(max_length=200, description="ETag of the event as it was read, or `*`: whatever it is now"),
    ] = None,
) -> EventBody:
    """Say what an event was: verdict, note, labels, lock. Answers with the event as it is then."""
    parts = parts_of(request)
    version = _version(if_match)
    event_of(parts.store, event_id, actor, Right.REVIEW)
    parts.audit.note(actor, "event.review", event_id, _said(body))
    try:
        event = parts.store.review(event_id, body.change, by=actor.id, at=utc_now(), version=version)
    except ConflictError as exc:
        raise ProblemError(412, "changed-meanwhile", str(exc)) from exc
    except ValueError as exc:
        raise ProblemError(422, "bad-request", f"body: {exc}") from exc
    if event is None:
        raise ProblemError(404, "unknown-event", f"there is no event {event_id}")
    response.headers["etag"] = etag_of(event)
    return event_body(event)


@router.post("/events/review", responses=responses(401, 403, 503))
def review_events(request: Request, body: BatchBody, actor: MayReview) -> BatchDoneBody:
    """Say the same of several events, whatever was said of them before; all of them or, on an error, none."""
    parts = parts_of(request)
    wanted = list(dict.fromkeys(body.event_ids))
    known = []
    for event_id in wanted:
        try:
            event_of(parts.store, event_id, actor, Right.REVIEW)
        except ProblemError as exc:
            if exc.kind != "unknown-event":
                raise
        else:
            known.append(event_id)
    for event_id in known:
        parts.audit.note(actor, "event.review", event_id, _said(body))
    try:
        done = parts.store.review_many(known, body.change, by=actor.id, at=utc_now())
    except ValueError as exc:
        raise ProblemError(422, "bad-request", f"body: {exc}") from exc
    return BatchDoneBody(reviewed=list(done), unknown=[i for i in wanted if i not in set(done)])


_TAG: Final = re.compile(r'"([0-9]{1,9})(?:\.[0-9]{1,15}-[0-9]{1,15})?"')
"""As `etag_of` makes them. What guard adds to an open event takes nothing back that was said of it: only the
number of the review counts."""


def _version(if_match: str | None) -> int | None:
    """None: any. Raises: ProblemError."""
    if if_match is None:
        raise ProblemError(
            428, "version-required", "send If-Match with the ETag of the event as you read it, or `*`"
        )
    tag = if_match.strip()
    if tag == "*":
        return None
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ProblemError(412, "changed-meanwhile", f"{if_match[:50]!r} is no ETag of this event")
    return int(match[1])


def _said(body: _Reviewing) -> str:
    """For the audit trail: what was changed. The note itself stays with the event."""
    sent: Callable[[str], bool] = body.model_fields_set.__contains__
    said = [f"{name}={getattr(body, name)}" for name in ("verdict", "verdict_reason", "locked") if sent(name)]
    said += [name for name in ("note", "labels", "add_labels") if sent(name)]
    return ", ".join(said)
