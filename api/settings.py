"""One frozen tree of settings: every key, its default, its range and its unit. `api.load` reads it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hardware.hold import HoldRules
from vision.types import ZoneKind

_ID: Final = re.compile(r"^[a-z0-9][a-z0-9_-]{0,39}$")
Unit = Annotated[float, Field(ge=0, le=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class CameraSettings(_Table):
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
    loop: bool = Field(True, description="Play a file or folder again and again (ignored for live cameras)")
    folder_fps: float = Field(
        10.0, gt=0, le=60, description="Pictures per second when the source is a folder"
    )


class ZoneSettings(_Table):
    """A polygon in the picture, in shares of its width and height (0 to 1)."""

    kind: ZoneKind = Field(
        description="cabin and doorway hold the door; landing only reports; ignore is not looked at"
    )
    polygon: tuple[tuple[Unit, Unit], ...] = Field(min_length=3, max_length=64)


class RelaySettings(_Table):
    """The contact across the door-open button."""

    driver: Literal["auto", "gpio", "simulated"] = Field(
        "auto",
        description="gpio: a pin of this machine; simulated: a mock pin with a simulated elevator behind it; "
        "auto: gpio where this machine has GPIO and `pin` is set, otherwise simulated",
    )
    pin: int | None = Field(None, ge=0, le=63, description="GPIO number (BCM). None: no pin is touched")
    active_high: bool = Field(True, description="True: the pin is high while the door is held")


class HoldSettings(_Table):
    """When the door is held and when it is let go. Ranges keep the elevator an elevator."""

    confirm_s: float = Field(
        1.0, ge=0.2, le=3, description="A pre-hold lets go if the vote has not confirmed by then"
    )
    release_s: float = Field(2.0, ge=0.5, le=2.3, description="Let go this long after the last sighting")
    pulse_s: float = Field(18.0, ge=1, le=20, description="Longest time the relay stays closed in a row")
    pause_s: float = Field(3.0, ge=1, le=30, description="Relay open between two pulses")
    cap_s: float = Field(120.0, ge=5, le=600, description="Longest hold of one event, pauses included")
    cooldown_s: float = Field(60.0, ge=5, le=3600, description="Never hold for this long after the cap")
    rejoin_s: float = Field(10.0, ge=0, le=120, description="Seen again within this time: the same event")
    stale_s: float = Field(
        1.0, ge=0.3, le=3, description="Nothing newer from the camera than this: blind, let go"
    )

    @model_validator(mode="after")
    def _limits_fit_together(self) -> HoldSettings:
        HoldRules(**self.model_dump())  # its ConfigError is a ValueError: it names the key and the range
        return self


class ElevatorSettings(_Table):
    """One elevator: its camera, its relay and its rules."""

    id: str = Field("car-1", description="Short name for addresses and logs: a-z, 0-9, - and _")
    name: str = Field("Elevator 1", min_length=1, max_length=80, description="What people call it")
    kind: Literal["A", "B"] = Field(
        "B", description="A: alarm only, the relay never closes; B: alarm and door hold"
    )
    camera: CameraSettings = CameraSettings()
    zones: tuple[ZoneSettings, ...] = Field(
        (), max_length=16, description="Empty: the whole picture is the cabin"
    )
    relay: RelaySettings = RelaySettings()
    hold: HoldSettings = HoldSettings()

    @field_validator("id")
    @classmethod
    def _short_name(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise ValueError("use 1 to 40 of a-z, 0-9, '-' and '_', beginning with a letter or digit")
        return value


class DetectorSettings(_Table):
    """Which model runs and how ONNX Runtime runs it."""

    model: str | None = Field(None, description="Name in the manifest; None: its default model")
    manifest: Path | None = Field(None, description="Another manifest.toml; None: the shipped one")
    providers: tuple[str, ...] = Field(
        ("CPUExecutionProvider",), min_length=1, description="ONNX Runtime providers, best first"
    )
    threads: int = Field(2, ge=1, le=64, description="Threads inside one inference")
    spinning: bool = Field(
        False, description="Busy-wait between inferences: faster by a little, warms the box a lot"
    )


class VisionSettings(_Table):
    """What blocks, and whether a still car may skip inference."""

    blocked_classes: tuple[Literal["e_bike", "bicycle", "kick_scooter"], ...] = Field(
        ("e_bike",),
        min_length=1,
        description="Classes that hold the door. Strollers, wheelchairs and people never do",
    )
    motion_gate: bool = Field(True, description="Skip inference while an empty car is still")


class StoreSettings(_Table):
    """Where events are kept."""

    url: str | None = Field(None, description="SQLAlchemy URL; None: SQLite at <data_dir>/liftguard.db")


class WebSettings(_Table):
    """The page and the API."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Anything but loopback needs trusted_network"
    )
    port: int = Field(8080, ge=1, le=65535, description="TCP port")
    allowed_hosts: tuple[str, ...] = Field(
        ("127.0.0.1", "localhost", "[::1]"),
        min_length=1,
        description="Host names that browsers may use for this page",
    )
    trusted_network: bool = Field(
        False,
        description="There is no sign-in yet: only where everyone on the network may see the cameras",
    )

    @model_validator(mode="after")
    def _no_open_door(self) -> WebSettings:
        if self.host not in {"127.0.0.1", "::1", "localhost"} and not self.trusted_network:
            raise ValueError(
                f"host {self.host!r} would show the cameras to the network without sign-in; "
                "keep 127.0.0.1 behind a proxy that asks for a password, or set web.trusted_network = true"
            )
        return self


class Settings(_Table):
    """The whole tree. Defaults run the bundled demo."""

    data: Path = Field(
        Path("../shared/data"), description="A local data folder with pictures for evaluation; may be absent"
    )
    data_dir: Path = Field(Path("var"), description="Where the database and the link sockets live")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    elevators: tuple[ElevatorSettings, ...] = Field((ElevatorSettings(),), min_length=1, max_length=16)
    detector: DetectorSettings = DetectorSettings()
    vision: VisionSettings = VisionSettings()
    store: StoreSettings = StoreSettings()
    web: WebSettings = WebSettings()

    @model_validator(mode="after")
    def _unique_ids(self) -> Settings:
        ids = [e.id for e in self.elevators]
        pins = [e.relay.pin for e in self.elevators if e.relay.pin is not None]
        if len(set(ids)) != len(ids):
            raise ValueError(f"elevator ids must differ; got {', '.join(ids)}")
        if len(set(pins)) != len(pins):
            raise ValueError(f"two elevators use one relay pin; got pins {', '.join(map(str, pins))}")
        return self

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.store.url or f"sqlite:///{(self.data_dir / 'liftguard.db').resolve()}"

    @property
    def run_dir(self) -> Path:
        """Where the sockets between guard and web live."""
        return self.data_dir / "run"
