"""What always holds of training sets from judged events: no event is in two sets, pictures are spread out."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from api.feedback.choose import choose, usable
from api.feedback.labels import yolo_line
from api.feedback.split import split_of
from api.records import Evidence

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
SCORES = st.floats(0, 1)
PIXELS = st.floats(-200, 2200)


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    box = (draw(PIXELS), draw(PIXELS), draw(PIXELS), draw(PIXELS))
    return Evidence(draw(st.floats(-5, 600)), draw(SCORES), draw(SCORES), box, "HOLDING")


@given(
    starts=st.lists(st.tuples(st.sampled_from(["a", "b"]), MOMENTS), min_size=1, max_size=20),
    share=st.floats(0, 0.9),
    seed=st.integers(),
)
def test_a_day_of_an_elevator_is_in_one_set_whatever_else_there_is(
    starts: list[tuple[str, datetime]], share: float, seed: int
) -> None:
    sides = defaultdict(set)
    for elevator, at in starts:
        for later in (at, at.replace(hour=23, minute=59), at.replace(hour=0)):
            zone = datetime.now().astimezone().tzinfo
            sides[elevator, at.date()].add(split_of(elevator, later.astimezone(zone), share, seed))
    assert all(len(side) == 1 for side in sides.values())


@given(share=st.floats(0.1, 0.5))
@settings(max_examples=10)
def test_about_the_asked_share_of_days_is_kept(share: float) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    days = [split_of("car-1", begin + timedelta(days=day), share) for day in range(2000)]
    assert abs(days.count("val") / 2000 - share) < 0.06  # over five standard deviations


@given(rows=st.lists(evidence(), max_size=60), most=st.integers(1, 12), gap_s=st.floats(0, 30))
def test_moments_are_bounded_apart_in_order_and_always_the_same(
    rows: list[Evidence], most: int, gap_s: float
) -> None:
    good = usable(rows)
    found = choose(good, most, gap_s)
    assert len(found) <= most
    assert bool(found) == bool(good)
    assert set(found) <= set(good)
    times = [row.t_offset_s for row in found]
    assert all(b - a >= gap_s and b > a for a, b in pairwise(times))
    assert found == choose(usable(rows[::-1]), most, gap_s)
    if good:
        assert max(row.score for row in good) == max(row.score for row in found)


@given(row=evidence(), width=st.integers(1, 2000), height=st.integers(1, 2000))
def test_a_label_lies_in_the_picture(row: Evidence, width: int, height: int) -> None:
    if not usable([row]):
        return
    line = yolo_line(3, row.xyxy, (width, height))
    if line is None:
        return
    class_id, cx, cy, w, h = line.split()
    assert class_id == "3"
    for centre, size in ((float(cx), float(w)), (float(cy), float(h))):
        assert centre - size / 2 >= -1e-6
        assert centre + size / 2 <= 1 + 1e-6
