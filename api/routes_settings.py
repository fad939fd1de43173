"""``/api/v1/settings``: what can be set on the page, a look ahead at thresholds, and guard's restart."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from api import overlay
from api.accounts.who import Actor, Right, needs
from api.live import ReleaseReply, RestartRequest
from api.overlay import Changes, Kept
from api.preview import Judged, Thresholds, judge
from api.problems import ProblemError, responses
from api.settings import Settings
from api.settings_camera import ZoneSettings
from api.settings_hold import HoldSettings, ScheduleSettings
from api.statistics_read import read_facts
from api.times import utc_now
from api.web_parts import Parts, parts_of
from vision.errors import ConfigError, ConflictError

router = APIRouter(prefix="/api/v1", tags=["settings"])

MayConfigure = Annotated[Actor, Depends(needs(Right.CONFIGURE))]
PREVIEW_EVENTS: Final = 300  # newest ones; each has some hundred rows of evidence


class ElevatorNow(BaseModel):
    """What is set for one elevator."""

    id: str
    name: str
    zones: tuple[ZoneSettings, ...]
    hold: HoldSettings
    schedule: ScheduleSettings


class ThresholdsBody(BaseModel):
    """When seeing becomes believing, for all elevators."""

    model_config = ConfigDict(extra="forbid")

    confirm_prob: float = Field(ge=0.5, le=0.9999, description="Score of the vote at which a hold begins")
    confirm_min_s: float = Field(ge=0, le=3, description="The class must have led for this long")
    confirm_hits: int = Field(ge=1, le=30, description="… and have been detected in so many pictures")


class SettingsBody(BaseModel):
    """Everything that can be set on the page, as it is kept now."""

    version: int = Field(description="Goes up with every change; the ETag")
    changed_at: AwareDatetime | None
    changed_by: str | None
    in_force: bool = Field(description="Guard has been started since the last change")
    can_restart: bool = Field(description="Guard starts again by itself when asked to")
    elevators: list[ElevatorNow]
    vision: ThresholdsBody


class PreviewBody(BaseModel):
    """How the events of the last days would have been judged."""

    days: int
    events: int = Field(description="Looked at: the newest, at most 300")
    held: int = Field(description="Still held")
    lost: list[str] = Field(description="Ids of those that would not have been held")
    lost_confirmed: int = Field(description="… of which a person confirmed that it was an e-bike")
    lost_false: int = Field(description="… of which a person said that it was a false alarm")
    later_p95_s: float | None = Field(description="The hold would have begun later by this, 95 of 100")
    unknown: int = Field(description="Without enough evidence to say")


class PreviewAsked(ThresholdsBody):
    """Thresholds to try."""

    days: int = Field(7, ge=1, le=31)


class RestartBody(BaseModel):
    """Nothing needs to be said."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Now:
    """What is kept and what it makes of the settings."""

    settings: Settings
    kept: Kept | None

    @property
    def version(self) -> int:
        """0 as long as nothing was ever set on the page."""
        return self.kept.version if self.kept else 0


def now_of(parts: Parts) -> Now:
    """Raises: ProblemError if this program was started without settings, or the file cannot be used."""
    if parts.settings is None:
        raise ProblemError(404, "not-found", "this program was started without settings of a box")
    try:
        kept = overlay.read(parts.settings.data_dir)
        changes = kept.changes if kept else Changes()
        return Now(overlay.applied(parts.settings, changes), kept)
    except (ConfigError, ValidationError) as exc:
        raise ProblemError(503, "store-failing", str(exc)) from exc


def thresholds_of(settings: Settings) -> ThresholdsBody:
    """Those in the settings."""
    vision = settings.vision
    return ThresholdsBody(
        confirm_prob=vision.confirm_prob,
        confirm_min_s=vision.confirm_min_s,
        confirm_hits=vision.confirm_hits,
    )


def settings_body(parts: Parts, now: Now) -> SettingsBody:
    """What the API and the page show."""
    state = parts.link.state()
    changed_at = now.kept.at if now.kept else None
    return SettingsBody(
        version=now.version,
        changed_at=changed_at,
        changed_by=now.kept.by if now.kept else None,
        in_force=changed_at is None or (state is not None and state.started_at >= changed_at),
        can_restart=state is not None and state.can_restart,
        elevators=[
            ElevatorNow(id=e.id, name=e.name, zones=e.zones, hold=e.hold, schedule=e.schedule)
            for e in now.settings.elevators
        ],
        vision=thresholds_of(now.settings),
    )


@router.get("/settings", responses=responses(401, 403, 404, 503))
def get_settings(request: Request, response: Response, _actor: MayConfigure) -> SettingsBody:
    """Zones, limits, schedules and thresholds."""
    parts = parts_of(request)
    now = now_of(parts)
    response.headers["etag"] = f'"{now.version}"'
    return settings_body(parts, now)


@router.patch("/settings", responses=responses(401, 403, 404, 412, 428, 503))
def change_settings(
    request: Request,
    response: Response,
    actor: MayConfigure,
    body: Changes,
    if_match: Annotated[str | None, Header(max_length=50, description="ETag of the settings as read")] = None,
) -> SettingsBody:
    """Change some of them. What is left out stays. It takes effect when guard is started again."""
    parts = parts_of(request)
    now = now_of(parts)
    if if_match is None:
        raise ProblemError(
            428, "version-required", "send If-Match with the ETag of the settings as you read them"
        )
    if if_match.strip() != f'"{now.version}"':
        raise ProblemError(412, "changed-meanwhile", "the settings were changed meanwhile; read them again")
    known = {e.id for e in now.settings.elevators}
    if strange := sorted(set(body.elevators) - known):
        raise ProblemError(
            422, "bad-request", f"there is no elevator {strange[0]}; there is {', '.join(sorted(known))}"
        )
    changes = (now.kept.changes if now.kept else Changes()).with_(body)
    try:
        settings = overlay.applied(now.settings, changes)
    except ValidationError as exc:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()[:5])
        raise ProblemError(422, "bad-request", what) from exc
    kept = Kept(version=now.version + 1, at=utc_now(), by=actor.name, changes=changes)
    parts.audit.note(actor, "settings.change", f"version {kept.version}", _said(body))
    try:
        overlay.write(settings.data_dir, kept, before=now.version)
    except ConflictError as exc:
        raise ProblemError(412, "changed-meanwhile", str(exc)) from exc
    response.headers["etag"] = f'"{kept.version}"'
    return settings_body(parts, Now(settings, kept))


def _said(body: Changes) -> str:
    """For the audit trail: which things were changed. Every version itself is kept."""
    what = [
        f"{id_}: {', '.join(sorted(name for name in change.model_fields_set))}"
        for id_, change in sorted(body.elevators.items())
    ]
    what += [f"{name}={value}" for name, value in body.vision.model_dump(exclude_none=True).items()]
    return "; ".join(what)[:500]


@router.post("/settings/preview", responses=responses(401, 403, 404, 503))
def preview(request: Request, _actor: MayConfigure, body: PreviewAsked) -> PreviewBody:
    """How the events of the last days would have been judged by these thresholds. Changes nothing."""
    parts = parts_of(request)
    then = Thresholds(body.confirm_prob, body.confirm_min_s, body.confirm_hits)
    set_ = thresholds_of(now_of(parts).settings)
    return look_ahead(
        parts, body.days, Thresholds(set_.confirm_prob, set_.confirm_min_s, set_.confirm_hits), then
    )


def look_ahead(parts: Parts, days: int, now: Thresholds, then: Thresholds) -> PreviewBody:
    """Judge the newest events of the last days by two sets of thresholds."""
    until = utc_now()
    facts = sorted(
        read_facts(parts.store, until - timedelta(days=days), until), key=lambda f: f.started_at, reverse=True
    )[:PREVIEW_EVENTS]
    judged: list[tuple[Judged, str | None]] = [
        (judge(fact.id, parts.store.evidence(fact.id), now, then), fact.verdict) for fact in facts
    ]
    known = [(one, verdict) for one, verdict in judged if one.now_s is not None]
    lost = [(one, verdict) for one, verdict in known if one.lost]
    later = sorted(one.later_s for one, _ in known if not one.lost)
    return PreviewBody(
        days=days,
        events=len(judged),
        held=len(known) - len(lost),
        lost=[one.event_id for one, _ in lost],
        lost_confirmed=sum(verdict == "confirmed" for _, verdict in lost),
        lost_false=sum(verdict == "false_alarm" for _, verdict in lost),
        later_p95_s=later[min(len(later) - 1, round(0.95 * len(later)))] if later else None,
        unknown=len(judged) - len(known),
    )


@router.post("/guard/restart", responses=responses(401, 403, 409, 503))
async def restart_guard(request: Request, actor: MayConfigure, _body: RestartBody) -> ReleaseReply:
    """Guard lets every door go, ends, and starts again with the settings as they are now.

    409 while an event is going on, or where nothing would start it again.
    """
    parts = parts_of(request)
    parts.guard()
    await asyncio.to_thread(parts.audit.note, actor, "guard.restart", "guard")
    reply = await parts.link.command(RestartRequest(action="restart", by=actor.name[:200]))
    if not reply.accepted:
        raise ProblemError(409, "restart-refused", reply.detail)
    return reply
