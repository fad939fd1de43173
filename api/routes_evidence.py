"""``/api/v1/events/{id}/files`` and the clips and pictures themselves."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, BinaryIO, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from api.accounts.who import Actor, Right, needs
from api.evidence.export import Order, export
from api.evidence.files import EvidenceFile, FileKind
from api.evidence.serve import WHOLE, blurring_unavailable
from api.problems import ProblemError, responses
from api.routes_events import event_of
from api.times import utc_now
from api.web_parts import EventId, parts_of

router = APIRouter(prefix="/api/v1", tags=["evidence"])

MaySee = Annotated[Actor, Depends(needs(Right.SEE_EVIDENCE))]
Original = Annotated[
    bool, Query(description="Without blurring; needs the right see_originals, and is noted as such")
]
_ADDRESSES: Final[dict[str, str]] = {
    "clip": "clip?segment={segment}",
    "snapshot": "snapshot",
    "snapshot_boxes": "snapshot?boxes=true",
    "thumbnail": "thumbnail",
}


class FileBody(BaseModel):
    """One evidence file, or the stated reason why there is none."""

    id: str
    kind: str = Field(description="clip, snapshot, snapshot_boxes or thumbnail")
    segment: int = Field(description="Of a clip: 0 for the first")
    state: str = Field(
        description="writing, stored, repaired (cut short by a crash, plays up to there), failed, evicted, "
        "missing or damaged"
    )
    reason: str | None = Field(description="Why it failed, was evicted or is not whole")
    media_type: str
    started_at: AwareDatetime = Field(description="Of the first frame")
    duration_s: float = Field(description="0 for pictures")
    size_bytes: int
    sha256: str | None = Field(description="Of the original")
    url: str | None = Field(description="Where it is shown; null: there is nothing to show")


class FilesBody(BaseModel):
    """The evidence files of an event."""

    files: list[FileBody]
    can_blur: bool = Field(description="False: only originals can be shown, to those who may see them")


def _binary(media_type: str, *, ranges: bool = True) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    whole: dict[int | str, dict[str, Any]] = {200: {"description": "The file", "content": content}}
    if not ranges:
        return whole | responses(401, 403, 404, 409, 503)
    part: dict[int | str, dict[str, Any]] = {206: {"description": "The range asked for", "content": content}}
    return whole | part | responses(401, 403, 404, 409, 410, 416, 503)


@router.get("/events/{event_id}/files", responses=responses(401, 403, 404, 503))
def list_files(request: Request, event_id: EventId, actor: MaySee) -> FilesBody:
    """What clips and pictures there are of an event, and why one is missing."""
    parts = parts_of(request)
    event_of(parts.store, event_id, actor, Right.SEE_EVIDENCE)
    return FilesBody(
        files=[file_body(file) for file in parts.store.files(event_id)], can_blur=parts.evidence.can_blur
    )


@router.get("/events/{event_id}/clip", response_class=Response, responses=_binary("video/mp4"))
def get_clip(
    request: Request,
    event_id: EventId,
    actor: MaySee,
    segment: Annotated[int, Query(ge=0, le=100_000)] = 0,
    original: Original = False,
) -> Response:
    """The clip of an event, or one segment of a long one. Takes a Range header."""
    return _show(request, event_id, actor, "clip", segment, original=original)


@router.get("/events/{event_id}/snapshot", response_class=Response, responses=_binary("image/jpeg"))
def get_snapshot(
    request: Request,
    event_id: EventId,
    actor: MaySee,
    boxes: Annotated[bool, Query(description="With boxes drawn")] = False,
    original: Original = False,
) -> Response:
    """The most convincing picture of an event."""
    return _show(request, event_id, actor, "snapshot_boxes" if boxes else "snapshot", 0, original=original)


@router.get("/events/{event_id}/thumbnail", response_class=Response, responses=_binary("image/webp"))
def get_thumbnail(request: Request, event_id: EventId, actor: MaySee, original: Original = False) -> Response:
    """A small animated picture of an event."""
    return _show(request, event_id, actor, "thumbnail", 0, original=original)


@router.get(
    "/events/{event_id}/export", response_class=Response, responses=_binary("application/zip", ranges=False)
)
def export_event(
    request: Request,
    event_id: EventId,
    actor: Annotated[Actor, Depends(needs(Right.EXPORT))],
    original: Original = False,
) -> Response:
    """All evidence of an event to take away: a zip with a manifest of hashes and of who took it."""
    parts = parts_of(request)
    event = event_of(parts.store, event_id, actor, Right.EXPORT)
    if not original and not parts.evidence.can_blur:
        raise blurring_unavailable()
    whole = [f for f in parts.store.files(event_id) if f.state in WHOLE]

    def opened(file: EvidenceFile) -> BinaryIO:
        return parts.evidence.open(actor, parts.audit, file, original=original)[0]

    for file in whole:  # whatever is wrong is said now, and not in the middle of a download
        opened(file).close()
    parts.audit.note(actor, "evidence.export", event_id, "originals" if original else "blurred")
    order = Order([event], actor, utc_now(), originals=original)
    return StreamingResponse(
        export(parts.store, order, opened),
        media_type="application/zip",
        headers={
            "content-disposition": f'attachment; filename="liftguard-{event_id}.zip"',
            "cache-control": "private, no-store",
        },
    )


def file_body(file: EvidenceFile) -> FileBody:
    """A file as the API shows it."""
    facts = asdict(file)
    del facts["event_id"], facts["elevator_id"], facts["path"]
    address = _ADDRESSES.get(file.kind)
    shown = file.state in WHOLE and address is not None
    url = f"/api/v1/events/{file.event_id}/{address}".format(segment=file.segment) if shown else None
    return FileBody(**facts, url=url)


def _show(
    request: Request, event_id: str, actor: Actor, kind: FileKind, segment: int, *, original: bool
) -> Response:
    parts = parts_of(request)
    event = event_of(parts.store, event_id, actor, Right.SEE_EVIDENCE)
    files = [f for f in parts.store.files(event_id) if f.kind == kind and f.segment == segment]
    if not files:
        still = "" if event.ended_at else " yet"
        raise ProblemError(404, "no-evidence", f"event {event_id} has no {kind} {segment}{still}")
    # Whatever is whole comes first, should there ever be two of a kind.
    file = min(files, key=lambda f: f.state not in WHOLE)
    return parts.evidence.answer(request, actor, parts.audit, file, original=original)
