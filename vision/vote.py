"""The class vote of a track: evidence adds up over time as log-odds per class. Pure.

Each class has log-odds (nats) against "none of these", which stands at 0. A matched detection adds
``rate x seconds x evidence``, where evidence is the logit of the class score against the score that says
nothing either way. What keeps it honest:

- Evidence is weighted by *elapsed time*, so 15 frames a second convince no faster than 5, and counts less
  when the box has not moved: two looks at the same still picture repeat the same mistake.
- It is bounded per frame and in total, so one bad frame moves it little and a long track can still be
  corrected.
- At the upper bound all classes shift down together: their differences stay, so two classes that are both
  seen (an e-bike that also looks like a bicycle) never meet at the bound.
- It decays in seconds, and a frame in which the track was missed counts mildly against every class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from vision.errors import ConfigError
from vision.types import CLASS_NAMES, PERSON

LogOdds = tuple[float, ...]
"""One value per class of CLASS_NAMES, nats."""

Scores = tuple[float, ...]
"""One detector confidence per class of CLASS_NAMES, 0 for a class that was not detected."""

VEHICLES: Final = tuple(i for i in range(len(CLASS_NAMES)) if i != PERSON)
"""One association group: the detector may flip between these for one object."""

NO_EVIDENCE: Final[LogOdds] = (0.0,) * len(CLASS_NAMES)

_EPS: Final = 1e-6  # keeps logit finite for confidences of exactly 0 and 1


@dataclass(frozen=True, slots=True)
class VoteParams:
    """How fast and how far evidence adds up.

    The defaults were set on two sums. An e-bike at scores of 0.6 to 0.9 gets 0.4 to 1 nat per frame at 10 fps
    and needs 2.2 (probability 0.9): 0.3 to 0.5 s. A wheelchair that has been seen for a second or two stands
    near +8 and its e-bike log-odds near -6; contrary frames at 0.9 move that gap by 14 nats a second, so it
    takes more than a second of them, one after the other.
    """

    neutral_conf: float = 0.35  # score that says nothing either way; near the detector's operating threshold
    rate_per_s: float = 4.0  # nats per second and unit of evidence
    max_evidence: float = 2.5  # nats: what a score of 0.87 or better is worth, as detectors are overconfident
    absent_evidence: float = 1.0  # nats against a class when another was seen with certainty
    miss_per_s: float = 2.0  # nats per second against all classes while the track is not matched
    max_step_s: float = 0.25  # a frame stands for at most this long, however slow the camera (5 fps: 0.2 s)
    first_step_s: float = 0.1  # what the first frame of a track stands for
    still_iou: float = 0.98  # a box that overlaps its predecessor this much has not moved
    still_weight: float = 0.8  # of such a frame; a parked e-bike at 0.6 still confirms in less than 1 s
    decay_s: float = 5.0  # time constant with which evidence is forgotten
    max_log_odds: float = 8.0  # nats: probability 0.9997
    min_log_odds: float = -6.0  # nats

    def __post_init__(self) -> None:
        ranges = {
            "neutral_conf": (0.01, 0.99),
            "rate_per_s": (0.1, 50),
            "max_evidence": (0.1, 10),
            "absent_evidence": (0, 10),
            "miss_per_s": (0, 20),
            "max_step_s": (0.01, 2),
            "first_step_s": (0.01, 2),
            "still_iou": (0.5, 1),
            "still_weight": (0, 1),
            "decay_s": (0.1, 600),
            "max_log_odds": (2.5, 50),
            "min_log_odds": (-50, 0),
        }
        check_ranges(self, ranges)


def check_ranges(params: object, ranges: dict[str, tuple[float, float]]) -> None:
    """Each named field of ``params`` lies in its range, ends included.

    Raises: ConfigError naming the field, the value and the range.
    """
    for name, (low, high) in ranges.items():
        value = getattr(params, name)
        if not low <= value <= high:
            raise ConfigError(
                f"{type(params).__name__}.{name} is {value}; choose a value from {low} to {high}"
            )


def evidence(scores: Scores, group: tuple[int, ...], p: VoteParams) -> LogOdds:
    """What one detection says per class, nats; 0 for classes outside its group.

    The class with the best score is never pushed down harder than by a missed frame (a faint sight is no
    worse than none); the others are pushed down in proportion to how sure the best one is.
    """
    top = max(group, key=lambda c: scores[c])
    neutral = _logit(p.neutral_conf)
    against = p.absent_evidence * scores[top]
    best = min(max(_logit(scores[top]) - neutral, -p.miss_per_s / p.rate_per_s), p.max_evidence)
    said = [0.0] * len(scores)
    for c in group:
        # However faint, the best class is never overtaken by one that was seen less, or not at all.
        most = best - min(against, _logit(scores[top]) - _logit(scores[c]))
        said[c] = min(max(_logit(scores[c]) - neutral, -against), most)
    said[top] = best
    return tuple(said)


def add(
    log_odds: LogOdds,
    scores: Scores,
    group: tuple[int, ...],
    p: VoteParams,
    *,
    step_s: float | None,
    iou: float,
) -> LogOdds:
    """Log-odds after a matched detection.

    Args: ``step_s`` since the last frame of the track (None: its first); ``iou`` of the new box with the
    previous one, which tells whether the object has moved.
    """
    if step_s is None:
        weight = p.first_step_s
    else:
        weight = min(max(step_s, 0.0), p.max_step_s) * (p.still_weight if iou > p.still_iou else 1.0)
    gain = p.rate_per_s * weight
    kept = _decayed(log_odds, step_s or 0.0, p)
    said = evidence(scores, group, p)
    return _bounded([old + gain * new for old, new in zip(kept, said, strict=True)], group, p)


def miss(log_odds: LogOdds, group: tuple[int, ...], step_s: float, p: VoteParams) -> LogOdds:
    """Log-odds after a frame in which the track was not matched."""
    loss = p.miss_per_s * min(max(step_s, 0.0), p.max_step_s)
    kept = list(_decayed(log_odds, step_s, p))
    for c in group:
        kept[c] -= loss
    return _bounded(kept, group, p)


def probability(log_odds: LogOdds, class_id: int) -> float:
    """Probability in [0, 1] of a class after the vote, against its rivals of the same group and "none of
    these".

    Naive Bayes with a reference hypothesis: softmax over the group with one more member at log-odds 0.
    """
    rivals = [log_odds[c] for c in group_of(class_id)] + [0.0]
    top = max(rivals)
    return math.exp(log_odds[class_id] - top) / sum(math.exp(v - top) for v in rivals)


def leader(log_odds: LogOdds, group: tuple[int, ...]) -> int:
    """The class of the group with the most evidence; the first in canonical order where equal."""
    return max(group, key=lambda c: log_odds[c])


def group_of(class_id: int) -> tuple[int, ...]:
    """The classes that one object may flip between."""
    return (PERSON,) if class_id == PERSON else VEHICLES


def _decayed(log_odds: LogOdds, step_s: float, p: VoteParams) -> LogOdds:
    keep = math.exp(-max(step_s, 0.0) / p.decay_s)
    return tuple(v * keep for v in log_odds)


def _bounded(log_odds: list[float], group: tuple[int, ...], p: VoteParams) -> LogOdds:
    excess = max(0.0, max(log_odds[c] for c in group) - p.max_log_odds)
    for c in group:
        log_odds[c] = max(log_odds[c] - excess, p.min_log_odds)
    return tuple(log_odds)


def _logit(score: float) -> float:
    score = min(max(score, _EPS), 1 - _EPS)
    return math.log(score / (1 - score))
