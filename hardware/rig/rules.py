"""How the rig behaves: every time with its source. docs/safety.md has the same list in words.

Three kinds of source, told apart at each constant:

- *norm*: a public text of a standard asks for it. EN 81-73:2016 on fire recall; 2010 ADA Standards 407.3.3.3,
  407.3.4 and 407.3.5 on door times; EN 81-20 as the maker Avire tells it (product FAQ): with a protective
  device out of work the closing energy is limited to 4 J and a sound is given while the door closes.
  GB/T 7588.1-2020 adopts EN 81-20 for China; its text was not at hand.
- *practice*: what controllers are commonly able to do; MCE's iControl manual (42-02-7223: "Door Open Button:
  Bypass after timeout", "Nudging") describes the settings and gives no value.
- *typical*: a value inside the range that passenger elevators with automatic doors have. No make's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vision.errors import ConfigError

EFFECTIVE_S: Final = 20.0
"""Norm: reopening devices "shall remain effective for 20 seconds minimum" (ADA 407.3.3.3), so none gives up
sooner. Practice: after about this time the button and the light curtain are disregarded."""
FIRE_PATIENCE_S: Final = 20.0
"""Norm: "at the latest when the actual door dwell time exceeds 20 s, door protection devices shall be made
inactive and the doors shall attempt to close" (EN 81-73:2016, 5.3)."""
DWELL_S: Final = 5.0
"""Norm: 5 s at least from the signal at the landing until the doors begin to close (ADA 407.3.4), 3 s at
least fully open for a car call (ADA 407.3.5)."""


@dataclass(frozen=True, slots=True)
class ElevatorRules:
    """How the rig's elevator behaves. Raises: ConfigError if a time is negative or a floor is not there."""

    opening_s: float = 2.5  # typical: closed to fully open
    closing_s: float = 3.0  # typical: fully open to closed
    dwell_s: float = DWELL_S  # open and undisturbed before it closes
    pause_s: float = 3.0  # typical: closed on its tour before it opens again or drives on
    start_s: float = 0.8  # typical: closed until it drives to a call
    travel_s: float = 3.0  # typical: from one floor to the next
    protective_stop_s: float = EFFECTIVE_S  # button pressed or doorway blocked for this long: protective stop
    ignore_s: float = 5.0  # typical: in protective stop, door open, button ignored, buzzer on
    nudge_s: float = (
        6.0  # typical: fully open to closed at 4 J or less; button and curtain ignored, buzzer on
    )
    stops: tuple[int, ...] = (1,)  # its tour while nobody calls; one: it opens there again and again
    tour: bool = True  # False: without a call it stands closed
    lowest: int = 1
    highest: int = 6
    recall_floor: int = 1  # where fire recall sends it
    fire_ignores_button: bool = True
    """Typical: with fire recall on, the door-open button is out of work at any floor but the recall floor.
    False: a controller that obeys it until `FIRE_PATIENCE_S` is over, the worst that EN 81-73 leaves open."""

    def __post_init__(self) -> None:
        for name in ("opening_s", "closing_s", "travel_s", "nudge_s", "protective_stop_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    f"elevator.{name} is {getattr(self, name)!r}: use a positive time in seconds"
                )
        for name in ("dwell_s", "pause_s", "ignore_s", "start_s"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"elevator.{name} is {getattr(self, name)!r}: use 0 s or more")
        if not self.stops:
            raise ConfigError("elevator.stops is empty: name at least one floor")
        for name, floors in (("stops", self.stops), ("recall_floor", (self.recall_floor,))):
            if not all(self.lowest <= floor <= self.highest for floor in floors):
                raise ConfigError(
                    f"elevator.{name} is {floors}: use floors from {self.lowest} to {self.highest}"
                )

    @property
    def fire_limit_s(self) -> float:
        """Longest time from fire recall to standing open at the recall floor with nothing in the doorway,
        whatever the door-open button does: a door that opens to its end first, or one that starts over.
        """
        patience_s = 0.0 if self.fire_ignores_button else FIRE_PATIENCE_S
        travel_s = (
            self.highest - self.lowest + 1
        ) * self.travel_s  # one more: it may be leaving the other way
        return patience_s + self.opening_s + self.nudge_s + self.start_s + travel_s + self.opening_s
