"""Where everything is at any moment of the sample clip: paths, steps and the timetable. No Blender here.

Every frame is described by a small `Shot` value. Way in and way out pass through the same shots, so a frame
that was rendered once is used again when the vehicle leaves the way it came.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FPS = 10
STEP_M = 0.48  # one step while pushing something, shorter than the 0.7 m of free walking
DOOR_S = 1.1


@dataclass(frozen=True, slots=True)
class Place:
    """A spot on the floor and a heading: 0 degrees looks towards +Y, positive turns left."""

    x: float
    y: float
    heading_deg: float

    def offset(self, right_m: float, ahead_m: float) -> Place:
        """Return the place this far to the right and ahead, same heading."""
        a = math.radians(self.heading_deg)
        c, s = math.cos(a), math.sin(a)
        return Place(self.x + right_m * c - ahead_m * s, self.y + right_m * s + ahead_m * c, self.heading_deg)

    def to_local(self, x: float, y: float) -> tuple[float, float]:
        """Return (right, ahead) of a point on the floor as seen from here."""
        a = math.radians(self.heading_deg)
        dx, dy = x - self.x, y - self.y
        return dx * math.cos(a) + dy * math.sin(a), -dx * math.sin(a) + dy * math.cos(a)


class Path:
    """A smooth way through control points, measured in metres; 0 m is the waiting spot on the landing.

    Negative distances lead back along the corridor, out of the camera's sight.
    """

    def __init__(
        self, corridor: Sequence[tuple[float, float]], inwards: Sequence[tuple[float, float]]
    ) -> None:
        """Take two cubic Bezier segments (four points each) that share the waiting spot."""
        back, ahead = _bezier(corridor), _bezier(inwards)
        points = np.concatenate((back[:-1], ahead))
        steps = np.hypot(*np.diff(points, axis=0).T)
        along = np.concatenate(([0.0], np.cumsum(steps)))
        self._s = along - along[len(back) - 1]
        self._points = points
        self.start_m, self.end_m = float(self._s[0]), float(self._s[-1])

    def at(self, s_m: float) -> Place:
        """Return the place at a distance, clamped to the path's ends."""
        s = min(max(s_m, self.start_m), self.end_m)
        here, near = self._xy(s), 0.05
        behind, ahead = self._xy(max(s - near, self.start_m)), self._xy(min(s + near, self.end_m))
        heading = math.degrees(math.atan2(-(ahead[0] - behind[0]), ahead[1] - behind[1]))
        return Place(here[0], here[1], heading)

    def _xy(self, s: float) -> tuple[float, float]:
        x = np.interp(s, self._s, self._points[:, 0])
        y = np.interp(s, self._s, self._points[:, 1])
        return float(x), float(y)


def _bezier(points: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    p = np.asarray(points, dtype=np.float64)
    t = np.linspace(0.0, 1.0, 120)[:, None]
    curve: NDArray[np.float64] = (
        (1 - t) ** 3 * p[0] + 3 * (1 - t) ** 2 * t * p[1] + 3 * (1 - t) * t**2 * p[2] + t**3 * p[3]
    )
    return curve


@dataclass(frozen=True, slots=True)
class Shot:
    """All that decides what one frame looks like."""

    door: float  # 0 shut .. 1 open
    actor: str = ""  # "e_bike", "wheelchair", "stroller" or "" for nobody
    s_m: float = 0.0  # along the actor's path
    glance_deg: float = 0.0  # how far the figure has turned its head towards the door

    @property
    def key(self) -> str:
        """A short name, the same for shots that look the same; fit for a file name."""
        if not self.actor:
            return f"empty_d{round(self.door * 100):03d}"
        where = round(self.s_m * 1000)
        return f"{self.actor}_s{where:+05d}_d{round(self.door * 100):03d}_g{round(self.glance_deg):03d}"


def ease(t: float) -> float:
    """Smooth start and stop: 0 -> 0, 1 -> 1, flat at both ends (smoothstep)."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


def timetable(ends_m: dict[str, float]) -> list[Shot]:
    """Return one Shot per frame; `ends_m` gives for each actor how far in it goes (metres)."""
    shots = [Shot(0.0)] * 8
    shots += _visit("e_bike", ends_m["e_bike"], way_s=3.8, away_s=2.0, stay=_asked_to_leave())
    shots += [Shot(0.0)] * 22
    shots += _visit("wheelchair", ends_m["wheelchair"], way_s=2.6, away_s=1.6, stay=_ride(6))
    shots += [Shot(0.0)] * 10
    shots += _visit("stroller", ends_m["stroller"], way_s=2.8, away_s=1.8, stay=_ride(6))
    return shots + [Shot(0.0)] * 5


def _visit(
    actor: str, end_m: float, *, way_s: float, away_s: float, stay: list[tuple[float, float]]
) -> list[Shot]:
    """Doors open on a waiting actor; it comes in, stays, backs out and goes away along the corridor."""
    n = round(DOOR_S * FPS)
    shots = [Shot(i / n, actor) for i in range(1, n + 1)]
    shots += [Shot(1.0, actor)] * 3
    count = round(way_s * FPS)
    way = [Shot(1.0, actor, end_m * ease(i / count)) for i in range(1, count + 1)]
    shots += way
    shots += [Shot(door, actor, end_m, glance) for door, glance in stay]
    shots += way[::-1]
    steps = round(away_s * FPS)
    shots += [Shot(1.0, actor, -2.6 * (i / steps) ** 1.4) for i in range(1, steps + 1)]
    return shots + [Shot(i / n) for i in range(n - 1, -1, -1)]


def _asked_to_leave() -> list[tuple[float, float]]:
    """Nearly nine seconds in the held car: the pusher looks to the door, back, and to the door again."""
    turn = [(1.0, 70.0 * ease(i / 6)) for i in range(7)]
    look = [(1.0, 70.0)]
    rest = [(1.0, 0.0)]
    return rest * 14 + turn + look * 14 + turn[::-1] + rest * 16 + turn + look * 12 + turn[::-1]


def _ride(still: int) -> list[tuple[float, float]]:
    """Doors shut, a short ride, doors open again."""
    n = round(DOOR_S * FPS)
    closing = [((n - i) / n, 0.0) for i in range(1, n + 1)]
    return [*closing, *[(0.0, 0.0)] * still, *closing[::-1], (1.0, 0.0)]


def foot(path: Path, s_m: float, side: float, offset: tuple[float, float]) -> tuple[float, float, float]:
    """Return where a foot is (right, ahead, lift; metres) in the walker's own frame.

    Args: side is -1 (left) or +1 (right); offset is the walker's (right, ahead) from the vehicle. A planted
    foot stays put on the floor, whatever the path does; near both ends the feet come together to a stand.
    """
    me = path.at(s_m).offset(*offset)
    stand = (side * 0.10, 0.04 * side)
    cycle = s_m / (2.0 * STEP_M) + (0.5 if side > 0 else 0.0)
    n, share = math.floor(cycle), cycle - math.floor(cycle)
    planted = 0.6  # share of the cycle on the floor, as in slow walking
    before, after = (_plant(path, n + k, side, offset, planted) for k in (0, 1))
    move = ease((share - planted) / (1.0 - planted))
    x, y = before[0] + (after[0] - before[0]) * move, before[1] + (after[1] - before[1]) * move
    right, ahead = me.to_local(x, y)
    lift = 0.07 * math.sin(math.pi * max(share - planted, 0.0) / (1.0 - planted))
    walking = ease(min(abs(s_m), path.end_m - s_m) / 0.3)
    return (
        stand[0] + (right - stand[0]) * walking,
        stand[1] + (ahead - stand[1]) * walking,
        lift * walking,
    )


def _plant(
    path: Path, n: int, side: float, offset: tuple[float, float], planted: float
) -> tuple[float, float]:
    middle = (n + planted / 2 - (0.5 if side > 0 else 0.0)) * 2.0 * STEP_M
    spot = path.at(middle).offset(*offset).offset(side * 0.10, 0.0)
    return spot.x, spot.y
