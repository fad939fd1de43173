"""``/api/v1/camera-troubles``: when a camera was covered, turned or blind, with a picture."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from api.accounts.who import Actor, Right, check, needs
from api.cameras.records import CameraTrouble
from api.evidence.files import EvidenceFile
from api.problems import ProblemError, responses
from api.records import Cursor
from api.routes_evidence import Original
from api.web_parts import EventId, parts_of
from vision.errors import StorageError
from vision.trouble import TroubleKind

router = APIRouter(prefix="/api/v1", tags=["cameras"])

SeesEvents = Annotated[Actor, Depends(needs(Right.SEE_EVENTS))]
SeesEvidence = Annotated[Actor, Depends(needs(Right.SEE_EVIDENCE))]


class TroubleBody(BaseModel):
    """A camera that did not see what it should, or took something in the car for a vehicle (`mistaken`).

    `ended_at` and `end` are null while that goes on.
    """

    id: str = Field(description="UUIDv7, sorts by time")
    elevator_id: str
    camera_id: str
    kind: TroubleKind
    began_at: AwareDatetime = Field(description="First look that showed it")
    reported_at: AwareDatetime = Field(description="It had lasted long enough to be believed")
    last_seen_at: AwareDatetime
    ended_at: AwareDatetime | None
    end: str | None = Field(
        description="clear, other (became another kind), stopped (in order) or interrupted (power, crash)"
    )
    picture: bool = Field(description="There is a picture at /api/v1/camera-troubles/{id}/picture")


class TroublesBody(BaseModel):
    """A page of camera troubles, the latest first."""

    troubles: list[TroubleBody]
    next: str | None = Field(description="`cursor` of the next page; null: that was all")


def trouble_body(trouble: CameraTrouble) -> TroubleBody:
    """A trouble as the API shows it."""
    return TroubleBody(**(asdict(trouble) | {"picture": trouble.picture is not None}))


@router.get("/camera-troubles", responses=responses(401, 403, 503))
def list_troubles(
    request: Request,
    actor: SeesEvents,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
    elevator_id: Annotated[str | None, Query(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")] = None,
) -> TroublesBody:
    """Camera troubles, the latest first, page by page."""
    if elevator_id is not None:
        check(actor, Right.SEE_EVENTS, elevator_id)
    try:
        before = None if cursor is None else Cursor.decode(cursor)
    except ValueError as exc:
        raise ProblemError(422, "bad-request", f"query.cursor: {exc}") from exc
    page = parts_of(request).store.camera_troubles(
        limit, before, elevator_id=elevator_id, within=actor.where(Right.SEE_EVENTS)
    )
    return TroublesBody(
        troubles=[trouble_body(trouble) for trouble in page.troubles],
        next=None if page.next is None else page.next.encode(),
    )


@router.get(
    "/camera-troubles/{trouble_id}/picture",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **responses(401, 403, 404, 503)},
)
def get_picture(
    request: Request, actor: SeesEvidence, trouble_id: EventId, original: Original = False
) -> Response:
    """What the camera saw when the trouble was reported, as JPEG, with heads covered like all evidence."""
    parts = parts_of(request)
    trouble = parts.store.camera_trouble(trouble_id)
    if trouble is None:
        raise ProblemError(404, "unknown-trouble", f"there is no camera trouble {trouble_id}")
    check(actor, Right.SEE_EVIDENCE, trouble.elevator_id)
    root = parts.settings.camera_pictures_dir if parts.settings else None
    if root is not None and trouble.picture is not None:
        try:
            data = parts.evidence.beside(
                actor, parts.audit, _as_file(trouble, trouble.picture), root, original=original
            )
        except StorageError:  # the read could not be noted
            raise
        except (OSError, ValueError):  # gone to make room, or not one of ours: the answer is the same
            pass
        else:
            return Response(data, media_type="image/jpeg", headers={"cache-control": "private, no-store"})
    raise ProblemError(404, "no-picture", f"there is no picture of camera trouble {trouble.id}")


def _as_file(trouble: CameraTrouble, path: str) -> EvidenceFile:
    return EvidenceFile(
        id=trouble.id,
        event_id=trouble.id,
        elevator_id=trouble.elevator_id,
        kind="tamper",
        segment=0,
        path=path,
        media_type="image/jpeg",
        state="stored",
        started_at=trouble.reported_at,
    )
