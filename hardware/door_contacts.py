"""What the elevator's door and floor contacts say. It is shown and written down; it never moves the door.

Nothing here reaches the hold: a contact that lies, sticks or is cut can neither start a hold nor prolong one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from gpiozero import DigitalInputDevice

from hardware.inputs import SETTLE_S
from hardware.pins import gpio_errors
from vision.errors import ConfigError, RelayError
from vision.types import Clock

log = logging.getLogger(__name__)

Position = Literal["open", "closed", "moving", "fault", "unknown"]
FloorCode = Literal["each", "binary", "bcd", "gray"]

NEITHER_S: Final = 60.0
"""Neither contact closed for this long: a wire is cut or the door stands half open. A door that nudges
against an obstacle (20 s held, 6 s of closing) reaches a limit well before."""
LOOK_S: Final = 0.05  # between two looks at the contacts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DoorReading:
    """Door and floor at one moment."""

    position: Position  # unknown: no door contacts are wired, or they have not settled since the start
    floor: int | None  # None: not wired, between two floors, or a code that is no floor
    detail: str = ""  # what is wrong with the wiring; empty if nothing is


class Steady(Generic[T]):
    """The last value that was read without a change for ``settle_s``. Pure but for its memory."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._raw: T | None = None
        self._since_s = 0.0
        self.value: T | None = None  # None before the first

    def see(self, raw: T, now_s: float) -> T | None:
        """Take one reading; returns `value`."""
        if self._raw != raw or now_s < self._since_s:
            self._raw, self._since_s = raw, now_s
        if now_s - self._since_s >= self._settle_s:
            self.value = raw
        return self.value


def floor_of(on: Sequence[bool], code: FloorCode, floors: Sequence[int] = ()) -> int | None:
    """The floor that contacts mean, None if they mean none.

    Args:
        on: which contacts are closed, least significant first; for ``each``, lowest floor first.
        code: ``each``: one contact per floor, exactly one is closed. ``binary``, ``bcd`` (four contacts per
            decimal digit), ``gray``: the number of the floor as most controllers' indicators get it.
        floors: the floor of each contact (``each``) or of each number from 0. Empty: 1, 2, 3… for ``each``,
            the number itself for a code.
    """
    if code == "each":
        if sum(on) != 1:
            return None
        number = list(on).index(True)
        floors = floors or range(1, len(on) + 1)
    else:
        number = sum(bit << place for place, bit in enumerate(on))
        if code == "gray":  # each bit of the number is the parity of the code's bits from there up
            shift = number >> 1
            while shift:
                number, shift = number ^ shift, shift >> 1
        elif code == "bcd":
            digits = [(number >> place) & 0xF for place in range(0, max(4, len(on)), 4)]
            if max(digits) > 9:
                return None
            number = sum(digit * 10**place for place, digit in enumerate(digits))
        floors = floors or range(number + 1)
    return floors[number] if number < len(floors) else None


class DoorContacts:
    """Volt-free contacts to ground, each on a pin with pull-up: closed means "here".

    Args:
        door: pins of the door-open and the door-closed contact, which close at the limits of the door's way.
        floor: pins of the floor contacts, in the order of `floor_of`.
        code, floors: see `floor_of`.
        settle_s: all contacts of the door, or of the floor, must be unchanged for this long to count.
        pin_factory: as for `hardware.relay_gpio.GpioRelay`.

    Raises: ConfigError if one pin is named twice or none is; RelayError if a pin cannot be claimed.
    """

    def __init__(
        self,
        *,
        door: tuple[int, int] | None = None,
        floor: Sequence[int] = (),
        code: FloorCode = "each",
        floors: Sequence[int] = (),
        settle_s: float = SETTLE_S,
        pin_factory: Any = None,
        clock: Clock = time.monotonic,
    ) -> None:
        pins = [*(door or ()), *floor]
        if len(set(pins)) < len(pins) or not pins:
            raise ConfigError(f"the door and floor contacts are on GPIO {pins}: give each its own pin")
        self._code: FloorCode = code
        self._floors = tuple(floors)
        self._clock = clock
        self._door: Steady[tuple[bool, bool]] = Steady(settle_s)
        self._floor: Steady[tuple[bool, ...]] = Steady(settle_s)
        self._neither_s: float | None = None  # since when
        self._errors = gpio_errors()
        self._doors: list[Any] = []
        self._levels: list[Any] = []
        self._reading = DoorReading("unknown", None)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        for devices, numbers in ((self._doors, door or ()), (self._levels, floor)):
            for pin in numbers:
                try:
                    devices.append(DigitalInputDevice(pin, pull_up=True, pin_factory=pin_factory))
                except self._errors as exc:
                    self.close()
                    raise RelayError(f"cannot use GPIO {pin} for a door or floor contact: {exc}") from exc

    @property
    def reading(self) -> DoorReading:
        """The latest reading. Thread-safe, never touches a pin."""
        return self._reading

    def look(self) -> DoorReading:
        """Read the contacts once. For a caller with a loop of its own; otherwise use `start`."""
        now_s = self._clock()
        try:
            doors = [bool(device.value) for device in self._doors]
            levels = tuple(bool(device.value) for device in self._levels)
        except self._errors as exc:
            self._take(DoorReading("fault", None, f"the door contacts cannot be read: {exc}"))
            return self._reading
        position, detail = self._position(doors, now_s)
        floor = None
        steady = self._floor.see(levels, now_s) if levels else None
        if steady is not None:
            floor = floor_of(steady, self._code, self._floors)
            if floor is None and (self._code != "each" or sum(steady) > 1):
                said = "".join("1" if bit else "0" for bit in reversed(steady))
                detail = detail or f"the floor contacts read {said}, which is no floor: check their wiring"
        self._take(DoorReading(position, floor, detail))
        return self._reading

    def _position(self, doors: list[bool], now_s: float) -> tuple[Position, str]:
        steady = self._door.see((doors[0], doors[1]), now_s) if doors else None
        if steady != (False, False):
            self._neither_s = None
        match steady:
            case None:
                return "unknown", ""
            case (True, True):
                return "fault", "door-open and door-closed contact are both closed: check their wiring"
            case (True, False):
                return "open", ""
            case (False, True):
                return "closed", ""
        self._neither_s = now_s if self._neither_s is None else self._neither_s
        if now_s - self._neither_s >= NEITHER_S:
            return "fault", (
                f"neither door contact has closed for {NEITHER_S:.0f} s: a wire may be cut, "
                "or the door stands half open"
            )
        return "moving", ""

    def _take(self, reading: DoorReading) -> None:
        if reading.detail != self._reading.detail:  # log changes, not looks
            log.warning("%s", reading.detail or "the door and floor contacts are well again")
        self._reading = reading

    def start(self) -> None:
        """Look 20 times a second, on a thread of its own."""
        self._thread = threading.Thread(target=self._loop, name="door-contacts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and free the pins; idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2.0)
        for device in (*self._doors, *self._levels):
            device.close()

    def _loop(self) -> None:
        while not self._stop.wait(LOOK_S):
            self.look()
