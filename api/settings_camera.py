"""Settings of one elevator's camera: where its picture comes from, and what in it counts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.settings_table import Table
from vision.types import ZoneKind

Unit = Annotated[float, Field(ge=0, le=1)]


class CameraSettings(Table):
    """Where the picture comes from and when a silent camera counts as lost."""

    source: str = Field(
        "sample",
        min_length=1,
        max_length=2000,
        description="`sample`, rtsp://user:password@host/path, a USB camera number, a video file or a folder",
    )
    rtsp_transport: Literal["tcp", "udp"] = Field(
        "tcp", description="Transport for RTSP; TCP survives lossy networks"
    )
    open_timeout_s: float = Field(
        5.0, ge=0.5, le=60, description="Give up opening after this many seconds, then retry"
    )
    stall_timeout_s: float = Field(
        5.0, ge=0.5, le=60, description="No frame for this many seconds: reconnect"
    )
    skip_frames: Literal["auto", "never"] = Field(
        "auto",
        description="auto: while the box cannot keep up, pictures that no other is built on (B-frames, upper "
        "SVC layers) are not decoded; never: all are",
    )
    loop: bool | None = Field(
        None, description="Play a file or folder again and again. None: only the bundled sample"
    )
    tamper: bool | Literal["auto"] = Field(
        "auto",
        description="Report a covered, turned, frozen or dark camera. auto: cameras, not recordings",
    )
    folder_fps: float = Field(
        10.0, gt=0, le=60, description="Pictures per second when the source is a folder"
    )
    masks: tuple[Annotated[tuple[tuple[Unit, Unit], ...], Field(min_length=3, max_length=64)], ...] = Field(
        (),
        max_length=16,
        description="Polygons, in shares of width and height (0 to 1), blacked out before anything is "
        "detected, shown or stored",
    )


class ZoneSettings(Table):
    """A polygon in the picture, in shares of its width and height (0 to 1)."""

    kind: ZoneKind = Field(
        description="cabin and doorway hold the door; landing only reports; ignore is not looked at"
    )
    polygon: tuple[tuple[Unit, Unit], ...] = Field(min_length=3, max_length=64)
