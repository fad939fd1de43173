"""Tracks: short stories of boxes over time."""

import numpy as np
import pytest

from vision.errors import ConfigError
from vision.tracking import TrackerState, TrackParams, cleared, merge, update
from vision.types import BICYCLE, E_BIKE, PERSON, STROLLER, WHEELCHAIR, Detections

Seen = tuple[tuple[float, float, float, float], float, int]


def detections(*seen: Seen) -> Detections:
    if not seen:
        return Detections.empty()
    return Detections(
        np.array([s[0] for s in seen], np.float32),
        np.array([s[1] for s in seen], np.float32),
        np.array([s[2] for s in seen], np.int64),
    )


def box(x: float, y: float = 200, w: float = 200, h: float = 150) -> tuple[float, float, float, float]:
    return (x, y, x + w, y + h)


def run(frames: list[Detections], fps: float = 10, state: TrackerState | None = None) -> list[TrackerState]:
    states = [state or TrackerState()]
    for i, seen in enumerate(frames):
        states.append(update(states[-1], seen, i / fps))
    return states[1:]


def test_several_vehicle_boxes_on_one_object_are_one() -> None:
    seen = merge(
        detections(
            (box(100), 0.7, E_BIKE),
            (box(105), 0.6, BICYCLE),
            (box(98), 0.2, WHEELCHAIR),
            (box(110), 0.9, PERSON),
        ),
        TrackParams(),
    )
    assert [o.conf for o in seen] == [pytest.approx(0.9), pytest.approx(0.7)]
    assert seen[1].scores == pytest.approx((0.7, 0.6, 0, 0.2, 0, 0))
    assert seen[1].xyxy == box(100)


def test_two_vehicles_side_by_side_are_two() -> None:
    assert len(merge(detections((box(100), 0.7, E_BIKE), (box(200), 0.6, E_BIKE)), TrackParams())) == 2


@pytest.mark.parametrize("fps", [5, 10, 15])
def test_one_id_through_a_walk_with_flipping_classes(fps: int) -> None:
    flips = [E_BIKE, E_BIKE, BICYCLE, E_BIKE, WHEELCHAIR]
    frames = [detections((box(400 * i / fps), 0.6, flips[i % 5])) for i in range(2 * fps)]
    last = run(frames, fps)[-1]
    assert [(t.track_id, t.hits, t.class_id) for t in last.tracks] == [(1, 2 * fps, E_BIKE)]


def test_turning_keeps_the_id() -> None:
    shapes = [(260, 150), (220, 160), (170, 180), (120, 200), (110, 210)]
    frames = [detections((box(300 - w / 2, 350 - h, w, h), 0.6, E_BIKE)) for w, h in shapes]
    assert {t.track_id for state in run(frames) for t in state.tracks} == {1}


def test_a_second_of_occlusion_keeps_the_id() -> None:
    moving = [detections((box(20 * i), 0.7, E_BIKE)) for i in range(8)]
    hidden = [detections((box(170, w=90, h=260), 0.9, PERSON))] * 9
    again = [detections((box(20 * 12), 0.7, E_BIKE))] * 2
    states = run(moving + hidden + again)
    bike = [t for t in states[-1].tracks if t.class_id == E_BIKE]
    assert [(t.track_id, t.hits) for t in bike] == [(1, 10)]
    coasting = next(t for t in states[12].tracks if t.class_id == E_BIKE)
    assert coasting.conf == 0
    assert coasting.last_s == pytest.approx(0.7)


def test_a_track_ends_after_its_coast() -> None:
    seen = [detections((box(100), 0.7, E_BIKE))] * 5
    states = run(seen + [Detections.empty()] * 14)
    assert len(states[15].tracks) == 1
    assert states[-1].tracks == ()


def test_one_hit_wonders_go_early() -> None:
    states = run([detections((box(100), 0.7, E_BIKE)), *[Detections.empty()] * 5])
    assert states[-1].tracks == ()


def test_faint_detections_keep_a_track_but_start_none() -> None:
    assert run([detections((box(100), 0.2, E_BIKE))] * 5)[-1].tracks == ()
    states = run([detections((box(100), 0.7, E_BIKE))] * 3 + [detections((box(104), 0.1, E_BIKE))] * 20)
    assert [(t.track_id, t.hits) for t in states[-1].tracks] == [(1, 23)]


def test_someone_else_does_not_inherit_the_track_of_what_left() -> None:
    left = [detections((box(100 + 20 * i), 0.8, E_BIKE)) for i in range(10)] + [Detections.empty()] * 5
    after = [detections((box(120, w=150, h=170), 0.8, WHEELCHAIR))] * 3
    tracks = run(left + after)[-1].tracks
    assert [(t.track_id, t.class_id) for t in tracks if t.hits == 3] == [(2, WHEELCHAIR)]


def test_two_e_bikes_keep_their_ids_while_passing_each_other_at_a_distance() -> None:
    frames = [
        detections((box(30 * i, y=100), 0.7, E_BIKE), (box(600 - 30 * i, y=320), 0.7, E_BIKE))
        for i in range(20)
    ]
    last = run(frames)[-1].tracks
    assert [(t.track_id, round(t.xyxy[0]), round(t.xyxy[1])) for t in last] == [(1, 570, 100), (2, 30, 320)]


def test_person_and_vehicle_in_the_same_place_are_two_tracks() -> None:
    frames = [
        detections((box(100 + 20 * i), 0.7, E_BIKE), (box(105 + 20 * i), 0.8, PERSON)) for i in range(10)
    ]
    assert [t.class_id for t in run(frames)[-1].tracks] == [E_BIKE, PERSON]


def test_work_is_bounded_when_the_detector_goes_wild() -> None:
    rng = np.random.default_rng(3)
    p = TrackParams(max_tracks=5, max_observations=9)
    state = TrackerState()
    for i in range(5):
        corner = rng.uniform(0, 4000, (100, 2))
        xyxy = np.hstack([corner, corner + 50]).astype(np.float32)
        wild = Detections(xyxy, np.full(100, 0.9, np.float32), np.full(100, STROLLER, np.int64))
        assert len(merge(wild, p)) <= 9
        state = update(state, wild, i * 0.1, p)
        assert len(state.live) <= 5


def test_cleared_tracks_do_not_give_their_ids_away() -> None:
    state = run([detections((box(100), 0.7, E_BIKE))])[-1]
    again = update(cleared(state), detections((box(100), 0.7, E_BIKE)), 1.0)
    assert [t.track_id for t in again.tracks] == [2]


def test_parameters_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"TrackParams\.merge_iou is 2"):
        TrackParams(merge_iou=2)
