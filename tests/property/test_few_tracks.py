"""Joining few tracks in plain numbers gives what arrays give."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vision.tracking import _FORBIDDEN, Live, Observed, TrackParams, _cost, _few_cost
from vision.types import CLASS_NAMES, Track
from vision.vote import NO_EVIDENCE, VEHICLES

corner = st.floats(0, 1900, width=32)
side = st.floats(0, 900, width=32)
boxes = st.tuples(corner, corner, side, side).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@st.composite
def tracks(draw: st.DrawFn) -> Live:
    """A track of some vehicle that was seen up to a second ago."""
    class_id = draw(st.sampled_from(VEHICLES))
    last_s = draw(st.floats(9, 10))
    track = Track(1, draw(boxes), NO_EVIDENCE, 0.5, 8.0, last_s, 3, class_id)
    return Live(track, (draw(st.floats(-500, 500)), draw(st.floats(-500, 500))), last_s)


@st.composite
def observed(draw: st.DrawFn) -> Observed:
    """A vehicle with scores of one or two classes."""
    scores = [0.0] * len(CLASS_NAMES)
    for class_id in draw(st.lists(st.sampled_from(VEHICLES), min_size=1, max_size=2)):
        scores[class_id] = draw(st.floats(0.1, 1))
    return Observed(draw(boxes), tuple(scores), VEHICLES)


SLIVER = Live(Track(1, (0, 0, 68, 2**-24), NO_EVIDENCE, 0.5, 8.0, 9.0, 3, VEHICLES[0]), (0, 2), 9.0)
POINT = Observed((0, 0, 0, 0), (1.0, *NO_EVIDENCE[1:]), VEHICLES)


@example([SLIVER], [POINT])  # a sliver that moves on is thinner than what float32 tells apart there
@given(st.lists(tracks(), min_size=1, max_size=4), st.lists(observed(), min_size=1, max_size=3))
def test_plain_numbers_and_arrays_agree(live: list[Live], seen: list[Observed]) -> None:
    p = TrackParams()
    few, many = _few_cost(live, seen, 10.0, p), _cost(live, seen, 10.0, p)
    same = (few < _FORBIDDEN) == (many < _FORBIDDEN)
    # arrays and plain numbers add up in another order: a pair on the very edge may fall on either side
    edge = _on_an_edge(live, seen, p)
    assert bool((same | edge).all())
    both = (few < _FORBIDDEN) & (many < _FORBIDDEN)
    assert np.allclose(few[both], many[both], rtol=1e-3, atol=1e-3)


def _on_an_edge(live: list[Live], seen: list[Observed], p: TrackParams) -> NDArray[np.bool_]:
    """Pairs whose outcome changes when the limits move by a thousandth."""
    limits = ("match_iou", "match_shift", "max_area_ratio", "flip_iou")
    changes = [
        TrackParams(**{name: getattr(p, name) * factor}) for name in limits for factor in (0.998, 1.002)
    ]
    allowed = [_few_cost(live, seen, 10.0, other) < _FORBIDDEN for other in changes]
    return np.asarray(np.array([a != allowed[0] for a in allowed]).any(axis=0))
