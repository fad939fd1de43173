"""A poster is dropped once it has hung there for long, a vehicle never; what is before the poster counts."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.load import load_settings
from api.main import build_fixtures
from vision.errors import ConfigError
from vision.fixtures import FixtureParams, FixtureWatch
from vision.perceive import Perceiver
from vision.presence import PresenceParams
from vision.types import E_BIKE, PERSON, Detections, Frame, Image
from vision.zones import Zone

LEARN_S = 200.0
STEP_S = 4.0
PARAMS = FixtureParams(learn_s=LEARN_S)
SIZE_WH = (320, 180)
POSTER = (200, 30, 280, 130)
Xyxy = tuple[int, int, int, int]


def painted(seed: int, size_wh: tuple[int, int]) -> Image:
    """Blocks of random grey: as many edges as a printed picture has."""
    w, h = size_wh
    blocks = np.random.default_rng(seed).integers(0, 256, (h // 10 + 1, w // 10 + 1)).astype(np.uint8)
    blocks = np.repeat(blocks[:, :, None], 3, axis=2)
    return cv2.resize(blocks, (w, h), interpolation=cv2.INTER_NEAREST).astype(np.uint8)


def car(*things: tuple[int, Xyxy], light: float = 1.0, seed: int | None = None) -> Image:
    """A car with a few lines, and what is put in: the seed of its looks, and where."""
    image = np.full((SIZE_WH[1], SIZE_WH[0], 3), 150, np.uint8)
    image[:, 60:63] = 90
    image[140:143] = 80
    for looks, (x1, y1, x2, y2) in things:
        image[y1:y2, x1:x2] = painted(looks, (x2 - x1, y2 - y1))
    noise = np.random.default_rng(seed).normal(0, 2.0, image.shape) if seed is not None else 0.0
    return np.asarray(np.clip(image * light + noise, 0, 255), np.uint8)


def called(*boxes: Xyxy, class_id: int = E_BIKE) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4), np.full(n, 0.8, np.float32), np.full(n, class_id, np.int64)
    )


@dataclass
class Watched:
    """A watch, the time, and a poster that it is shown."""

    watch: FixtureWatch = field(
        default_factory=lambda: FixtureWatch(
            frozenset({E_BIKE}), frozenset({"cabin", "doorway"}), params=PARAMS
        )
    )
    t_s: float = 0.0

    def see(self, image: Image, found: Detections, step_s: float = STEP_S) -> int:
        """How many detections are left."""
        self.t_s += step_s
        return len(self.watch.without(found, image, self.t_s))

    def hang(self, length_s: float) -> list[int]:
        return [self.see(car((1, POSTER), seed=n), called(POSTER)) for n in range(round(length_s / STEP_S))]


def with_poster() -> Watched:
    watched = Watched()
    watched.hang(LEARN_S + 3 * STEP_S)
    assert len(watched.watch.fixtures) == 1
    return watched


def test_a_poster_counts_until_it_has_hung_there_for_long_and_never_after() -> None:
    left = Watched().hang(LEARN_S + 60)
    first = left.index(0)
    assert LEARN_S <= first * STEP_S <= LEARN_S + 2 * STEP_S
    assert not any(left[first:])


def test_a_poster_that_is_rarely_called_takes_longer() -> None:
    watched = Watched()
    for n in range(round(2.5 * LEARN_S / STEP_S)):
        watched.see(car((1, POSTER)), called(*[POSTER] * (n % 3 == 0)))
    assert watched.watch.fixtures == (), "it was called a third of the time"


@pytest.mark.parametrize("light", [0.4, 0.7, 1.3])
def test_light_changes_nothing(light: float) -> None:
    assert with_poster().see(car((1, POSTER), light=light, seed=9), called(POSTER)) == 0


def test_boxes_that_jitter_and_parts_of_it_are_still_the_poster() -> None:
    watched = with_poster()
    x1, y1, x2, y2 = POSTER
    for box in ((x1 - 4, y1 + 3, x2 + 4, y2), (x1, y1, x2, (y1 + y2) // 2), (x1 + 30, y1, x2, y2)):
        assert watched.see(car((1, POSTER)), called(box)) == 0, box
    # Somebody hides the left half; the right half is called.
    hidden = car((1, POSTER), (5, (x1 - 60, y1 - 10, x1 + 40, 170)))
    assert watched.see(hidden, called((x1 + 42, y1, x2, y2))) == 0


def test_a_poster_of_which_the_first_call_showed_a_part_is_known_as_a_whole() -> None:
    watched = Watched()
    x1, y1, x2, y2 = POSTER
    watched.see(car((1, POSTER)), called((x1, y1, x2, y2 - 35)))
    watched.hang(LEARN_S + 20)
    assert watched.see(car((1, POSTER)), called(POSTER)) == 0


def test_what_stands_before_the_poster_or_reaches_beyond_it_counts() -> None:
    watched = with_poster()
    x1, y1, x2, y2 = POSTER
    before = (x1 + 5, y1 + 10, x2 - 5, y2)
    assert watched.see(car((1, POSTER), (2, before)), called(before)) == 1, "inside, with edges of its own"
    assert watched.see(car((1, POSTER)), called((x1 - 60, y1, x2, 170))) == 1, "reaches far beyond"
    assert watched.see(car((1, POSTER)), called((20, 60, 120, 160))) == 1, "elsewhere"
    assert watched.see(car((1, POSTER)), called((20, 60, 120, 160), POSTER)) == 1, "of two, one"


def test_a_vehicle_on_what_was_a_bare_wall_counts() -> None:
    """A call that comes of nothing is learnt as a bare wall; a vehicle there has edges."""
    watched = Watched()
    bare = (100, 30, 180, 130)
    left = [watched.see(car(seed=n), called(bare)) for n in range(round(LEARN_S / STEP_S) + 3)]
    assert left[-1] == 0
    assert watched.see(car((2, bare)), called(bare)) == 1


def test_other_classes_and_the_landing_are_not_its_business() -> None:
    watched = Watched()
    for _ in range(round(LEARN_S / STEP_S) + 3):
        assert watched.see(car((1, POSTER)), called(POSTER, class_id=PERSON)) == 1
    assert watched.watch.state.things == ()
    right = Zone("landing", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
    parked = Watched(FixtureWatch(frozenset({E_BIKE}), frozenset({"cabin"}), (right,), PARAMS))
    assert all(parked.hang(LEARN_S + 20))


def test_a_poster_that_is_taken_down_is_forgotten_and_one_that_is_hidden_for_a_moment_is_not() -> None:
    watched = with_poster()
    passenger = car((1, POSTER), (5, (180, 20, 300, 180)))
    for _ in range(round(PARAMS.forget_s / STEP_S) - 3):
        watched.see(passenger, Detections.empty())
    assert watched.see(car((1, POSTER)), called(POSTER)) == 0, "known again at once"
    for _ in range(round(PARAMS.forget_s / STEP_S) + 2):
        watched.see(car(), Detections.empty())
    assert watched.watch.fixtures == ()
    assert watched.see(car((1, POSTER)), called(POSTER)) == 1


def test_a_light_that_is_off_for_hours_and_a_crowd_make_it_forget_nothing() -> None:
    watched = with_poster()
    for n in range(150):
        watched.see(car((1, POSTER), light=0.02, seed=n), Detections.empty())
    assert watched.see(car((1, POSTER)), called(POSTER)) == 0
    crowd = car((1, POSTER), (5, (0, 10, 160, 180)), (6, (150, 0, 320, 180)))
    for _ in range(150):
        watched.see(crowd, Detections.empty())
    assert watched.see(car((1, POSTER)), called(POSTER)) == 0


def test_a_vehicle_left_in_the_car_counts_again_as_soon_as_it_is_moved() -> None:
    watched = with_poster()  # whatever hangs or stands there
    x1, y1, x2, y2 = POSTER
    for dx in (12, 30, 60):
        moved = (x1 - dx, y1, x2 - dx, y2)
        assert watched.see(car((1, moved)), called(moved)) == 1, dx


def test_what_is_not_called_for_a_day_is_forgotten() -> None:
    watched = with_poster()
    for _ in range(25):
        watched.see(car((1, POSTER)), Detections.empty(), step_s=3600.0)
    assert watched.watch.state.things == ()


def test_a_look_stands_for_a_few_seconds_at_most_and_the_past_for_none() -> None:
    watched = Watched()
    for _ in range(10):
        watched.see(car((1, POSTER)), called(POSTER), step_s=3600.0)
    (thing,) = watched.watch.state.things
    assert thing.called_s == pytest.approx(9 * PARAMS.longest_s)
    watched.see(car((1, POSTER)), called(POSTER), step_s=-500.0)
    (thing,) = watched.watch.state.things
    assert thing.called_s == pytest.approx(9 * PARAMS.longest_s)


def test_nothing_is_looked_at_without_need() -> None:
    watched = Watched()
    for _ in range(5):
        watched.see(car(), Detections.empty())
    assert watched.watch.state.t_s is None
    watched.see(car(), called(POSTER), step_s=0.0)
    looked_s = watched.watch.state.t_s
    watched.see(car(), called(POSTER), step_s=0.1)
    assert watched.watch.state.t_s == looked_s


def test_settings_out_of_range_are_refused() -> None:
    for wrong in (
        {"learn_s": 10.0},
        {"alike": 0.0},
        {"inside": 2.0},
        {"most": 0},
        {"forget_s": float("nan")},
    ):
        with pytest.raises(ConfigError):
            FixtureParams(**wrong)


boxes = st.tuples(st.floats(-50, 330), st.floats(-50, 190), st.floats(0.1, 300), st.floats(0.1, 200)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
looks = st.lists(
    st.tuples(st.floats(0, 30), st.lists(boxes, max_size=3), st.integers(0, 3)), min_size=1, max_size=60
)


@given(looks)
@settings(max_examples=80, deadline=None)
def test_whatever_comes_nothing_is_dropped_before_its_time(day: list[tuple[float, list[Xyxy], int]]) -> None:
    watch = FixtureWatch(frozenset({E_BIKE}), frozenset({"cabin"}), params=PARAMS)
    t_s = 0.0
    for step_s, found, seed in day:
        t_s += step_s
        detections = called(*found)
        left = watch.without(detections, car((seed, POSTER)), t_s)
        if t_s < LEARN_S:
            assert len(left) == len(detections)
        assert len(watch.state.things) <= PARAMS.most
        for thing in watch.state.things:
            assert 0 <= thing.called_s <= t_s
            assert np.isfinite(thing.edges).all()


@dataclass
class Printed:
    """Calls the poster, and whatever else it is told to."""

    calls: int = 0
    more: tuple[Xyxy, ...] = ()

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        self.calls += 1
        return called(POSTER, *self.more)


def perceiver(detector: Printed) -> Perceiver:
    watch = FixtureWatch(frozenset({E_BIKE}), frozenset({"cabin", "doorway"}), params=PARAMS)
    return Perceiver(detector, operating_conf={E_BIKE: 0.5}, fixtures=watch)


def test_a_poster_holds_no_door_any_more_and_the_gate_saves_again() -> None:
    detector = Printed()
    seeing = perceiver(detector)
    last = round(2 * (LEARN_S + 10))
    held = [
        seeing.look(Frame(car((1, POSTER)), n / 2, n)).presence.confirmed is not None for n in range(last)
    ]
    assert any(held)
    assert not any(held[round(2 * (LEARN_S + 5)) :])
    (thing,) = seeing.fixtures
    assert thing.box == pytest.approx((200 / 320, 30 / 180, 280 / 320, 130 / 180))
    before = detector.calls
    for n in range(last, last + 100):
        seeing.look(Frame(car((1, POSTER)), n / 2, n))
    assert detector.calls - before < 30, "a still car with a poster is a still car"
    # An e-bike comes in beside it.
    detector.more = ((40, 60, 140, 170),)
    came = [
        seeing.look(Frame(car((1, POSTER), (7, detector.more[0])), (last + n) / 2 + 50, n)) for n in range(6)
    ]
    assert came[0].presence.suspected
    assert came[-1].presence.confirmed is not None


def test_a_gap_forgets_no_poster_and_another_car_does() -> None:
    seeing = perceiver(Printed())
    for n in range(round(LEARN_S / 2) + 5):
        seeing.look(Frame(car((1, POSTER)), 2.0 * n, n))
    gone_s = LEARN_S + 100
    assert not seeing.look(Frame(car((1, POSTER)), gone_s, 0)).presence.suspected
    seeing.reset()
    assert seeing.fixtures == ()
    assert seeing.look(Frame(car((1, POSTER)), gone_s + 1, 0)).presence.suspected


def chosen_watch(**overrides: object) -> FixtureWatch | None:
    chosen = load_settings(env={}, overrides={"elevators.0.id": "a", **overrides})
    return build_fixtures(chosen, chosen.elevators[0], PresenceParams())


@pytest.mark.parametrize(("cap_s", "learn_s"), [(120.0, 600.0), (600.0, 1200.0)])
def test_the_hold_is_over_by_its_own_cap_long_before(cap_s: float, learn_s: float) -> None:
    watch = chosen_watch(**{"elevators.0.hold.cap_s": cap_s})
    assert watch is not None
    assert watch.params.learn_s == learn_s


def test_it_can_be_switched_off() -> None:
    assert chosen_watch(**{"vision.ignore_fixtures": False}) is None
