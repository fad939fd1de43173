"""From the monotonic clock that the core runs on to the wall clock that people read."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from vision.types import Clock

WallClock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present wall time, UTC."""
    return datetime.now(UTC)


class WallTime:
    """Translates monotonic seconds to UTC by the offset at the moment of asking.

    The offset is not kept, so after the box's clock is set right (NTP), later events carry the right time
    while the core, which never looks at the wall clock, notices nothing.
    """

    def __init__(self, clock: Clock = time.monotonic, wall: WallClock = utc_now) -> None:
        self.clock = clock
        self.wall = wall

    def utc(self, t_s: float) -> datetime:
        """UTC of a moment on the monotonic clock."""
        return self.wall() - timedelta(seconds=self.clock() - t_s)
