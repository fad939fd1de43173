"""``/settings``: zones drawn on the picture, limits, thresholds with a look ahead, schedules.

The page shows; ``static/settings.js`` and ``static/zones.js`` send what is changed to the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from annotated_types import Ge, Gt, Le, Lt
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from api import overlay
from api.accounts.who import Actor, Right, needs
from api.pages.shell import Lang, render
from api.routes_settings import ThresholdsBody, now_of, settings_body
from api.settings_hold import HoldSettings
from api.web_parts import parts_of

router = APIRouter(include_in_schema=False)

ZONES: Final = ("cabin", "doorway", "landing", "ignore")


@dataclass(frozen=True, slots=True)
class Field:
    """A number that can be set, with its range."""

    name: str
    low: float
    high: float
    default: float


def fields_of(model: type[BaseModel]) -> list[Field]:
    """The numbers of a model with their ranges, in its order."""
    found = []
    for name, info in model.model_fields.items():
        low = next((float(m.ge) for m in info.metadata if isinstance(m, Ge)), None)  # type: ignore[arg-type]
        low = next((float(m.gt) for m in info.metadata if isinstance(m, Gt)), low)  # type: ignore[arg-type]
        high = next((float(m.le) for m in info.metadata if isinstance(m, Le)), None)  # type: ignore[arg-type]
        high = next((float(m.lt) for m in info.metadata if isinstance(m, Lt)), high)  # type: ignore[arg-type]
        if low is not None and high is not None:
            default = 0.0 if info.is_required() else float(info.default)
            found.append(Field(name, low, high, default))
    return found


@router.get("/settings", response_class=HTMLResponse)
def page(
    request: Request,
    actor: Annotated[Actor, Depends(needs(Right.CONFIGURE))],
    lang: Lang = None,
    elevator: Annotated[str, Query(pattern=r"^([a-z0-9][a-z0-9_-]{0,39})?$")] = "",
) -> HTMLResponse:
    """The settings of one elevator, and those of all."""
    parts = parts_of(request)
    now = now_of(parts)
    body = settings_body(parts, now)
    chosen = next((e for e in body.elevators if e.id == elevator), body.elevators[0])
    more: dict[str, Any] = {
        "now": body,
        "chosen": chosen,
        "zone_kinds": ZONES,
        "hold_fields": fields_of(HoldSettings),
        "threshold_fields": fields_of(ThresholdsBody),
        "history": overlay.history(now.settings.data_dir),
        "may_manage": actor.may(Right.MANAGE_USERS),
    }
    return render(request, "settings.html", lang, more)
