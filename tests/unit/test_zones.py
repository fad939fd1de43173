"""Zones: which floor a box stands on."""

import pytest

from vision.errors import ConfigError
from vision.types import ZoneKind
from vision.zones import Point, Zone, zone_of

SIZE = (1000, 500)
LANDING = Zone("landing", ((0.4, 0.0), (0.8, 0.0), (0.8, 0.4), (0.4, 0.4)))
DOORWAY = Zone("doorway", ((0.4, 0.4), (0.8, 0.4), (0.8, 0.5), (0.4, 0.5)))
CABIN = Zone("cabin", ((0.1, 0.5), (0.9, 0.5), (1.0, 1.0), (0.0, 1.0)))
MIRROR = Zone("ignore", ((0.0, 0.0), (0.3, 0.0), (0.3, 0.6), (0.0, 0.6)))
ALL = (LANDING, DOORWAY, CABIN, MIRROR)


@pytest.mark.parametrize(
    ("xyxy", "zone"),
    [
        pytest.param((300, 200, 700, 450), "cabin", id="in the car"),
        pytest.param((450, 20, 750, 480), "cabin", id="tall: covers the landing, stands in the car"),
        pytest.param((450, 100, 650, 195), "landing", id="wheels behind the sill"),
        pytest.param((450, 100, 650, 235), "doorway", id="wheels on the sill"),
        pytest.param((20, 100, 200, 290), "ignore", id="in the mirror"),
        pytest.param((20, 100, 260, 480), "cabin", id="in front of the mirror"),
        pytest.param((850, 20, 990, 120), None, id="on the wall"),
        pytest.param((300, 300, 700, 700), "cabin", id="cut by the lower edge of the picture"),
    ],
)
def test_zone_of(xyxy: tuple[float, float, float, float], zone: ZoneKind | None) -> None:
    assert zone_of(xyxy, SIZE, ALL) == zone


def test_half_in_counts_as_in() -> None:
    left = Zone("cabin", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
    right = Zone("landing", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
    assert zone_of((350, 100, 750, 400), SIZE, (left, right)) == "cabin"  # two of five points are in
    assert zone_of((450, 100, 850, 400), SIZE, (left, right)) == "landing"  # one is: a box edge, not a wheel


def test_without_zones_the_picture_is_the_car() -> None:
    assert zone_of((0, 0, 10, 10), SIZE, ()) == "cabin"


def test_without_a_cabin_polygon_the_rest_is_cabin() -> None:
    assert zone_of((100, 100, 300, 400), SIZE, (LANDING,)) == "cabin"
    assert zone_of((450, 50, 750, 150), SIZE, (LANDING,)) == "landing"


@pytest.mark.parametrize(
    ("kind", "polygon", "message"),
    [
        ("cabin", ((0, 0), (1, 1)), "2 corners"),
        ("cabin", ((0, 0), (1, 0), (1, 1.2)), "relative"),
        ("cabin", ((0, 0), (1, 0), (1, float("nan"))), "relative"),
        ("cabin", ((0, 0), (1, 1), (1, 0), (0, 1)), "crosses itself"),
        ("cabin", ((0, 0), (0.5, 0.5), (1, 1)), "hardly any area"),
        ("lobby", ((0, 0), (1, 0), (1, 1)), "must be one of"),
    ],
)
def test_a_polygon_that_cannot_be_meant(kind: ZoneKind, polygon: tuple[Point, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Zone(kind, polygon)


def test_a_concave_zone() -> None:
    corner = Zone("cabin", ((0, 0), (1, 0), (1, 1), (0.5, 1), (0.5, 0.5), (0, 0.5)))
    assert corner.contains((0.75, 0.75))
    assert not corner.contains((0.25, 0.75))
