"""What always holds for presence, whatever the detector says."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vision import presence, tracking
from vision.presence import PresenceParams, PresenceState
from vision.tracking import TrackerState
from vision.types import CLASS_NAMES, E_BIKE, WHEELCHAIR, Detections, Presence
from vision.zones import Zone

SIZE = (1000, 500)
ZONES = (Zone("landing", ((0, 0), (0.5, 0), (0.5, 1), (0, 1))),)
Seen = tuple[tuple[float, float, float, float], float, int]

corner = st.floats(0, 800, width=32)
side = st.floats(20, 300, width=32)
box = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), corner, corner, side, side)
somewhere = st.tuples(box, st.floats(0, 1, width=32), st.integers(0, len(CLASS_NAMES) - 1))
# Mostly one place, so that tracks live long enough to be voted on.
here = st.tuples(
    st.builds(lambda d: (500 + d, 100.0, 700 + d, 400.0), st.floats(-30, 30)),
    st.floats(0, 1, width=32),
    st.sampled_from([E_BIKE, E_BIKE, WHEELCHAIR]),
)
frame = st.lists(st.one_of(here, somewhere), max_size=4)
walk = st.lists(st.tuples(frame, st.floats(0.03, 0.4)), max_size=30)


def run(
    frames: list[tuple[list[Seen], float]], zones: tuple[Zone, ...] = (), p: PresenceParams | None = None
) -> list[tuple[float, Presence]]:
    tracks, state, t_s = TrackerState(), PresenceState(), 0.0
    out = []
    for seen, step_s in frames:
        t_s += step_s
        found = Detections(
            np.array([s[0] for s in seen], np.float32).reshape(-1, 4),
            np.array([s[1] for s in seen], np.float32),
            np.array([s[2] for s in seen], np.int64),
        )
        tracks = tracking.update(tracks, found, t_s)
        state = presence.update(
            state, tracks.tracks, t_s, SIZE, zones=zones, operating_conf={E_BIKE: 0.5}, params=p
        )
        assert state.presence is not None
        out.append((t_s, state.presence))
    return out


@settings(deadline=None, max_examples=50)
@given(walk)
def test_never_confirmed_before_the_least_time(frames: list[tuple[list[Seen], float]]) -> None:
    p = PresenceParams()
    begun: dict[int, float] = {}
    for t_s, seen in run(frames):
        assert seen.t_s == t_s
        for s in seen.sightings:
            begun.setdefault(s.track_id, s.since_s)
            assert begun[s.track_id] == s.since_s  # a track does not change its age
            if s.confirmed:
                assert t_s - s.since_s >= p.confirm_min_s
            assert s.class_name == "e_bike"
            assert 0 <= s.score <= 1


@settings(deadline=None, max_examples=50)
@given(walk)
def test_only_zones_that_hold_are_sighted(frames: list[tuple[list[Seen], float]]) -> None:
    assert all(s.zone in ("cabin", "doorway") for _, p in run(frames, ZONES) for s in p.sightings)


@settings(deadline=None, max_examples=50)
@given(walk)
def test_off_within_the_off_delay_once_nothing_is_seen(frames: list[tuple[list[Seen], float]]) -> None:
    p = PresenceParams()
    story = run([*frames, *[([], 0.1)] * 8])
    last_s = story[len(frames) - 1][0] if frames else 0.0
    assert not any(seen.suspected for t_s, seen in story if t_s > last_s + p.off_s + 1e-6)


@settings(deadline=None, max_examples=50)
@given(walk)
def test_presence_is_deterministic(frames: list[tuple[list[Seen], float]]) -> None:
    assert run(frames, ZONES) == run(frames, ZONES)


@settings(deadline=None, max_examples=50)
@given(st.integers(10, 30), st.floats(0.5, 1), st.floats(5, 15), st.lists(somewhere, max_size=5))
def test_one_bad_frame_in_a_wheelchair_never_confirms_an_e_bike(
    n: int, wheelchair: float, fps: float, bad: list[Seen]
) -> None:
    good: list[Seen] = [((500, 100, 700, 400), wheelchair, WHEELCHAIR)]
    frames = [(good, 1 / fps)] * n + [(bad, 1 / fps)] + [(good, 1 / fps)] * 15
    assert all(seen.confirmed is None for _, seen in run(frames))
