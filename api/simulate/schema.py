"""What a scenario file may say. Strict: an unknown word, a wrong type and a contradiction are refused."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from api.settings import ElevatorSettings
from api.settings_hold import HoldSettings, ScheduleSettings
from hardware.hold import Phase
from hardware.rig.rules import ElevatorRules

Who = Literal["person", "e_bike", "wheelchair", "stroller", "bicycle", "kick_scooter"]
Wire = Literal["fire", "inspection", "maintenance"]
PINS: Final[dict[Wire, int]] = {"fire": 5, "inspection": 6, "maintenance": 13}
MAX_LENGTH_S: Final = 48 * 3600.0
_CLOCK: Final = re.compile(r"(?:(\d+):)?([0-5]?\d):([0-5]\d(?:\.\d+)?)")
_JUMP: Final = re.compile(r"([+-])(\d+(?:\.\d+)?)\s*(s|min|h|d)")
_UNIT_S: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _seconds(value: object) -> object:
    """``90``, ``1:30``, ``1:05:00``."""
    if isinstance(value, str):
        found = _CLOCK.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"{value!r} is no time: use seconds, 'minutes:seconds' or 'h:mm:ss'")
        hours, minutes, seconds = found.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no time: use seconds, 'minutes:seconds' or 'h:mm:ss'")  # noqa: TRY004
    return value


def _jump(value: object) -> object:
    found = _JUMP.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is no jump of the clock: write '+1 h', '-1 d', '+90 s' or '-5 min'")
    sign, number, unit = found.groups()
    return float(f"{sign}{number}") * _UNIT_S[unit]


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=MAX_LENGTH_S)]
Jump = Annotated[float, BeforeValidator(_jump)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Enters(_Part):
    """Somebody comes to the elevator, waits for its door, and goes in."""

    who: Who
    name: str = Field("", max_length=40, description="For `leaves`; default: the class and a number")
    floor: int | None = Field(None, description="Where they wait; None: where the car stands at first")
    to: int | None = Field(None, description="The floor they press in the car, and leave at")
    stays: Seconds | None = Field(None, description="Seconds inside before they go out at the next chance")
    obeys: Seconds | None = Field(None, description="Goes out after this many seconds of the voice prompt")
    blocks: bool = Field(False, description="Stops in the doorway instead of going in")
    looks: dict[Who, Annotated[float, Field(ge=0, le=1)]] | None = Field(
        None, description="What the detector sees in them: class and confidence. None: what they are, at 0.85"
    )


class Release(_Part):
    """A manager lets the door go."""

    by: str = "manager"
    reason: str = "let go"


class Happening(_Part):
    """One thing that happens at a time: exactly one of the keys besides `at`."""

    at: Seconds
    enters: Enters | None = None
    leaves: str | None = Field(None, description="The name of somebody who now wants to go out")
    call: int | None = Field(None, description="A landing button is pressed at this floor")
    door_button: Seconds | None = Field(None, description="Somebody presses door-open for so long")
    obstacle: Seconds | None = Field(None, description="Something stands in the doorway for so long")
    fire: bool | None = Field(None, description="Fire recall of the building, and the input if it is wired")
    inspection: bool | None = None
    maintenance: bool | None = None
    cut_wire: Wire | None = Field(None, description="The wire of an input breaks; nothing else happens")
    mend_wire: Wire | None = None
    camera: Literal["live", "lost", "frozen"] | None = None
    power: bool | None = Field(None, description="The box's own power; the elevator keeps its own")
    guard: Literal["killed", "stopped"] | None = Field(
        None, description="It is started again after `box.restart_s`"
    )
    clock: Jump | None = Field(None, description="The wall clock jumps: '+1 h', '-1 d'")
    release: Release | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Happening:
        said = sorted(self.model_fields_set - {"at"})
        if len(said) != 1 or getattr(self, said[0]) is None:
            known = ", ".join(name for name in type(self).model_fields if name != "at")
            raise ValueError(f"say one thing per happening, got {', '.join(said) or 'none'}; one of {known}")
        return self

    @property
    def what(self) -> str:
        """Which key it is."""
        return next(iter(self.model_fields_set - {"at"}))


Positions = Annotated[
    tuple[Literal["open", "opening", "closing", "closed", "protective_stop"], ...], BeforeValidator(_tuple)
]
Phases = Annotated[tuple[str, ...], BeforeValidator(_tuple)]


class Check(_Part):
    """What must be so at a moment (`at`), or `from` one moment `to` another: always, once or never."""

    at: Seconds | None = None
    from_s: Seconds | None = Field(None, alias="from")
    to: Seconds | None = None
    how: Literal["always", "once", "never"] = "always"
    phase: Phases | None = None
    relay: Literal["held", "released"] | None = None
    door: Positions | None = None
    floor: int | None = None
    inhibit: str | None = None
    voice: bool | None = None
    recalled: bool | None = Field(None, description="It stands open at the recall floor, fire recall on")

    @field_validator("phase")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if name not in (*Phase, "off"):
                raise ValueError(
                    f"no phase {name!r}: use {', '.join(Phase)}, or off while guard does not run"
                )
        return value

    @model_validator(mode="after")
    def _when_and_what(self) -> Check:
        moment, span = self.at is not None, self.from_s is not None and self.to is not None
        if moment is span or (moment and (self.from_s is not None or self.to is not None)):
            raise ValueError("say when: either `at`, or `from` and `to`")
        if self.from_s is not None and self.to is not None and self.to <= self.from_s:
            raise ValueError(f"`to` ({self.to:g} s) must come after `from` ({self.from_s:g} s)")
        if not self.asked:
            raise ValueError("say what is expected: phase, relay, door, floor, inhibit, voice or recalled")
        return self

    @property
    def asked(self) -> dict[str, Any]:
        """The conditions that are asked for."""
        names = ("phase", "relay", "door", "floor", "inhibit", "voice", "recalled")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class Count(_Part):
    """How many."""

    at_least: int = Field(0, ge=0)
    at_most: int | None = Field(None, ge=0)


def _count(value: object) -> object:
    return {"at_least": value, "at_most": value} if type(value) is int else value


Counted = Annotated[Count, BeforeValidator(_count)]


class Expect(_Part):
    """What the scenario must come to, besides the promises that always hold."""

    events: Counted | None = None
    outcomes: Annotated[tuple[str, ...], BeforeValidator(_tuple)] | None = None
    false_pre_holds: Counted | None = None
    protective_stops: Counted | None = None
    breaks: Annotated[tuple[str, ...], BeforeValidator(_tuple)] = Field(
        (), description="Promises that this scenario is there to break, such as without a charge pump"
    )
    checks: Annotated[tuple[Check, ...], BeforeValidator(_tuple)] = ()


class Box(_Part):
    """How the Liftguard box is set up."""

    kind: Literal["A", "B"] = "B"
    hold: dict[str, Any] = Field(default_factory=dict)
    schedule: dict[str, Any] = Field(default_factory=dict)
    wired: Annotated[tuple[Wire, ...], BeforeValidator(_tuple)] = ("fire", "inspection", "maintenance")
    charge_pump: bool = Field(True, description="The relay drops out when the watchdog output stands still")
    restart_s: Seconds = Field(5.0, description="From the end of guard until it runs again")
    boot_s: Seconds = Field(30.0, description="From power until guard runs")

    @model_validator(mode="after")
    def _as_settings(self) -> Box:
        self.settings()
        return self

    def settings(self) -> ElevatorSettings:
        """The settings of the elevator."""
        return ElevatorSettings.model_validate(
            {
                "kind": self.kind,
                "hold": HoldSettings.model_validate(self.hold),
                "schedule": ScheduleSettings.model_validate(self.schedule),
                "inputs": {f"{wire}_pin": PINS[wire] for wire in self.wired},
                "zones": ZONES,
                "relay": {"driver": "simulated"},
            }
        )


ZONES: Final = (
    {"kind": "cabin", "polygon": ((0, 0), (0.72, 0), (0.72, 1), (0, 1))},
    {"kind": "doorway", "polygon": ((0.72, 0), (0.86, 0), (0.86, 1), (0.72, 1))},
    {"kind": "landing", "polygon": ((0.86, 0), (1, 0), (1, 1), (0.86, 1))},
)
"""Of the drawn picture (`api.simulate.camera`): the car on the left, its door on the right."""


class Scenario(_Part):
    """One file."""

    name: str = Field(min_length=1, max_length=80)
    about: str = Field(min_length=1, max_length=1000)
    start: datetime = Field(description="Local time at which it begins")
    time_zone: str = "Asia/Shanghai"
    length: Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=MAX_LENGTH_S)]
    elevator: dict[str, Any] = Field(
        default_factory=dict, description="Fields of hardware.rig.rules.ElevatorRules"
    )
    box: Box = Box()
    happenings: Annotated[tuple[Happening, ...], BeforeValidator(_tuple)] = ()
    expect: Expect = Expect()

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
            raise ValueError(f"no time zone {value!r}: use a name such as Asia/Shanghai") from exc
        return value

    @field_validator("start")
    @classmethod
    def _local(cls, value: datetime) -> datetime:
        if value.tzinfo is not None:
            raise ValueError("start is local time: leave the zone out and set time_zone")
        return value

    @field_validator("elevator")
    @classmethod
    def _rules_are_known(cls, value: dict[str, Any]) -> dict[str, Any]:
        known = {field.name for field in fields(ElevatorRules)}
        strange = sorted(value.keys() - known)
        if strange:
            raise ValueError(f"no such key: {', '.join(strange)}; use {', '.join(sorted(known))}")
        _rules(value)
        return value

    @model_validator(mode="after")
    def _fits(self) -> Scenario:
        rules, names = self.rules(), set[str]()
        for number, happening in enumerate(self.happenings, 1):
            if happening.at > self.length:
                raise ValueError(
                    f"happening {number} comes at {happening.at:g} s, after the end at {self.length:g} s"
                )
            if happening.enters is not None and happening.enters.name:
                if happening.enters.name in names:
                    raise ValueError(f"two are called {happening.enters.name!r}: give each its own name")
                names.add(happening.enters.name)
            floors = [happening.call]
            if happening.enters is not None:
                floors += [happening.enters.floor, happening.enters.to]
            for floor in floors:
                if floor is not None and not rules.lowest <= floor <= rules.highest:
                    raise ValueError(
                        f"happening {number} is at floor {floor}: this house has {rules.lowest} to "
                        f"{rules.highest} (elevator.lowest, elevator.highest)"
                    )
        for happening in self.happenings:
            if happening.leaves is not None and happening.leaves not in names:
                raise ValueError(f"{happening.leaves!r} leaves and never enters; there is {sorted(names)}")
        for check in self.expect.checks:
            if max(check.at or 0.0, check.to or 0.0) > self.length:
                raise ValueError(f"a check comes after the end at {self.length:g} s")
        return self

    def rules(self) -> ElevatorRules:
        """How the rig behaves."""
        return _rules(self.elevator)


def _rules(value: dict[str, Any]) -> ElevatorRules:
    given = {**value, **({"stops": tuple(value["stops"])} if "stops" in value else {})}
    try:
        return ElevatorRules(**{"tour": False, **given})
    except TypeError as exc:  # a text where a number belongs
        raise ValueError(f"a value of `elevator` has the wrong type: {exc}") from exc
