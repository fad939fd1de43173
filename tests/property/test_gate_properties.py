"""What always holds for the motion gate."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.gate import GateParams, MotionGate, decide, thumbnail
from vision.types import Image

W, H = 640, 360
BLOB_PX = (
    30  # side; the gate states 20 x 20 px at 640 x 360 that fill whole cells: 30 covers those wherever it is
)
BLOB_DELTA = 25  # grey levels, above the threshold at the noise used here


def noisy(seed: int, sigma: float, drift: float = 0.0) -> Image:
    rng = np.random.default_rng(seed)
    picture = 110 + drift + rng.normal(0, sigma, (H, W, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


thumbs = st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1.5), st.booleans()), min_size=1, max_size=40)


def picture(kind: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    thumb = np.full((36, 64), 100, np.uint8)
    if kind == 1:
        thumb[10:20, 10:20] = 30
    elif kind == 2:
        thumb += 3
    elif kind == 3:
        thumb[:] = 200
    return thumb


@settings(deadline=None, max_examples=50)
@given(thumbs)
def test_never_closed_while_blocked_and_never_for_longer_than_the_refresh(
    frames: list[tuple[int, float, bool]],
) -> None:
    p = GateParams()
    state, t_s, inferred_s, moved_s = None, 0.0, None, 0.0
    for kind, step_s, blocked in frames:
        t_s += step_s
        state, decision = decide(state, picture(kind), t_s, blocked_present=blocked, params=p)
        if blocked:
            assert decision.open
        if decision.open:
            inferred_s = t_s
        if decision.reason in {"motion", "first"}:
            moved_s = t_s
        assert inferred_s is not None  # the first frame is always inferred
        longest_s = p.refresh_s if t_s - moved_s <= p.rest_s else p.rest_refresh_s
        assert t_s - inferred_s < longest_s
        assert decision.open == (decision.reason != "still")


@settings(deadline=None, max_examples=50)
@given(thumbs)
def test_the_gate_is_deterministic(frames: list[tuple[int, float, bool]]) -> None:
    def run() -> list[object]:
        state, t_s, out = None, 0.0, []
        for kind, step_s, blocked in frames:
            t_s += step_s
            state, decision = decide(state, picture(kind), t_s, blocked_present=blocked, params=GateParams())
            out.append(decision)
        return list(out)

    assert run() == run()


@settings(deadline=None, max_examples=20)
@given(
    st.integers(0, W - BLOB_PX),
    st.integers(0, H - BLOB_PX),
    st.sampled_from([-1, 1]),
    st.floats(0, 6),
    st.integers(0, 10**6),
    st.integers(30, 37),
)
def test_a_blob_of_the_stated_size_opens_the_gate_within_one_frame(
    x: int, y: int, sign: int, sigma: float, seed: int, still: int
) -> None:
    gate = MotionGate()
    frames = [noisy(seed + i, sigma) for i in range(3)]
    for i in range(still):
        gate.open(frames[i % 3], i / 10, False)
    opened = []
    for i in range(2):
        image = frames[i].astype(np.int16)
        image[y : y + BLOB_PX, x : x + BLOB_PX] += sign * BLOB_DELTA
        shown = np.clip(image, 0, 255).astype(np.uint8)
        opened.append(gate.open(shown, (still + i) / 10, False).open)
    assert any(opened)


@settings(deadline=None, max_examples=20)
@given(st.integers(8, 400), st.integers(8, 700), st.integers(0, 255))
def test_a_flat_picture_has_a_flat_thumbnail(h: int, w: int, level: int) -> None:
    thumb = thumbnail(np.full((h, w, 3), level, np.uint8), (64, 36))
    np.testing.assert_allclose(thumb, level, atol=1)
