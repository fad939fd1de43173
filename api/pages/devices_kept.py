"""What the devices page shows of what is stored: camera troubles of late, the room that evidence takes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from api.accounts.who import Actor, Right
from api.cameras.records import CameraTrouble
from api.pages.event_view import sees_originals
from api.routes_storage import StorageBody, storage_of
from api.web_parts import Parts
from vision.errors import StorageError

log = logging.getLogger(__name__)

SHOWN: Final = 8
"""Camera troubles on the page; the API pages through all of them."""


@dataclass(frozen=True, slots=True)
class SeenTrouble:
    """A trouble as somebody sees it."""

    trouble: CameraTrouble
    picture: str | None  # address; None: there is none, or not for them

    @property
    def lasted_s(self) -> float | None:
        """None: it goes on."""
        ended = self.trouble.ended_at
        return None if ended is None else (ended - self.trouble.began_at).total_seconds()


def kept(parts: Parts, actor: Actor) -> dict[str, Any]:
    """For the template. Nothing of it while the store fails: the rest of the page says so."""
    nothing: dict[str, Any] = {"camera_troubles": (), "storage": None, "file_troubles": 0}
    if not actor.may(Right.SEE_EVENTS):
        return nothing
    try:
        return _kept(parts, actor)
    except StorageError as exc:
        log.warning("the devices page lacks what is stored: %s", exc)
        return nothing


def _kept(parts: Parts, actor: Actor) -> dict[str, Any]:
    found = parts.store.camera_troubles(SHOWN, None, within=actor.where(Right.SEE_EVENTS)).troubles
    storage = storage_of(parts, actor)
    return {
        "camera_troubles": [SeenTrouble(t, _picture(parts, actor, t)) for t in found],
        "storage": storage,
        "file_troubles": _bad_files(storage),
    }


def _picture(parts: Parts, actor: Actor, trouble: CameraTrouble) -> str | None:
    if trouble.picture is None or not actor.may(Right.SEE_EVIDENCE, trouble.elevator_id):
        return None
    original = sees_originals(parts, actor, trouble.elevator_id)
    if not original and not parts.evidence.can_blur:
        return None
    return f"/api/v1/camera-troubles/{trouble.id}/picture" + ("?original=true" if original else "")


def _bad_files(storage: StorageBody) -> int:
    return sum(storage.troubles.values())
