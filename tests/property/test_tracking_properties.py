"""What always holds for tracks and the class vote."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vision import vote
from vision.tracking import TrackerState, TrackParams, least_cost, update
from vision.types import CLASS_NAMES, PERSON, WHEELCHAIR, Detections
from vision.vote import VoteParams

P = VoteParams()
Seen = tuple[tuple[float, float, float, float], float, int]

conf = st.floats(0, 1, width=32)
class_id = st.integers(0, len(CLASS_NAMES) - 1)
corner = st.floats(0, 1000, width=32)
side = st.floats(1, 400, width=32)
box = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), corner, corner, side, side)
frame = st.lists(st.tuples(box, conf, class_id), max_size=6)
gap_s = st.floats(0.01, 2.0)
walk = st.lists(st.tuples(frame, gap_s), max_size=25)
score_vector = st.tuples(*[conf] * len(CLASS_NAMES))


def detections(seen: list[Seen]) -> Detections:
    boxes = np.array([s[0] for s in seen], np.float32).reshape(-1, 4)
    return Detections(
        boxes, np.array([s[1] for s in seen], np.float32), np.array([s[2] for s in seen], np.int64)
    )


def run(frames: list[tuple[list[Seen], float]], p: TrackParams | None = None) -> list[TrackerState]:
    states, t_s = [TrackerState()], 0.0
    for seen, step_s in frames:
        t_s += step_s
        states.append(update(states[-1], detections(seen), t_s, p))
    return states


@settings(deadline=None, max_examples=50)
@given(walk)
def test_ids_are_unique_and_never_reused(frames: list[tuple[list[Seen], float]]) -> None:
    gone: set[int] = set()
    alive: set[int] = set()
    for state in run(frames):
        ids = [t.track_id for t in state.tracks]
        assert len(ids) == len(set(ids))
        assert ids == sorted(ids)
        assert not gone & set(ids)
        assert all(1 <= i < state.next_id for i in ids)
        gone |= alive - set(ids)
        alive = set(ids)


@settings(deadline=None, max_examples=50)
@given(walk, st.integers(1, 5))
def test_tracks_are_bounded_and_their_log_odds_too(frames: list[tuple[list[Seen], float]], most: int) -> None:
    for state in run(frames, TrackParams(max_tracks=most)):
        assert len(state.live) <= most
        for track in state.tracks:
            assert all(P.min_log_odds <= v <= P.max_log_odds for v in track.log_odds)
            assert track.first_s <= track.last_s
            assert track.hits >= 1
            assert track.class_id in vote.group_of(track.class_id)
            assert 0 <= vote.probability(track.log_odds, track.class_id) <= 1


@settings(deadline=None, max_examples=50)
@given(walk)
def test_the_outcome_is_deterministic(frames: list[tuple[list[Seen], float]]) -> None:
    assert run(frames) == run(frames)


@settings(deadline=None, max_examples=50)
@given(walk)
def test_the_order_of_detections_with_different_confidence_does_not_matter(
    frames: list[tuple[list[Seen], float]],
) -> None:
    distinct = [({s[1]: s for s in seen}, step_s) for seen, step_s in frames]
    forth = [(list(seen.values()), step_s) for seen, step_s in distinct]
    back = [(list(reversed(seen.values())), step_s) for seen, step_s in distinct]
    assert run(forth) == run(back)


@given(st.lists(st.tuples(st.one_of(st.none(), score_vector), gap_s, st.floats(0, 1)), max_size=60))
def test_log_odds_stay_in_their_bounds(steps: list[tuple[vote.Scores | None, float, float]]) -> None:
    log_odds, first = vote.NO_EVIDENCE, True
    for scores, step_s, iou in steps:
        before = log_odds
        if scores is None:
            log_odds = vote.miss(log_odds, vote.VEHICLES, step_s, P)
        else:
            log_odds = vote.add(log_odds, scores, vote.VEHICLES, P, step_s=None if first else step_s, iou=iou)
            first = False
        assert all(P.min_log_odds <= v <= P.max_log_odds for v in log_odds)
        assert log_odds[PERSON] == 0
        most = P.rate_per_s * P.max_step_s * P.max_evidence
        grown = max(new - old for new, old in zip(log_odds, before, strict=True))
        assert grown <= most + (1 - np.exp(-step_s / P.decay_s)) * -P.min_log_odds + 1e-9
        total = sum(vote.probability(log_odds, c) for c in vote.VEHICLES)
        assert 0 < total < 1  # "none of these" keeps its share


@given(score_vector, st.sampled_from([vote.VEHICLES, (PERSON,)]))
def test_the_best_score_gives_the_best_evidence(scores: vote.Scores, group: tuple[int, ...]) -> None:
    said = vote.evidence(scores, group, P)
    best = max(group, key=lambda c: scores[c])
    assert said[best] == max(said[c] for c in group)
    assert all(-P.absent_evidence - P.miss_per_s <= v <= P.max_evidence for v in said)


@settings(deadline=None, max_examples=50)
@given(st.integers(10, 30), st.floats(0.5, 1), st.floats(5, 15), frame)
def test_one_bad_frame_never_changes_what_a_wheelchair_is(
    n: int, wheelchair: float, fps: float, bad: list[Seen]
) -> None:
    good: list[Seen] = [((100, 100, 300, 300), wheelchair, WHEELCHAIR)]
    frames = [(good, 1 / fps)] * n + [(bad, 1 / fps)] + [(good, 1 / fps)] * 3
    for state in run(frames)[n:]:
        chair = next(t for t in state.tracks if t.track_id == 1)
        assert chair.class_id == WHEELCHAIR


costs = st.tuples(st.integers(1, 8), st.integers(1, 8)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.one_of(st.floats(0, 4), st.just(1e4)))
)


@given(costs)
def test_pairs_cost_as_little_as_scipy_s(cost: NDArray[np.float64]) -> None:
    """Another solver, the same least sum. SciPy is for development only: too heavy for a box."""
    pairs = least_cost(cost)
    rows, columns = linear_sum_assignment(cost)
    assert len(pairs) == min(cost.shape) == len({r for r, _ in pairs}) == len({c for _, c in pairs})
    assert sum(cost[r, c] for r, c in pairs) == pytest.approx(cost[rows, columns].sum(), abs=1e-6)
