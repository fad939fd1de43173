"""Where a box stands: polygons drawn once at installation, in coordinates relative to the picture.

The camera hangs in a ceiling corner and looks down, so a box reaches far over what stands behind it: an
e-bike near the door covers the landing with its handlebar while its wheels are in the car. What counts is
where it touches the floor, and that is the lower edge of its box. One point (the bottom centre) is too
brittle for a vehicle of 1.7 m that crosses a sill lengthwise, so five points along the lower edge vote.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from vision.errors import ConfigError
from vision.types import ZoneKind

Point = tuple[float, float]
"""x, y relative to the picture: (0, 0) top left, (1, 1) bottom right."""

_MIN_CORNERS: Final = 3
_MIN_AREA: Final = 1e-4  # relative: 1/100 of each side; smaller is a slip of the mouse
_FOOT_X: Final = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the box width: inset, as boxes are a little wider than wheels
_FOOT_Y: Final = 0.95  # of the box height: inside the picture even if the box ends at its lower edge
_INSIDE_MIN: Final = 2  # of five points: a fifth is the tolerance of a box edge, two fifths is a wheel
_MOST: Final = 3  # of five points

# A point in several polygons belongs to the first kind here. `ignore` is drawn to win; the doorway is a thin
# strip that people draw across the edge of the car.
_ORDER: Final[tuple[ZoneKind, ...]] = ("ignore", "doorway", "cabin", "landing")


@dataclass(frozen=True, slots=True)
class Zone:
    """One polygon of the picture.

    Raises: ConfigError for fewer than three corners, a corner outside [0, 1], crossing edges, hardly any
    area.
    """

    kind: ZoneKind
    polygon: tuple[Point, ...]

    def __post_init__(self) -> None:
        if self.kind not in _ORDER:
            raise ConfigError(f"zone kind must be one of {', '.join(sorted(_ORDER))}; got {self.kind!r}")
        if len(self.polygon) < _MIN_CORNERS:
            raise ConfigError(
                f"{self.kind} zone has {len(self.polygon)} corners; draw at least {_MIN_CORNERS}"
            )
        outside = [p for p in self.polygon if not (0 <= p[0] <= 1 and 0 <= p[1] <= 1)]
        if outside:
            raise ConfigError(f"{self.kind} zone has corner {outside[0]}; coordinates are relative, 0 to 1")
        if _crosses_itself(self.polygon):
            raise ConfigError(
                f"{self.kind} zone {self.polygon} crosses itself; give the corners in order around it"
            )
        if abs(_signed_area(self.polygon)) < _MIN_AREA:
            raise ConfigError(f"{self.kind} zone {self.polygon} has hardly any area; draw it larger")

    def contains(self, point: Point) -> bool:
        """Even-odd rule; a point on an edge may fall on either side."""
        x, y = point
        inside = False
        for (x1, y1), (x2, y2) in _edges(self.polygon):
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                inside = not inside
        return inside


def zone_of(
    xyxy: tuple[float, float, float, float], size_wh: tuple[int, int], zones: tuple[Zone, ...]
) -> ZoneKind | None:
    """The zone in which a box (source pixels, picture of ``size_wh``) stands, or None if in none.

    Five points near the lower edge of the box, cut to the picture, each fall into a zone. Without a `cabin`
    polygon all that is drawn by no other zone is cabin, so no zones at all means: the whole picture is the
    car.

    - `ignore` (a mirror, a poster, a screen) wins with most of the points: a reflection stands in its mirror,
      a vehicle in front of the mirror stands on the floor.
    - Then the inside (cabin or doorway, whichever has more) with two points of five: the door must not close
      on the half of an e-bike that is in already.
    - Then landing with at least two.
    """
    x1, x2 = (min(max(x, 0.0), size_wh[0]) / size_wh[0] for x in (xyxy[0], xyxy[2]))
    y1, y2 = (min(max(y, 0.0), size_wh[1]) / size_wh[1] for y in (xyxy[1], xyxy[3]))
    y = y1 + (y2 - y1) * _FOOT_Y
    kinds = [_kind_at((x1 + (x2 - x1) * share, y), zones) for share in _FOOT_X]
    if kinds.count("ignore") >= _MOST:
        return "ignore"
    cabin, doorway = kinds.count("cabin"), kinds.count("doorway")
    if cabin + doorway >= _INSIDE_MIN:
        return "cabin" if cabin >= doorway else "doorway"
    return "landing" if kinds.count("landing") >= _INSIDE_MIN else None


def _kind_at(point: Point, zones: tuple[Zone, ...]) -> ZoneKind | None:
    for kind in _ORDER:
        if any(zone.kind == kind and zone.contains(point) for zone in zones):
            return kind
    return None if any(zone.kind == "cabin" for zone in zones) else "cabin"


def _edges(polygon: tuple[Point, ...]) -> list[tuple[Point, Point]]:
    return [*pairwise(polygon), (polygon[-1], polygon[0])]


def _signed_area(polygon: tuple[Point, ...]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in _edges(polygon)) / 2


def _turn(a: Point, b: Point, c: Point) -> float:
    """Positive: c lies left of the way from a to b; 0: on it."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _crosses_itself(polygon: tuple[Point, ...]) -> bool:
    """Two edges that are not neighbours cross properly (touching is let pass)."""
    edges = _edges(polygon)
    for i, (a, b) in enumerate(edges):
        for c, d in edges[i + 2 :]:
            if _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0:
                return True
    return False
