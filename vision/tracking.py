"""From detections per frame to objects over time. Pure: state in, state out, capture time passed in.

Vehicles form one association group, whatever class the detector gives them: it flips between e-bike, bicycle,
stroller and wheelchair on one object, and the vote (`vision.vote`) is there to settle that. Persons are
another.

Association follows ByteTrack (Zhang et al., ECCV 2022, arXiv 2110.06864): confident detections come first,
faint ones then keep the remaining tracks alive but start none. Instead of a Kalman filter there is a smoothed
velocity: a car is crossed in a second or two, at 5 to 15 frames per second, with boxes that jitter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from lap import lapjv
from numpy.typing import NDArray

from vision import vote
from vision.geometry import area, exact_iou, pair_iou
from vision.types import CLASS_NAMES, PERSON, Detections, Track
from vision.vote import Scores, VoteParams, check_ranges

Box = tuple[float, float, float, float]

_GROUPS: Final = (vote.VEHICLES, (PERSON,))
_FORBIDDEN: Final = 1e4
"""Cost of a pair that must not be matched: more than all allowed pairs of a frame together (64 of under 20),
and far below 1e6, which the solver takes for infinite."""
_TINY: Final = 1e-6
_FEW: Final = 12  # pairs of a track and an observation up to which plain numbers are quicker than arrays


@dataclass(frozen=True, slots=True)
class TrackParams:
    """How detections are joined to tracks. Distances are in diagonals of the track's box, so size is out."""

    merge_iou: float = 0.6  # vehicle boxes of any class that overlap this much are one object
    start_conf: float = 0.3  # a fainter detection keeps a track alive but starts none
    coast_s: float = 1.2  # an unmatched track lives on: someone steps in front of it for about a second
    tentative_coast_s: float = 0.45  # ... before `tentative_hits`: two missed frames at 5 fps
    tentative_hits: int = 3
    match_iou: float = 0.1  # enough overlap with the predicted box to be the same object ...
    match_shift: float = 0.5  # ... or its centre no farther than this, in diagonals: 5 fps at walking speed
    shift_per_s: float = 0.4  # diagonals more for each second unseen
    max_area_ratio: float = 5.0  # turning an e-bike from side to front view changes its area less than this
    flip_iou: float = 0.3  # another class only takes over a track in place: what comes later is someone else
    velocity_s: float = 0.25  # smoothing time of the velocity
    max_predict_s: float = 0.5  # people stop: a velocity says nothing beyond this
    max_tracks: int = 32  # a car holds far fewer; bounds work when the detector goes wild
    max_observations: int = 64

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "merge_iou": (0.3, 1),
            "start_conf": (0, 1),
            "coast_s": (0, 10),
            "tentative_coast_s": (0, 10),
            "tentative_hits": (1, 100),
            "match_iou": (0.01, 0.9),
            "match_shift": (0, 3),
            "shift_per_s": (0, 5),
            "max_area_ratio": (1, 100),
            "flip_iou": (0, 0.9),
            "velocity_s": (0.01, 5),
            "max_predict_s": (0, 5),
            "max_tracks": (1, 1000),
            "max_observations": (1, 1000),
        }
        check_ranges(self, ranges)


@dataclass(frozen=True, slots=True)
class Live:
    """A track and what only the tracker needs to know about it."""

    track: Track
    velocity: tuple[float, float] = (0.0, 0.0)  # of the centre, px/s
    seen_s: float = 0.0  # capture time of the latest frame that was looked at, matched or not


@dataclass(frozen=True, slots=True)
class TrackerState:
    """Everything the tracker remembers."""

    live: tuple[Live, ...] = ()  # by track_id
    next_id: int = 1  # only ever grows

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks alive, by track_id."""
        return tuple(one.track for one in self.live)


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """One object in one frame: a box and a score for each class that was detected there."""

    xyxy: Box
    scores: Scores
    group: tuple[int, ...]

    @property
    def conf(self) -> float:
        """The best score."""
        return max(self.scores)


def cleared(state: TrackerState) -> TrackerState:
    """No tracks, but ids go on: none is given twice."""
    return TrackerState(next_id=state.next_id)


def merge(detections: Detections, p: TrackParams) -> tuple[Observed, ...]:
    """Objects of a frame, best first.

    Per-class NMS leaves several vehicle boxes on one object. They become one, with the best box and the best
    score of each class. Persons are taken as they are.
    """
    order = np.argsort(-detections.conf, kind="stable")[: p.max_observations]
    boxes = [_box(values) for values in detections.xyxy[order].tolist()]
    conf, classes = detections.conf[order].tolist(), detections.class_id[order].tolist()
    taken: set[int] = set()
    found = []
    for i, class_id in enumerate(classes):
        if i in taken:
            continue
        scores = [0.0] * len(CLASS_NAMES)
        scores[class_id] = conf[i]
        group = vote.group_of(class_id)
        if class_id != PERSON:
            for j in range(i + 1, len(classes)):
                if j in taken or classes[j] == PERSON:
                    continue
                if pair_iou(boxes[i], boxes[j]) >= p.merge_iou:
                    taken.add(j)
                    scores[classes[j]] = max(scores[classes[j]], conf[j])
        found.append(Observed(boxes[i], tuple(scores), group))
    return tuple(found)


def update(
    state: TrackerState,
    detections: Detections,
    t_s: float,
    params: TrackParams | None = None,
    votes: VoteParams | None = None,
) -> TrackerState:
    """The tracks after one more frame that the detector has seen.

    Args: ``t_s`` capture time, not before that of the last call. Frames that were not inferred are not
    passed: they say nothing, neither for nor against.
    """
    p, v = params or TrackParams(), votes or VoteParams()
    seen = merge(detections, p)
    live: list[Live] = []
    unmatched: list[Observed] = []
    for group in _GROUPS:
        tracks = [one for one in state.live if one.track.class_id in group]
        here = [o for o in seen if o.group == group]
        sure = [o for o in here if o.conf >= p.start_conf]
        faint = [o for o in here if o.conf < p.start_conf]
        pairs, left, new = _associate(tracks, sure, t_s, p)
        again, lost, _ = _associate(left, faint, t_s, p)
        live += [_matched(one, o, t_s, p, v) for one, o in (*pairs, *again)]
        live += [_missed(one, t_s, v) for one in lost if t_s - one.track.last_s <= _coast_s(one, p)]
        unmatched += new
    next_id = state.next_id
    for o in unmatched:
        live.append(_started(o, t_s, next_id, v))
        next_id += 1
    # Bounded: those seen latest and longest stay.
    live.sort(key=lambda one: (-one.track.last_s, -one.track.hits, one.track.track_id))
    kept = sorted(live[: p.max_tracks], key=lambda one: one.track.track_id)
    return TrackerState(tuple(kept), next_id)


def _associate(
    live: list[Live], seen: list[Observed], t_s: float, p: TrackParams
) -> tuple[list[tuple[Live, Observed]], list[Live], list[Observed]]:
    """Pairs of least total cost; tracks left; observations left."""
    if not live or not seen:
        return [], live, seen
    cost = (_few_cost if len(live) * len(seen) <= _FEW else _cost)(live, seen, t_s, p)
    good = [(r, c) for r, c in least_cost(cost) if cost[r, c] < _FORBIDDEN]
    used_rows, used_columns = {r for r, _ in good}, {c for _, c in good}
    return (
        [(live[r], seen[c]) for r, c in good],
        [one for r, one in enumerate(live) if r not in used_rows],
        [o for c, o in enumerate(seen) if c not in used_columns],
    )


def least_cost(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Row and column of the pairs with the least sum, as many pairs as the shorter side has.

    Jonker and Volgenant, Computing 38 (1987), by way of ``lap``: what SciPy gives for 50 MB more memory.

    Args:
        cost: (rows, columns) float64, at least one of each, every value below 1e6.
    """
    if cost.shape == (1, 1):
        return [(0, 0)]
    _, column_of, _ = lapjv(np.ascontiguousarray(cost), extend_cost=True)
    return [(row, int(column)) for row, column in enumerate(column_of) if column >= 0]


def _cost(live: list[Live], seen: list[Observed], t_s: float, p: TrackParams) -> NDArray[np.float64]:
    """(tracks, observations): distance plus missing overlap, or `_FORBIDDEN`.

    In float64: a sliver thinner than float32 tells apart has an area, and so it has in `_few_cost`.
    """
    predicted = np.array([_predicted(one, t_s, p) for one in live], np.float64)
    boxes = np.array([o.xyxy for o in seen], np.float64)
    iou = exact_iou(predicted, boxes)
    sides = predicted[:, 2:] - predicted[:, :2]
    diagonal = np.hypot(sides[:, 0], sides[:, 1]) + _TINY
    apart = (predicted[:, :2] + predicted[:, 2:])[:, None] - (boxes[:, :2] + boxes[:, 2:])[None]
    shift = np.hypot(apart[..., 0] / 2, apart[..., 1] / 2) / diagonal[:, None]
    areas, other = area(predicted) + _TINY, area(boxes) + _TINY
    ratio = np.maximum(areas[:, None] / other, other / areas[:, None])
    unseen_s = np.array([t_s - one.track.last_s for one in live])
    reach = (p.match_shift + p.shift_per_s * unseen_s)[:, None]
    near = ((iou >= p.match_iou) | (shift <= reach)) & (ratio <= p.max_area_ratio)
    known = np.array([[o.scores[one.track.class_id] > 0 for o in seen] for one in live])
    allowed = near & (known | (iou >= p.flip_iou))
    # Another class costs half a box of overlap: of two vehicles side by side each keeps its own.
    return np.where(allowed, (1 - iou) + shift + np.where(known, 0.0, 0.5), _FORBIDDEN)


def _few_cost(live: list[Live], seen: list[Observed], t_s: float, p: TrackParams) -> NDArray[np.float64]:
    """`_cost` pair by pair in plain numbers: quicker for the few that there mostly are."""
    cost = np.full((len(live), len(seen)), _FORBIDDEN)
    for row, one in enumerate(live):
        box = _predicted(one, t_s, p)
        diagonal = math.hypot(box[2] - box[0], box[3] - box[1]) + _TINY
        own = _area(box)
        reach = p.match_shift + p.shift_per_s * (t_s - one.track.last_s)
        for column, o in enumerate(seen):
            iou, other = pair_iou(box, o.xyxy), _area(o.xyxy)
            dx = (box[0] + box[2] - o.xyxy[0] - o.xyxy[2]) / 2
            dy = (box[1] + box[3] - o.xyxy[1] - o.xyxy[3]) / 2
            shift = math.hypot(dx, dy) / diagonal
            known = o.scores[one.track.class_id] > 0
            near = (iou >= p.match_iou or shift <= reach) and max(
                own / other, other / own
            ) <= p.max_area_ratio
            if near and (known or iou >= p.flip_iou):
                cost[row, column] = (1 - iou) + shift + (0.0 if known else 0.5)
    return cost


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0) + _TINY


def _predicted(one: Live, t_s: float, p: TrackParams) -> Box:
    ahead_s = min(max(t_s - one.track.last_s, 0.0), p.max_predict_s)
    dx, dy = one.velocity[0] * ahead_s, one.velocity[1] * ahead_s
    x1, y1, x2, y2 = one.track.xyxy
    return (x1 + dx, y1 + dy, x2 + dx, y2 + dy)


def _coast_s(one: Live, p: TrackParams) -> float:
    return p.coast_s if one.track.hits >= p.tentative_hits else p.tentative_coast_s


def _started(o: Observed, t_s: float, track_id: int, v: VoteParams) -> Live:
    log_odds = vote.add(vote.NO_EVIDENCE, o.scores, o.group, v, step_s=None, iou=0.0)
    class_id = vote.leader(log_odds, o.group)
    track = Track(track_id, o.xyxy, log_odds, o.scores[class_id], t_s, t_s, 1, class_id, o.scores)
    return Live(track, seen_s=t_s)


def _matched(one: Live, o: Observed, t_s: float, p: TrackParams, v: VoteParams) -> Live:
    old = one.track
    iou = pair_iou(old.xyxy, o.xyxy)
    log_odds = vote.add(old.log_odds, o.scores, o.group, v, step_s=t_s - one.seen_s, iou=iou)
    class_id = vote.leader(log_odds, o.group)
    track = replace(
        old,
        xyxy=o.xyxy,
        log_odds=log_odds,
        conf=o.scores[class_id],
        last_s=t_s,
        hits=old.hits + 1,
        class_id=class_id,
        scores=o.scores,
    )
    return Live(track, _velocity(one, o.xyxy, t_s, p), t_s)


def _missed(one: Live, t_s: float, v: VoteParams) -> Live:
    group = vote.group_of(one.track.class_id)
    log_odds = vote.miss(one.track.log_odds, group, t_s - one.seen_s, v)
    return replace(one, track=replace(one.track, log_odds=log_odds, conf=0.0, scores=()), seen_s=t_s)


def _velocity(one: Live, xyxy: Box, t_s: float, p: TrackParams) -> tuple[float, float]:
    step_s = t_s - one.track.last_s
    if step_s <= 0:
        return one.velocity
    blend = 1 - math.exp(-step_s / p.velocity_s)
    old = one.track.xyxy
    moved = ((xyxy[0] + xyxy[2] - old[0] - old[2]) / 2, (xyxy[1] + xyxy[3] - old[1] - old[3]) / 2)
    vx, vy = one.velocity
    return vx + blend * (moved[0] / step_s - vx), vy + blend * (moved[1] / step_s - vy)


def _box(values: list[float]) -> Box:
    x1, y1, x2, y2 = values
    return x1, y1, x2, y2
