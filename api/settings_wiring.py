"""Settings of what is wired to one elevator: the relay across the door-open button, and the contacts."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from api.settings_table import Table
from hardware.door_contacts import FloorCode


class RelaySettings(Table):
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


class InputSettings(Table):
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
