"""``/devices``: cameras, relays, inputs, disk, model and versions; what needs attention comes first."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from api.accounts.who import Actor, Right, needs
from api.live import ElevatorState
from api.pages.devices_kept import kept
from api.pages.shell import Lang, render
from api.routes_health import reasons
from api.settings import ElevatorSettings
from api.web_parts import Parts, parts_of
from api.wiring import relay_is_simulated, relay_name
from vision.errors import ConfigError

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk that events and clips are on, bytes."""

    folder: str
    total: int
    free: int

    @property
    def used_share(self) -> float:
        """In [0, 1]."""
        return 1 - self.free / self.total if self.total else 1.0


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the settings say of an elevator's wires, for a person."""

    relay: str  # empty: a simulated elevator
    inputs: tuple[tuple[str, int], ...]  # name, GPIO
    watchdog_pin: int | None
    beacon_pin: int | None


@router.get("/devices", response_class=HTMLResponse)
def page(
    request: Request, actor: Annotated[Actor, Depends(needs(Right.SEE_LIVE))], lang: Lang = None
) -> HTMLResponse:
    """Everything that is plugged in, and how it is."""
    parts = parts_of(request)
    return render(request, "devices.html", lang, devices(parts, actor) | kept(parts, actor))


@router.get("/fragments/devices", response_class=HTMLResponse)
def fragment(
    request: Request, actor: Annotated[Actor, Depends(needs(Right.SEE_LIVE))], lang: Lang = None
) -> HTMLResponse:
    """The same without what is around it: the page fetches it again while it is open."""
    return render(request, "devices_now.html", lang, devices(parts_of(request), actor))


def devices(parts: Parts, actor: Actor) -> dict[str, Any]:
    """What the page shows of the elevators that this actor may see."""
    state = parts.link.state()
    seen = [] if state is None else [e for e in state.elevators if actor.may(Right.SEE_LIVE, e.id)]
    troubles = [
        r for r in reasons(parts, state) if r.elevator_id is None or actor.may(Right.SEE_LIVE, r.elevator_id)
    ]
    worried = {r.elevator_id for r in troubles}
    return {
        "troubles": troubles,
        "elevators": sorted(seen, key=lambda e: (e.id not in worried, e.id)),
        "wiring": _wiring(parts, seen),
        "disk": disk(parts),
        "worried": worried,
    }


def _wiring(parts: Parts, seen: list[ElevatorState]) -> dict[str, Wiring]:
    if parts.settings is None:
        return {}
    ids = {e.id for e in seen}
    return {e.id: wiring(e) for e in parts.settings.elevators if e.id in ids}


def wiring(elevator: ElevatorSettings) -> Wiring:
    """The wires of one elevator; never raises for settings that guard would refuse."""
    try:
        relay = "" if relay_is_simulated(elevator) else relay_name(elevator)
    except ConfigError as exc:
        relay = str(exc)
    return Wiring(
        relay, tuple(elevator.inputs.wired.items()), elevator.relay.watchdog_pin, elevator.voice.beacon_pin
    )


def disk(parts: Parts) -> Disk | None:
    """The disk of the data folder; None if it is not known."""
    if parts.settings is None:
        return None
    try:
        usage = shutil.disk_usage(parts.settings.data_dir)
    except OSError:
        return None
    return Disk(str(parts.settings.data_dir), usage.total, usage.free)
