"""The drawing of an event: the lane of phases below the curve covers all of its time, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.records import Evidence, PhaseChange
from api.view_event import DOOR_HEIGHT, DOOR_TOP, LEFT, RIGHT, WIDTH, Curve, curve

T0 = datetime(2026, 3, 1, 8, tzinfo=UTC)
PHASES = ("IDLE", "SUSPECT", "HOLDING", "PAUSED", "COOLDOWN", "INHIBITED", "BLIND")


def drawn(steps: list[tuple[float, str]], *, holds: bool = True) -> Curve:
    """Steps: seconds since the event was confirmed, and the phase from then on; evidence over 0 to 30 s."""
    seen = [Evidence(float(t), 0.9, 0.5, (0, 0, 9, 9), "HOLDING") for t in range(31)]
    changes = [
        PhaseChange("car-1", T0 + timedelta(seconds=t), before, after, "x")
        for (t, after), before in zip(steps, ["IDLE", *(p for _, p in steps)], strict=False)
    ]
    found = curve(seen, changes, T0, T0 + timedelta(seconds=30), window=(-5.0, 30.0), holds=holds)
    assert found is not None
    return found


def test_the_phases_of_a_hold_one_after_another() -> None:
    found = drawn([(-0.5, "SUSPECT"), (0.0, "HOLDING"), (18.0, "PAUSED"), (21.0, "HOLDING"), (29.0, "IDLE")])
    assert [(s.phase, s.held) for s in found.lane] == [
        ("IDLE", False),
        ("SUSPECT", True),
        ("HOLDING", True),
        ("PAUSED", False),
        ("HOLDING", True),
        ("IDLE", False),
    ]
    pixel = (WIDTH - LEFT - RIGHT) / 35
    assert found.lane[3].width == pytest.approx(3 * pixel, abs=0.2)


def test_what_only_warns_holds_nothing() -> None:
    found = drawn([(0.0, "HOLDING"), (9.0, "IDLE")], holds=False)
    assert [s.phase for s in found.lane] == ["IDLE", "HOLDING", "IDLE"]
    assert not any(s.held for s in found.lane)
    assert found.bands == ()


def seen_door(*stood: tuple[float, str | None, float | None]) -> Curve:
    """Evidence at these seconds: how the door stood, and how far it was open."""
    rows = [Evidence(t, 0.9, 0.5, (0, 0, 9, 9), "HOLDING", door, opening) for t, door, opening in stood]
    found = curve(rows, [], T0, T0 + timedelta(seconds=10), window=(0.0, 10.0))
    assert found is not None
    return found


def test_the_door_is_drawn_as_far_as_it_was_open() -> None:
    found = seen_door(
        (0, "closed", 0.0), (2, "opening", 0.0), (4, "open", 1.0), (8, "closing", 1.0), (10, "closed", 0.0)
    )
    assert [d.position for d in found.doors] == ["closed", "opening", "open", "closing"]
    shapes = {d.position: [tuple(map(float, p.split(","))) for p in d.shape.split()] for d in found.doors}
    ground = DOOR_TOP + DOOR_HEIGHT
    assert [y for _, y in shapes["opening"]] == [ground, ground, DOOR_TOP, ground], "a slope upwards"
    assert {y for _, y in shapes["closed"]} == {ground}
    assert shapes["open"][0][0] == pytest.approx(LEFT + 0.4 * (WIDTH - LEFT - RIGHT), abs=0.1)
    assert found.points[0] == (0, 0.9, "HOLDING", "closed")


def test_contacts_tell_the_ends_only_and_what_nobody_knows_is_a_gap() -> None:
    found = seen_door(
        (0, "open", None), (3, "moving", None), (5, None, None), (7, "closed", None), (9, "closed", None)
    )
    assert [d.position for d in found.doors] == ["open", "moving", "closed"]
    assert f",{DOOR_TOP + DOOR_HEIGHT / 2}" in found.doors[1].shape
    gap = found.doors[2].x - (found.doors[1].x + found.doors[1].width)
    assert gap == pytest.approx(0.2 * (WIDTH - LEFT - RIGHT), abs=0.2)
    assert seen_door((0, None, None), (9, None, None)).doors == ()


@given(
    st.lists(st.tuples(st.floats(-20, 60), st.sampled_from(PHASES)), min_size=1, max_size=12).map(
        lambda steps: sorted(steps, key=lambda s: s[0])
    )
)
def test_the_lane_is_whole_whatever_the_steps(steps: list[tuple[float, str]]) -> None:
    lane = drawn(steps).lane
    assert lane[0].x == LEFT
    for one, after in pairwise(lane):
        assert after.x == pytest.approx(one.x + one.width, abs=0.11)
    assert lane[-1].x + lane[-1].width == pytest.approx(WIDTH - RIGHT, abs=0.11)
    assert all(s.held == (s.phase in {"SUSPECT", "HOLDING"}) for s in lane)
