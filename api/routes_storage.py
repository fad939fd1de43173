"""``/api/v1/storage``: how much room evidence takes up, and what may stay."""

from __future__ import annotations

import shutil
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel, Field

from api.accounts.who import Actor, Right, needs
from api.evidence.limits import limits_of
from api.evidence.sweeper import free_bytes
from api.problems import responses
from api.web_parts import Parts, parts_of

router = APIRouter(prefix="/api/v1", tags=["evidence"])


class ElevatorStorageBody(BaseModel):
    """The evidence of one elevator."""

    elevator_id: str
    files: int
    used_bytes: int
    locked_bytes: int = Field(description="Of locked events: never deleted")
    oldest_at: AwareDatetime | None


class StorageBody(BaseModel):
    """Room for evidence. Limits that are null are not set."""

    free_bytes: int = Field(description="On the disk that the evidence lies on")
    total_bytes: int
    used_bytes: int = Field(description="By the evidence listed here")
    locked_bytes: int
    min_free_bytes: int | None
    box_max_bytes: int | None
    elevator_max_bytes: int | None
    keep_days: int | None
    troubles: dict[str, int] = Field(description="Files missing, damaged or failed, on the whole box")
    elevators: list[ElevatorStorageBody]


@router.get("/storage", responses=responses(401, 403, 503))
def storage(request: Request, actor: Annotated[Actor, Depends(needs(Right.SEE_EVENTS))]) -> StorageBody:
    """How much room evidence takes up per elevator, how much is left, and the limits."""
    return storage_of(parts_of(request), actor)


def storage_of(parts: Parts, actor: Actor) -> StorageBody:
    """What the API and the page show. Raises: StorageError."""
    where = actor.where(Right.SEE_EVENTS)
    usage = [u for u in parts.store.usage() if where is None or u.elevator_id in where]
    root = parts.evidence.folder.root
    limits = None if parts.settings is None else limits_of(parts.settings.evidence)
    while not root.exists():
        root = root.parent
    return StorageBody(
        free_bytes=free_bytes(root),
        total_bytes=shutil.disk_usage(root).total,
        used_bytes=sum(u.used_bytes for u in usage),
        locked_bytes=sum(u.locked_bytes for u in usage),
        min_free_bytes=None if limits is None else limits.min_free_bytes,
        box_max_bytes=None if limits is None else limits.box_max_bytes,
        elevator_max_bytes=None if limits is None else limits.elevator_max_bytes,
        keep_days=None if limits is None else limits.keep.days,
        troubles=parts.store.troubles(),
        elevators=[
            ElevatorStorageBody(
                elevator_id=u.elevator_id,
                files=u.files,
                used_bytes=u.used_bytes,
                locked_bytes=u.locked_bytes,
                oldest_at=u.oldest_at,
            )
            for u in usage
        ],
    )
