"""What was set on the page: zones, limits, schedules. Below the environment, above the settings file.

It lies in ``<data_dir>/settings.d/page.json``, checked by the same models as the settings themselves, with
every earlier version beside it in ``history``. Guard reads it when it starts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.settings import Settings
from api.settings_camera import ZoneSettings
from api.settings_hold import HoldSettings, ScheduleSettings
from api.whole_file import write_whole
from vision.errors import ConfigError, ConflictError, StorageError

FOLDER: Final = "settings.d"
FILE: Final = "page.json"
HISTORY_SHOWN: Final = 20
MAX_BYTES: Final = 1_000_000  # 16 elevators with 16 zones of 64 points each have about half of it


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ElevatorChange(_Part):
    """What is set for one elevator. None: as the settings file has it."""

    zones: tuple[ZoneSettings, ...] | None = Field(
        None, max_length=16, description="Empty: the whole picture is the cabin"
    )
    hold: HoldSettings | None = None
    schedule: ScheduleSettings | None = None


class VisionChange(_Part):
    """When seeing becomes believing, for all elevators. None: as the settings file has it."""

    confirm_prob: float | None = Field(None, ge=0.5, le=0.9999, description="Score at which a hold begins")
    confirm_min_s: float | None = Field(
        None, ge=0, le=3, description="… once the class has led for this long"
    )
    confirm_hits: int | None = Field(None, ge=1, le=30, description="… and was detected in so many pictures")


class Changes(_Part):
    """Everything that is set on the page."""

    elevators: dict[str, ElevatorChange] = Field(default={}, max_length=16)
    vision: VisionChange = VisionChange()

    def with_(self, more: Changes) -> Changes:
        """This, and ``more`` above it. What is None in ``more`` stays as it is here."""
        elevators = dict(self.elevators)
        for id_, change in more.elevators.items():
            old = elevators.get(id_, ElevatorChange())
            elevators[id_] = old.model_copy(update=_given(change))
        return Changes(elevators=elevators, vision=self.vision.model_copy(update=_given(more.vision)))


def _given(part: BaseModel) -> dict[str, Any]:
    return {name: value for name in type(part).model_fields if (value := getattr(part, name)) is not None}


class Kept(_Part):
    """The file: what is set, which version it is, who set it and when."""

    version: int = Field(ge=0)
    at: datetime
    by: str = Field(max_length=200)
    changes: Changes


def read(data_dir: Path) -> Kept | None:
    """What is kept, None if nothing ever was. Raises: ConfigError naming the file."""
    path = data_dir / FOLDER / FILE
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        return Kept.model_validate_json(text)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigError(f"the settings of the page, {path}, cannot be read: {exc}") from exc
    except ValidationError as exc:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()[:5])
        raise ConfigError(
            f"the settings of the page, {path}, are wrong: {what}; take an earlier version from "
            f"{path.parent / 'history'}, or remove the file"
        ) from exc


def history(data_dir: Path) -> tuple[Kept, ...]:
    """The latest versions, newest first. What cannot be read is left out."""
    found = []
    for path in sorted((data_dir / FOLDER / "history").glob("[0-9]*.json"), reverse=True)[:HISTORY_SHOWN]:
        try:
            found.append(Kept.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            continue
    return tuple(found)


def write(data_dir: Path, kept: Kept, *, before: int) -> None:
    """Keep a version, durably.

    Raises: ConflictError if ``before`` is not the version that there is; StorageError.
    """
    folder = data_dir / FOLDER
    now = read(data_dir)
    if (now.version if now else 0) != before:
        by = now.by if now else "somebody"
        raise ConflictError(f"{by} changed the settings meanwhile; look at them again before changing more")
    text = kept.model_dump_json(indent=1, exclude_none=True) + "\n"
    try:
        (folder / "history").mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (folder / "history" / f"{kept.version:06d}.json", folder / FILE):
            write_whole(path, text.encode())
    except OSError as exc:
        raise StorageError(f"the settings could not be kept in {folder}: {exc}; is the disk full?") from exc


def lay_over(tree: dict[str, Any], changes: Changes, ids: Mapping[str, int]) -> None:
    """Put the changes into a raw tree of settings. ids: place in the list of each elevator that there is.

    A change for an elevator that is not there any more is kept and does nothing.
    """
    elevators: Any = tree.setdefault("elevators", [])
    for id_, change in changes.elevators.items():
        place = ids.get(id_)
        if place is None or not isinstance(elevators, list):
            continue
        while len(elevators) <= place:
            elevators.append({})
        for name, value in _given(change).items():
            elevators[place][name] = _plain(value)
    if not elevators:
        del tree["elevators"]
    if given := _given(changes.vision):
        tree["vision"] = dict(tree.get("vision", {})) | given


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return json.loads(value.model_dump_json()) if isinstance(value, BaseModel) else value


def applied(settings: Settings, changes: Changes) -> Settings:
    """The settings as they would be with these changes. Raises: ValidationError."""
    tree = settings.model_dump()
    tree["elevators"] = list(tree["elevators"])
    lay_over(tree, changes, {e.id: n for n, e in enumerate(settings.elevators)})
    return Settings.model_validate(tree)
