"""One frozen tree of settings: every key, its default, its range and its unit. `api.load` reads it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from api.settings_notices import MqttSettings, WebhookSettings
from api.settings_table import Table as _Table
from api.settings_web import WebSettings
from hardware.door_contacts import FloorCode
from hardware.hold import HoldRules
from hardware.prompts import Language, QuietHours
from hardware.schedule import Schedule
from hardware.voice import PlayerName
from vision.types import ZoneKind

_ID: Final = re.compile(r"^[a-z0-9][a-z0-9_-]{0,39}$")
Unit = Annotated[float, Field(ge=0, le=1)]


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


class ZoneSettings(_Table):
    """A polygon in the picture, in shares of its width and height (0 to 1)."""

    kind: ZoneKind = Field(
        description="cabin and doorway hold the door; landing only reports; ignore is not looked at"
    )
    polygon: tuple[tuple[Unit, Unit], ...] = Field(min_length=3, max_length=64)


class RelaySettings(_Table):
    """The contact across the door-open button. docs/relays.md says which driver fits which board."""

    driver: Literal["auto", "gpio", "simulated", "modbus-tcp", "modbus-rtu", "serial"] = Field(
        "auto",
        description="gpio: a pin of this machine; modbus-tcp, modbus-rtu, serial: a relay board; "
        "simulated: a mock pin with a simulated elevator behind it; "
        "auto: gpio where this machine has GPIO and `pin` is set, otherwise simulated",
    )
    pin: int | None = Field(None, ge=0, le=63, description="GPIO number (BCM). None: no pin is touched")
    active_high: bool = Field(True, description="True: the pin is high while the door is held")
    watchdog_pin: int | None = Field(
        None,
        ge=0,
        le=63,
        description="GPIO number (BCM) that feeds the charge pump: one edge per good tick",
    )
    host: str | None = Field(
        None, min_length=1, max_length=255, description="modbus-tcp: address of the board"
    )
    port: int = Field(502, ge=1, le=65535, description="modbus-tcp: TCP port of the board")
    device: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="modbus-rtu, serial: serial port, best by its lasting name under /dev/serial/by-id",
    )
    baud_rate: int = Field(9600, ge=1200, le=1_000_000, description="modbus-rtu, serial: bits per second")
    parity: Literal["N", "E", "O"] = Field("N", description="modbus-rtu: none, even or odd")
    unit: int = Field(1, ge=1, le=255, description="modbus-tcp, modbus-rtu: unit (slave) number")
    coil: int = Field(0, ge=0, le=65535, description="modbus-tcp, modbus-rtu: coil number, from 0")
    channel: int = Field(1, ge=1, le=16, description="serial: relay on the board, from 1")
    read_back: bool = Field(
        True, description="serial: ask the board what it did. False only for boards that cannot answer"
    )
    timeout_s: float = Field(
        0.2, ge=0.05, le=0.5, description="modbus-tcp, modbus-rtu, serial: longest wait for one answer"
    )

    @model_validator(mode="after")
    def _keys_fit_the_driver(self) -> RelaySettings:
        needed, allowed = DRIVER_KEYS[self.driver]
        if needed and getattr(self, needed) is None and self.driver != "gpio":  # gpio: see api.wiring
            raise ValueError(f"driver {self.driver!r} needs {needed!r}; set it")
        known = {key for keys in DRIVER_KEYS.values() for key in keys[1]}
        strange = sorted(
            key
            for key in known - allowed
            if getattr(self, key) != type(self).model_fields[key].default  # a default is no wish
        )
        if strange:
            raise ValueError(
                f"driver {self.driver!r} does not use {', '.join(strange)}; "
                f"leave them out (it uses {', '.join(sorted(allowed))})"
            )
        return self

    @property
    def wire(self) -> str | None:
        """What this relay shares with no other: a serial port or a coil of a board. None for pins."""
        if self.driver == "modbus-tcp":
            return f"coil {self.coil} of unit {self.unit} at {self.host}:{self.port}"
        return self.device if self.driver in {"modbus-rtu", "serial"} else None


_PIN: Final = frozenset({"pin", "active_high"})
DRIVER_KEYS: Final[dict[str, tuple[str | None, frozenset[str]]]] = {
    "auto": (None, _PIN),
    "gpio": ("pin", _PIN),
    "simulated": (None, _PIN),
    "modbus-tcp": ("host", frozenset({"host", "port", "unit", "coil", "timeout_s"})),
    "modbus-rtu": ("device", frozenset({"device", "baud_rate", "parity", "unit", "coil", "timeout_s"})),
    "serial": ("device", frozenset({"device", "baud_rate", "channel", "read_back", "timeout_s"})),
}
"""Relay driver -> the key it cannot do without, and every key it uses."""


class InputSettings(_Table):
    """Contacts to ground. Those of fire service and keys are normally closed and inhibit the hold when they
    open; those of door and floor are shown and written down, and move nothing. docs/relays.md says more.
    """

    fire_pin: int | None = Field(None, ge=0, le=63, description="Fire service: GPIO (BCM). None: not wired")
    inspection_pin: int | None = Field(None, ge=0, le=63, description="Inspection key: GPIO (BCM), or None")
    maintenance_pin: int | None = Field(None, ge=0, le=63, description="Maintenance key: GPIO (BCM), or None")
    settle_s: float = Field(
        0.2, ge=0.05, le=5, description="A contact must be closed for this long to end its inhibit"
    )
    door_open_pin: int | None = Field(
        None, ge=0, le=63, description="Contact closed at the open limit of the door: GPIO (BCM), or None"
    )
    door_closed_pin: int | None = Field(
        None, ge=0, le=63, description="Contact closed at its closed limit; goes with door_open_pin"
    )
    floor_pins: tuple[Annotated[int, Field(ge=0, le=63)], ...] = Field(
        (),
        max_length=32,
        description="Floor contacts: GPIO (BCM), lowest floor or least significant bit first. Empty: none",
    )
    floor_code: FloorCode = Field(
        "each", description="each: one contact per floor; binary, bcd, gray: the number of the floor in code"
    )
    floors: tuple[Annotated[int, Field(ge=-99, le=999)], ...] = Field(
        (),
        max_length=256,
        description="Floor of each contact, or of each number from 0. Empty: 1, 2, 3…, or the number itself",
    )

    @model_validator(mode="after")
    def _door_and_floor_fit(self) -> InputSettings:
        if (self.door_open_pin is None) is not (self.door_closed_pin is None):
            raise ValueError("door_open_pin and door_closed_pin go together; set both or neither")
        if self.floor_code == "each" and self.floors and len(self.floors) != len(self.floor_pins):
            raise ValueError(
                f"floors names {len(self.floors)} floors for {len(self.floor_pins)} floor_pins; "
                "with floor_code 'each' name one per pin"
            )
        return self

    @property
    def wired(self) -> dict[str, int]:
        """The inhibiting inputs that are wired: name and pin."""
        pins = {"fire": self.fire_pin, "inspection": self.inspection_pin, "maintenance": self.maintenance_pin}
        return {name: pin for name, pin in pins.items() if pin is not None}

    @property
    def door_wired(self) -> dict[str, int]:
        """The door and floor contacts that are wired: name and pin."""
        pins = {"door-open": self.door_open_pin, "door-closed": self.door_closed_pin}
        pins |= {f"floor contact {number}": pin for number, pin in enumerate(self.floor_pins, 1)}
        return {name: pin for name, pin in pins.items() if pin is not None}


class HoldSettings(_Table):
    """When the door is held and when it is let go. Ranges keep the elevator an elevator."""

    confirm_s: float = Field(
        1.0, ge=0.2, le=3, description="A pre-hold lets go if the vote has not confirmed by then"
    )
    release_s: float = Field(2.0, ge=0.5, le=2.1, description="Let go this long after the last sighting")
    pulse_s: float = Field(18.0, ge=1, le=19, description="Longest time the relay stays closed in a row")
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


class ScheduleSettings(_Table):
    """When the door is not held, in local time. Nothing is said or stored then either."""

    off: tuple[str, ...] = Field(
        (),
        max_length=32,
        description="Times such as 'Mon-Fri 07:30-09:00', '22:00-06:00' or 'Sat,Sun'. Empty: always at work",
    )
    time_zone: str | None = Field(
        None, max_length=64, description="Such as Asia/Shanghai. None: the machine's own"
    )

    @model_validator(mode="after")
    def _understood(self) -> ScheduleSettings:
        Schedule.parse(self.off, self.time_zone)  # its ConfigError is a ValueError
        return self


class VoiceSettings(_Table):
    """The spoken prompt and the light, for as long as a confirmed e-bike is in the way."""

    enabled: bool | Literal["auto"] = Field(
        "auto", description="true, false, or auto: only where the relay is a real one. Kind A says true"
    )
    languages: tuple[Language, ...] = Field(
        ("zh", "en"), min_length=1, max_length=4, description="Shipped prompts, in the order they are spoken"
    )
    files: tuple[Path, ...] = Field(
        (), max_length=8, description="WAV files of your own (16 bit PCM, at most 60 s) in place of those"
    )
    interval_s: float = Field(15.0, ge=1, le=600, description="From the begin of one round to the next")
    volume_percent: int = Field(100, ge=0, le=100, description="Share of the file's own amplitude")
    quiet_hours: tuple[str, ...] = Field(
        (), max_length=8, description="Local times such as 22:00-07:00, with quiet_volume_percent"
    )
    quiet_volume_percent: int = Field(30, ge=0, le=100, description="Volume in quiet hours; 0: no prompt")
    player: PlayerName = Field("auto", description="auto: the first found of aplay, paplay and pw-play")
    device: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="The player's sound device; None: the machine's default",
    )
    beacon_pin: int | None = Field(
        None,
        ge=0,
        le=63,
        description="GPIO number (BCM) of a lamp or buzzer, high while the prompt is wanted",
    )
    beacon_in_quiet_hours: bool = Field(True, description="False: the beacon is off in quiet hours, too")

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            QuietHours.parse(text)  # its ConfigError is a ValueError
        return value

    @field_validator("device")
    @classmethod
    def _no_option(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("-"):
            raise ValueError(f"device {value!r} begins with '-': name a sound device, see `aplay -L`")
        return value


class ElevatorSettings(_Table):
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


class DetectorSettings(_Table):
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
    confirm_prob: float = Field(
        0.9, ge=0.5, le=0.9999, description="Score of the vote at which a hold begins"
    )
    confirm_min_s: float = Field(
        0.3, ge=0, le=3, description="The class must have led for this long before a hold begins"
    )
    confirm_hits: int = Field(
        3, ge=1, le=30, description="… and have been detected in so many pictures meanwhile"
    )


class EvidenceSettings(_Table):
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


class StoreSettings(_Table):
    """Where events are kept."""

    url: str | None = Field(None, description="SQLAlchemy URL; None: SQLite at <data_dir>/liftguard.db")


class Settings(_Table):
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
    def run_dir(self) -> Path:
        """Where the sockets between guard and web live."""
        return self.runtime_dir or self.data_dir / "run"
