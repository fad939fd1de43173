"""A camera that is covered, sprayed, turned, frozen or left in the dark is reported; a day in a car is not.

The scene is the bundled clip, as the benchmark draws over it; benchmarks/tamper.py measures many more scenes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.tamper_scenes import Act, everyday, noisy, tampering
from vision.edges import agreement, look_at
from vision.tamper import TamperParams, TamperState, TamperWatch, step
from vision.trouble import TROUBLE_KINDS
from vision.types import Image

CLIP = Path(__file__).parents[2] / "vision" / "samples" / "elevator.mp4"
PARAMS = TamperParams()
LEARN_S = PARAMS.learn_s + 5
WITHIN_S = 10.0  # the design's limit
PAINT = "paint over nine tenths"
KINDS = {
    "cap": {"dark", "covered"},
    "cloth or hand": {"covered"},
    "tape": {"covered"},
    "paint over three quarters": {"sprayed", "covered", "turned"},
    PAINT: {"sprayed", "covered", "turned"},
    "grease": {"sprayed", "covered", "turned"},
    "turned by a third": {"turned"},
    "turned away": {"turned"},
    "frozen": {"frozen"},
    "no light": {"dark"},
}


@cache
def frames() -> tuple[Image, ...]:
    """One picture of each half second."""
    video = cv2.VideoCapture(str(CLIP))
    found: list[Image] = []
    while True:
        ok, frame = video.read()
        if not ok:
            return tuple(found[::5])
        found.append(cv2.resize(frame, (320, 240), interpolation=cv2.INTER_AREA).astype(np.uint8))


def street() -> Image:
    """Some other picture with as many edges: the clip's first one, mirrored and upside down."""
    return np.ascontiguousarray(frames()[0][::-1, ::-1])


def playing(t_s: float) -> Image:
    return frames()[int(t_s * 2) % len(frames())]


def standing(_t_s: float) -> Image:
    """The e-bike stands in the car and nothing moves."""
    return frames()[20]


def play(
    state: TamperState | None,
    act: Act,
    start_s: float,
    length_s: float,
    scene: Callable[[float], Image] = playing,
) -> TamperState:
    """Look twice a second, until something is reported."""
    rng, t_s = np.random.default_rng(3), start_s
    while t_s < start_s + length_s:
        t_s += PARAMS.every_s
        state = step(state, look_at(act(scene(t_s), t_s - start_s, rng)), t_s, PARAMS)
        if state.trouble is not None:
            break
    assert state is not None
    return state


@cache
def learnt() -> TamperState:
    """The state after watching the clip with all that happens in it."""
    state = play(None, lambda image, _t_s, rng: noisy(image, rng), 0.0, LEARN_S)
    assert state.trouble is None
    return state


@pytest.mark.parametrize("what", KINDS)
def test_tampering_is_reported_in_time_and_ends_when_the_view_is_back(what: str) -> None:
    act = tampering(street())[what]
    after = play(learnt(), act, LEARN_S, 20.0, standing if what == "frozen" else playing)
    assert after.trouble is not None
    assert after.trouble.kind in KINDS[what]
    assert after.t_s - LEARN_S <= WITHIN_S
    assert LEARN_S <= after.trouble.since_s <= after.t_s
    rng, t_s = np.random.default_rng(4), after.t_s
    for _ in range(20):
        t_s += PARAMS.every_s
        after = step(after, look_at(noisy(playing(t_s), rng)), t_s, PARAMS)
    assert after.trouble is None, "over once all has been well for a while"


@pytest.mark.parametrize("what", everyday(frames()[0], frames()[0]))
def test_what_happens_every_day_is_not_reported(what: str) -> None:
    act = everyday(street(), frames()[30])[what]
    after = play(learnt(), act, LEARN_S, 30.0)
    assert after.trouble is None


def test_without_a_reference_only_what_needs_none_is_reported() -> None:
    acts = tampering(street())
    for what, kind in (("tape", "covered"), ("cap", "dark"), ("turned away", None)):
        found = play(None, acts[what], 0.0, 20.0).trouble
        assert (found.kind if found else None) == kind, what


def test_what_blinds_and_what_does_not() -> None:
    paint = play(learnt(), tampering(street())[PAINT], LEARN_S, 20.0, standing).trouble
    tape = play(learnt(), tampering(street())["tape"], LEARN_S, 20.0).trouble
    assert paint is not None
    assert tape is not None
    assert (paint.kind, paint.blinds) == ("sprayed", False)
    assert tape.blinds


def test_a_trouble_that_becomes_another_is_told_as_such() -> None:
    acts = tampering(street())
    state = play(learnt(), acts["tape"], LEARN_S, 20.0)
    rng = np.random.default_rng(5)
    t_s, kinds = state.t_s, []
    for _ in range(40):
        t_s += PARAMS.every_s
        state = step(state, look_at(acts["cap"](playing(t_s), 0.0, rng)), t_s, PARAMS)
        kinds.append(state.trouble.kind if state.trouble else None)
    assert kinds[0] == "covered"
    assert kinds[-1] == "dark"
    assert None not in kinds


def test_time_that_runs_backwards_starts_over() -> None:
    state = step(learnt(), look_at(playing(0.0)), 1.0, PARAMS)
    assert (state.first_s, state.trouble) == (1.0, None)


def test_looks_are_rare() -> None:
    watch = TamperWatch()
    due = 0
    for n in range(100):
        due += watch.due(n / 25)
        watch.see(playing(0.0), n / 25)
    assert due == 8, "of 4 s at 25 pictures a second"
    assert watch.due(1.0), "a clock that went back"


def test_agreement_does_not_mind_light_and_contrast_turned_round() -> None:
    image = playing(0.0)
    usual = look_at(image).edges
    assert agreement(usual, usual) == pytest.approx(1.0)
    for other in (image // 3, 255 - image):
        assert agreement(usual, look_at(other.astype(np.uint8)).edges) > 0.75
    turned = look_at(np.ascontiguousarray(image[:, ::-1])).edges
    assert abs(agreement(usual, turned)) < 0.15


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
            st.floats(-5, 500),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_picture_at_any_time_is_taken(looks: list[tuple[Image, float]]) -> None:
    watch = TamperWatch(TamperParams(learn_s=10.0))
    for image, t_s in looks:
        trouble = watch.see(image, t_s)
        assert trouble is None or trouble.kind in TROUBLE_KINDS
        assert trouble is None or trouble.since_s <= t_s or not watch.due(t_s)
    assert watch.state is not None
    assert np.isfinite(watch.state.reference).all()
