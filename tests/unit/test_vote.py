"""The class vote: how evidence adds up."""

import pytest

from vision import vote
from vision.errors import ConfigError
from vision.types import BICYCLE, CLASS_NAMES, E_BIKE, PERSON, STROLLER, WHEELCHAIR
from vision.vote import NO_EVIDENCE, VEHICLES, LogOdds, Scores, VoteParams

P = VoteParams()


def scores(**by_name: float) -> Scores:
    return tuple(by_name.get(name, 0.0) for name in CLASS_NAMES)


def see(frames: list[Scores], fps: float = 10, start: LogOdds = NO_EVIDENCE, iou: float = 0.8) -> LogOdds:
    log_odds = start
    for i, s in enumerate(frames):
        first = start is NO_EVIDENCE and i == 0
        log_odds = vote.add(log_odds, s, VEHICLES, P, step_s=None if first else 1 / fps, iou=iou)
    return log_odds


def test_no_evidence_is_even_between_all_and_none() -> None:
    assert vote.probability(NO_EVIDENCE, E_BIKE) == pytest.approx(1 / (len(VEHICLES) + 1))
    assert vote.probability(NO_EVIDENCE, PERSON) == pytest.approx(1 / 2)


def test_good_scores_convince_within_half_a_second() -> None:
    assert vote.probability(see([scores(e_bike=0.75)] * 5), E_BIKE) >= 0.9
    assert vote.probability(see([scores(e_bike=0.95)] * 2), E_BIKE) < 0.9  # whatever two frames say


def test_the_frame_rate_does_not_matter() -> None:
    slow, fast = (see([scores(e_bike=0.7)] * (fps + 1), fps=fps)[E_BIKE] for fps in (5, 15))
    assert slow == pytest.approx(fast, rel=0.05)


def test_a_still_box_counts_less() -> None:
    moving = see([scores(e_bike=0.7)] * 6)[E_BIKE]
    still = see([scores(e_bike=0.7)] * 6, iou=0.99)[E_BIKE]
    assert 0.5 * moving < still < 0.85 * moving


def test_a_score_at_the_neutral_point_says_nothing() -> None:
    assert see([scores(e_bike=P.neutral_conf)] * 20)[E_BIKE] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("start", ["wheelchair", "stroller", "bicycle"])
def test_a_settled_class_needs_sustained_contrary_evidence(start: str) -> None:
    settled = see([scores(**{start: 0.7})] * 20)
    assert vote.leader(see([scores(e_bike=0.99)] * 5, start=settled), VEHICLES) == CLASS_NAMES.index(start)
    assert vote.leader(see([scores(e_bike=0.99)] * 20, start=settled), VEHICLES) == E_BIKE  # not for ever


def test_two_classes_seen_together_do_not_meet_at_the_bound() -> None:
    log_odds = see([scores(e_bike=0.7, bicycle=0.55)] * 200)
    assert log_odds[E_BIKE] <= P.max_log_odds
    assert vote.probability(log_odds, E_BIKE) > 0.95
    assert vote.leader(log_odds, VEHICLES) == E_BIKE


def test_misses_and_time_wear_evidence_down() -> None:
    log_odds = see([scores(e_bike=0.8)] * 20)
    worn = [log_odds[E_BIKE]]
    for _ in range(10):
        log_odds = vote.miss(log_odds, VEHICLES, 0.1, P)
        worn.append(log_odds[E_BIKE])
    assert worn == sorted(worn, reverse=True)
    assert (
        vote.probability(log_odds, E_BIKE) > 0.9
    )  # a second of occlusion does not undo two seconds of sight


def test_a_faint_sight_is_no_worse_than_none() -> None:
    settled = see([scores(e_bike=0.8)] * 5)
    faint = vote.add(settled, scores(e_bike=0.06), VEHICLES, P, step_s=0.1, iou=0.8)
    missed = vote.miss(settled, VEHICLES, 0.1, P)
    assert faint[E_BIKE] >= missed[E_BIKE] - 1e-9
    assert faint[BICYCLE] > missed[BICYCLE] - 0.05  # ... and hardly says what it is not


def test_groups_do_not_mix() -> None:
    assert PERSON not in VEHICLES
    assert see([scores(wheelchair=0.9)] * 5)[PERSON] == 0
    assert vote.group_of(STROLLER) == vote.group_of(WHEELCHAIR) == VEHICLES


@pytest.mark.parametrize(
    ("field", "value"), [("neutral_conf", 0.0), ("decay_s", 0), ("rate_per_s", float("nan"))]
)
def test_parameters_are_checked(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=field):
        VoteParams(**{field: value})


def test_the_best_class_leads_however_faint_it_is() -> None:
    for faint in (0.01, 0.05, 0.2, 0.34):
        assert vote.leader(see([scores(wheelchair=faint)]), VEHICLES) == WHEELCHAIR
        assert vote.leader(see([scores(wheelchair=faint, e_bike=faint / 2)]), VEHICLES) == WHEELCHAIR
