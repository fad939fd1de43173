"""When the door is not held: windows of local time, and inputs that say so to the hold."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hardware.inputs import InputReader
from hardware.prompts import QuietHours
from hardware.values import Inputs
from vision.errors import ConfigError

log = logging.getLogger(__name__)

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CREDIBLE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Before this program was written. A box without a clock battery starts in the past, often in 1970, and stays
there until the network tells it the time."""
_ALL_DAY: Final = (time(0), time(0))
_WINDOW: Final = re.compile(r"(?P<days>[A-Za-z][A-Za-z,\-]*)?\s*(?P<hours>\d\S*)?")
_HOW: Final = "write them as 'Mon-Fri 07:30-09:00', '22:00-06:00' or 'Sat,Sun'"


@dataclass(frozen=True, slots=True)
class Window:
    """Local times on some days of the week. One that goes past midnight belongs to the day it begins on."""

    days: frozenset[int]  # 0 is Monday, as `datetime.weekday`
    begin: time
    end: time  # no longer part of it; not after ``begin``: on the next day

    @classmethod
    def parse(cls, text: str) -> Window:
        """``"Mon-Fri 07:30-09:00"``, ``"22:00-06:00"`` (every day), ``"Sat,Sun"`` (all day).

        Raises: ConfigError.
        """
        found = _WINDOW.fullmatch(text.strip())
        if found is None or not text.strip():
            raise ConfigError(f"schedule times {text!r} are not understood: {_HOW}")
        days_text, hours_text = found["days"], found["hours"]
        begin, end = _ALL_DAY
        if hours_text:
            try:
                hours = QuietHours.parse(hours_text)
            except ConfigError as exc:
                raise ConfigError(
                    f"schedule times {text!r} are not understood: {_HOW}; without hours for all day"
                ) from exc
            begin, end = hours.begin, hours.end
        return cls(_days(days_text, text) if days_text else frozenset(range(7)), begin, end)

    def __contains__(self, local: datetime) -> bool:
        """Whether this local time lies in the window; the clock on the wall decides, summer time or not."""
        at, day = local.time(), local.weekday()
        if self.begin < self.end:
            return day in self.days and self.begin <= at < self.end
        return (day in self.days and at >= self.begin) or ((day - 1) % 7 in self.days and at < self.end)


def _days(text: str, whole: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        names = [name.capitalize() for name in ((first, last) if dash else (first, first))]
        if not set(names) <= set(DAYS):
            raise ConfigError(f"schedule days {part!r} in {whole!r} are not understood: use {' '.join(DAYS)}")
        begin, end = (DAYS.index(name) for name in names)
        days |= {(begin + n) % 7 for n in range((end - begin) % 7 + 1)}
    return frozenset(days)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the door is not held. ``zone`` None: the machine's own local time."""

    windows: tuple[Window, ...]
    zone: tzinfo | None = None

    @classmethod
    def parse(cls, windows: Sequence[str], time_zone: str | None = None) -> Schedule:
        """From settings. Raises: ConfigError for a window or zone not understood, or if nothing is left."""
        zone = None
        if time_zone is not None:
            try:
                zone = ZoneInfo(time_zone)
            except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
                raise ConfigError(
                    f"schedule.time_zone {time_zone!r} is unknown: use a name such as Asia/Shanghai "
                    "(on Debian, apt install tzdata brings the list)"
                ) from exc
        parsed = cls(tuple(Window.parse(text) for text in windows), zone)
        week = (datetime(2026, 1, 5) + timedelta(minutes=n) for n in range(7 * 24 * 60))  # a Monday
        if all(any(at in window for window in parsed.windows) for at in week):
            raise ConfigError(
                f"schedule.off {list(windows)} covers the whole week, so the door would never be held: "
                "use kind = 'A' for that"
            )
        return parsed

    def credible(self, now: datetime) -> bool:
        """Whether the clock can be right."""
        return now >= CREDIBLE

    def off(self, now: datetime) -> bool:
        """Whether the door is not held at ``now`` (with zone). It is not if the clock cannot be right."""
        if not self.windows:
            return False
        if not self.credible(now):
            return True
        local = now.astimezone(self.zone)
        return any(local in window for window in self.windows)


class ScheduledInputs:
    """An `InputReader` that adds ``schedule_off`` to what another one reads.

    Args: wall: the present wall time, with zone; must not block.
    """

    def __init__(self, inputs: InputReader, schedule: Schedule, wall: Callable[[], datetime]) -> None:
        self._inputs = inputs
        self._schedule = schedule
        self._wall = wall
        self._doubted = False

    def read(self) -> Inputs:
        """See `InputReader.read`."""
        inputs, now = self._inputs.read(), self._wall()
        doubted = not self._schedule.credible(now)
        if doubted and not self._doubted:  # log changes, not ticks
            log.warning("the clock says %s, so the schedule cannot be followed: no door is held", now.date())
        self._doubted = doubted
        return replace(inputs, schedule_off=self._schedule.off(now))

    def watch(self, wake: Callable[[], None]) -> None:
        """See `InputReader.watch`. A window's begin waits for the next tick."""
        self._inputs.watch(wake)

    def close(self) -> None:
        """See `InputReader.close`."""
        self._inputs.close()
