"""Settings of one elevator's hold: how long the door is held, when it is not, what is said meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from api.settings_table import Table
from hardware.hold import HoldRules
from hardware.prompts import Language, QuietHours
from hardware.schedule import Schedule
from hardware.voice import PlayerName


class HoldSettings(Table):
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


class ScheduleSettings(Table):
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


class VoiceSettings(Table):
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
