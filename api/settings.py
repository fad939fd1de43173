"""One frozen tree of settings: every key, its default, its range and its unit. `api.load` reads it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, field_validator, model_validator

from api.settings_camera import CameraSettings, ZoneSettings
from api.settings_hold import HoldSettings, ScheduleSettings, VoiceSettings
from api.settings_notices import MqttSettings, WebhookSettings
from api.settings_table import Table
from api.settings_web import WebSettings
from api.settings_wiring import InputSettings, RelaySettings

_ID: Final = re.compile(r"^[a-z0-9][a-z0-9_-]{0,39}$")


class ElevatorSettings(Table):
    """One elevator: its camera, its relay and its rules."""

    id: str = Field("car-1", description="Short name for addresses and logs: a-z, 0-9, - and _")
    name: str = Field("Elevator 1", min_length=1, max_length=80, description="What people call it")
    estate: str = Field(
        "", max_length=80, description="What it belongs to, such as a housing estate; roles may be for one"
    )
    kind: Literal["A", "B"] = Field(
        "B", description="A: alarm only, the relay never closes; B: alarm and door hold"
    )
    camera: CameraSettings = CameraSettings()
    zones: tuple[ZoneSettings, ...] = Field(
        (), max_length=16, description="Empty: the whole picture is the cabin"
    )
    relay: RelaySettings = RelaySettings()
    inputs: InputSettings = InputSettings()
    hold: HoldSettings = HoldSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    voice: VoiceSettings = VoiceSettings()

    @field_validator("id")
    @classmethod
    def _short_name(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise ValueError("use 1 to 40 of a-z, 0-9, '-' and '_', beginning with a letter or digit")
        return value


class DetectorSettings(Table):
    """Which model runs and how ONNX Runtime runs it."""

    model: str | None = Field(None, description="Name in the manifest; None: its default model")
    manifest: Path | None = Field(None, description="Another manifest.toml; None: the shipped one")
    providers: tuple[str, ...] = Field(
        ("CPUExecutionProvider",), min_length=1, description="ONNX Runtime providers, best first"
    )
    threads: int = Field(
        2, ge=1, le=64, description="Threads inside one inference; fewer where elevators share the cores"
    )
    spinning: bool = Field(
        False, description="Busy-wait for work: faster on idle cores, much slower on shared ones, and warm"
    )
    pin_threads: bool = Field(
        True,
        description="Keep each helper thread on a CPU of its own: up to a third less time (Linux)",
    )


class VisionSettings(Table):
    """What blocks, and whether a still car may skip inference."""

    blocked_classes: tuple[Literal["e_bike", "bicycle", "kick_scooter"], ...] = Field(
        ("e_bike",),
        min_length=1,
        description="Classes that hold the door. Strollers, wheelchairs and people never do",
    )
    motion_gate: bool = Field(True, description="Skip inference while an empty car is still")
    ignore_fixtures: bool = Field(
        True,
        description="What is taken for a vehicle for ten minutes (twice `hold.cap_s` if that is more) and "
        "has not changed meanwhile, such as a poster, is reported and no longer holds the door",
    )
    confirm_prob: float = Field(
        0.9, ge=0.5, le=0.9999, description="Score of the vote at which a hold begins"
    )
    confirm_min_s: float = Field(
        0.3, ge=0, le=3, description="The class must have led for this long before a hold begins"
    )
    confirm_hits: int = Field(
        3, ge=1, le=30, description="… and have been detected in so many pictures meanwhile"
    )


class EvidenceSettings(Table):
    """Clips and pictures of events. docs/evidence.md says what becomes of them."""

    enabled: bool = Field(True, description="false: events are kept without clips and pictures")
    pre_s: float = Field(5.0, ge=0, le=30, description="A clip begins this long before its event")
    post_s: float = Field(
        10.0, ge=0, le=60, description="It ends this long after the vehicle was last seen, or with the event"
    )
    segment_s: float = Field(
        60.0, ge=10, le=600, description="A longer clip goes on in a further file after this many seconds"
    )
    max_s: float = Field(
        600.0, ge=30, le=7200, description="Longest clip of one event; an e-bike may stay parked for hours"
    )
    ring_max_mb: int = Field(
        32, ge=4, le=512, description="Memory per camera for what came before an event, in MiB"
    )
    keep_days: int = Field(
        30, ge=1, le=3650, description="Older evidence is deleted, unless its event is locked"
    )
    elevator_max_gib: float | None = Field(
        None,
        ge=0.01,
        le=100_000,
        description="Room for one elevator's evidence, in GiB; None: no limit of its own",
    )
    box_max_gib: float | None = Field(
        None,
        ge=0.01,
        le=100_000,
        description="Room for all evidence of this box, in GiB; None: the whole disk",
    )
    min_free_gib: float = Field(
        1.0, ge=0, le=100_000, description="Free space to keep on the disk; the oldest evidence goes for it"
    )
    sweep_s: float = Field(
        60.0, ge=1, le=86_400, description="How often guard looks whether something must go"
    )


class StoreSettings(Table):
    """Where events are kept."""

    url: str | None = Field(None, description="SQLAlchemy URL; None: SQLite at <data_dir>/liftguard.db")


class Settings(Table):
    """The whole tree. Defaults run the bundled demo."""

    data: Path = Field(
        Path("../shared/data"), description="A local data folder with pictures for evaluation; may be absent"
    )
    data_dir: Path = Field(Path("var"), description="Where the database and the link sockets live")
    runtime_dir: Path | None = Field(
        None,
        description="Where the sockets between guard and web live; None: in data_dir while it can be written",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    elevators: tuple[ElevatorSettings, ...] = Field((ElevatorSettings(),), min_length=1, max_length=16)
    detector: DetectorSettings = DetectorSettings()
    vision: VisionSettings = VisionSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    store: StoreSettings = StoreSettings()
    web: WebSettings = WebSettings()
    webhooks: WebhookSettings = WebhookSettings()
    mqtt: MqttSettings = MqttSettings()

    @model_validator(mode="after")
    def _unique_ids(self) -> Settings:
        ids = [e.id for e in self.elevators]
        if len(set(ids)) != len(ids):
            raise ValueError(f"elevator ids must differ; got {', '.join(ids)}")
        return self

    @model_validator(mode="after")
    def _each_wire_once(self) -> Settings:
        users: dict[str, str] = {}
        for elevator in self.elevators:
            relay = f"{elevator.id}: relay"
            uses = [
                (f"GPIO {pin}", f"{elevator.id}: {name} input")
                for name, pin in (elevator.inputs.wired | elevator.inputs.door_wired).items()
            ]
            if elevator.relay.pin is not None:
                uses.insert(0, (f"GPIO {elevator.relay.pin}", relay))
            if elevator.relay.watchdog_pin is not None:
                uses.append((f"GPIO {elevator.relay.watchdog_pin}", f"{elevator.id}: watchdog"))
            if elevator.voice.beacon_pin is not None:
                uses.append((f"GPIO {elevator.voice.beacon_pin}", f"{elevator.id}: beacon"))
            if elevator.relay.wire is not None:
                uses.append((elevator.relay.wire, relay))
            for wire, user in uses:
                if wire in users:
                    raise ValueError(f"{wire} is used twice, by {users[wire]} and {user}; give each its own")
                users[wire] = user
        return self

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.store.url or f"sqlite:///{(self.data_dir / 'liftguard.db').resolve()}"

    @property
    def evidence_dir(self) -> Path:
        """Where clips and pictures of events lie, a folder for each elevator."""
        return self.data_dir / "evidence"

    @property
    def camera_pictures_dir(self) -> Path:
        """Where pictures of camera troubles lie."""
        return self.data_dir / "camera-troubles"

    @property
    def fixtures_dir(self) -> Path:
        """What of each car is known to be taken for a vehicle, so that a restart does not forget it."""
        return self.data_dir / "fixtures"

    @property
    def run_dir(self) -> Path:
        """Where the sockets between guard and web live."""
        return self.runtime_dir or self.data_dir / "run"
