"""``/api/v1/health``, ``/api/v1/latency`` and ``/metrics``: is it well, is it fast."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from pydantic import AwareDatetime, BaseModel, Field

from api.accounts.who import Actor, Right, needs
from api.cameras.book import SAID
from api.live import GuardState, ModelInfo, StageLatency
from api.problems import ProblemError, Reason, responses
from api.web_metrics import CONTENT_TYPE
from api.web_parts import Parts, parts_of, seen_by
from hardware.hold import Phase
from vision.errors import StorageError

router = APIRouter(tags=["health"])
MayLook = Annotated[Actor, Depends(needs(Right.SEE_LIVE))]

WELL: Final = frozenset({"live", "connecting"})
BLIND_S: Final = 5.0
"""A camera that is well gives a usable picture within this time; a longer `BLIND` means that vision fails."""


class HealthBody(BaseModel):
    """All is well."""

    status: Literal["ok"]
    version: str = Field(description="Of web")
    guard_version: str
    guard_started_at: AwareDatetime
    model: ModelInfo


class LatencyBody(BaseModel):
    """Latency per elevator and stage, over the last samples."""

    stages: list[StageLatency]


def reasons(parts: Parts, state: GuardState | None) -> list[Reason]:
    """What needs attention now. Reads the store, so call it on a worker thread."""
    found = []
    if state is None:
        found.append(Reason(code="guard_silent", detail="guard has said nothing for 3 s"))
    else:
        if not state.store_ok:
            found.append(Reason(code="guard_store_failing", detail="guard cannot write events; see its log"))
        if state.model.refused:
            found.append(
                Reason(
                    code="model_refused",
                    detail=f"guard goes on with {state.model.name}; the model that it was told to load was "
                    f"refused: {state.model.refused}",
                )
            )
        for e in state.elevators:
            if e.camera.state not in WELL:
                found.append(
                    Reason(code=f"camera_{e.camera.state}", detail=e.camera.detail, elevator_id=e.id)
                )
            elif e.camera.trouble is not None:
                found.append(
                    Reason(
                        code=f"camera_{e.camera.trouble}",
                        detail=f"the camera of {e.name} needs a look: {SAID[e.camera.trouble]}",
                        elevator_id=e.id,
                    )
                )
            elif e.phase is Phase.BLIND and (state.at - e.phase_since).total_seconds() > BLIND_S:
                found.append(
                    Reason(
                        code="blind",
                        detail=f"no usable picture for more than {BLIND_S:g} s though the camera is "
                        f"{e.camera.state}; see the log of guard",
                        elevator_id=e.id,
                    )
                )
            if not e.relay_ok:
                found.append(
                    Reason(
                        code="relay_failing",
                        detail="the relay does not do what it is told; the door is let go",
                        elevator_id=e.id,
                    )
                )
    try:
        parts.store.check()
    except StorageError as exc:
        found.append(Reason(code="store_failing", detail=str(exc)))
    return found


class AliveBody(BaseModel):
    """This process answers; nothing more is said to whoever may ask this."""

    status: Literal["alive"]


@router.get("/api/v1/health/live")
async def alive() -> AliveBody:
    """Whether web answers, without sign-in: for a supervisor or a load balancer."""
    return AliveBody(status="alive")


@router.get("/api/v1/health", responses=responses(401, 403, 503))
def health(request: Request, actor: MayLook) -> HealthBody:
    """200 when all is well; 503 with the reasons when guard is silent, a camera is lost, pictures come and
    none can be used, or the relay or the store fails.
    """
    parts = parts_of(request)
    state = parts.link.state()
    found = [
        r for r in reasons(parts, state) if r.elevator_id is None or actor.may(Right.SEE_LIVE, r.elevator_id)
    ]
    if found or state is None:
        raise ProblemError(503, "unhealthy", "; ".join(r.detail for r in found), reasons=found)
    return HealthBody(
        status="ok",
        version=parts.version,
        guard_version=state.version,
        guard_started_at=state.started_at,
        model=state.model,
    )


@router.get("/api/v1/latency", responses=responses(401, 403, 503))
async def latency(request: Request, actor: MayLook) -> LatencyBody:
    """p50, p95 and p99 of each stage of the way of a frame."""
    return LatencyBody(stages=list(seen_by(actor, parts_of(request).guard()).latency))


@router.get("/metrics", response_class=PlainTextResponse, responses=responses(401, 403))
async def metrics(request: Request, actor: MayLook) -> PlainTextResponse:
    """Prometheus text: guard's metrics while it is heard, and web's own. For the whole box only."""
    if actor.where(Right.SEE_LIVE) is not None:
        raise ProblemError(
            403, "not-allowed", "the metrics are of the whole box; this account sees a part of it"
        )
    parts = parts_of(request)
    parts.metrics.guard_up.set(0 if parts.link.state() is None else 1)
    guard = parts.link.metrics_text() or ""
    if guard and not guard.endswith("\n"):
        guard += "\n"
    return PlainTextResponse(guard + parts.metrics.text(), media_type=CONTENT_TYPE)
