"""The motion gate: when a frame is worth an inference."""

import cv2
import numpy as np
import pytest

from vision.errors import ConfigError
from vision.gate import GateParams, GateState, MotionGate, OpenGate, decide, thumbnail
from vision.types import Image
from vision.zones import Zone

W, H = 640, 360


def scene(level: float = 100, noise: float = 0, seed: int = 0) -> Image:
    """A car with some structure, a global light level and sensor noise."""
    yy, xx = np.mgrid[0:H, 0:W]
    picture = level + 20 * np.sin(xx / 40) + 15 * np.cos(yy / 30)
    grain = np.random.default_rng(seed).normal(0, noise, (H, W)) if noise else 0
    return np.repeat(np.clip(picture + grain, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def with_blob(image: Image, x: int, y: int, size: int = 40, delta: int = 40) -> Image:
    out = image.astype(np.int16)
    out[y : y + size, x : x + size] += delta
    return np.clip(out, 0, 255).astype(np.uint8)


def reasons(gate: MotionGate, images: list[Image], fps: float = 10, blocked: bool = False) -> list[str]:
    return [gate.open(image, i / fps, blocked).reason for i, image in enumerate(images)]


def test_a_still_car_is_inferred_once_a_second_only() -> None:
    seen = reasons(MotionGate(), [scene()] * 80)
    assert seen[0] == "first"
    assert set(seen[1:21]) <= {"linger"}
    later = seen[25:]
    assert set(later) == {"still", "refresh"}
    assert 5 <= later.count("refresh") <= 6


def test_noise_and_slow_light_drift_are_no_motion() -> None:
    images = [scene(100 + 0.1 * i, noise=6, seed=i) for i in range(100)]
    seen = reasons(MotionGate(), images)
    assert "motion" not in seen
    assert seen.count("still") > 50


def test_strong_noise_raises_the_threshold() -> None:
    images = [scene(100, noise=10, seed=i) for i in range(100)]
    gate = MotionGate()
    seen = reasons(gate, images)
    assert seen[30:].count("motion") <= 2
    assert gate.open(with_blob(images[0], 300, 200, 60, 60), 10.0, False).reason == "motion"


def test_motion_opens_on_the_same_frame_and_lingers() -> None:
    still, moved = [scene()] * 40, with_blob(scene(), 300, 200)
    seen = reasons(MotionGate(), [*still, moved, *still])
    assert seen[39] == "still"
    assert seen[40:42] == ["motion", "motion"]  # it comes, it goes
    assert seen[43] == "linger"
    assert seen[59] == "linger"
    assert "still" in seen[62:]


def test_what_creeps_is_compared_with_the_last_inferred_frame() -> None:
    """Two grey levels per frame never differ from the frame before, but add up."""
    gate = MotionGate(GateParams(refresh_s=5))
    images = [scene()] * 40 + [with_blob(scene(), 300, 200, 60, min(2 * i, 80)) for i in range(40)]
    assert "motion" in reasons(gate, images)[40:50]


def test_a_switched_light_is_motion() -> None:
    seen = reasons(MotionGate(), [scene(100)] * 40 + [scene(160)])
    assert seen[-1] == "motion"


def test_it_never_closes_while_something_blocked_is_there() -> None:
    gate = MotionGate()
    assert "still" not in reasons(gate, [scene()] * 60, blocked=True)


def test_one_dead_pixel_is_no_motion() -> None:
    dead = scene().copy()
    dead[100, 100] = 255
    seen = reasons(MotionGate(), [scene() if i % 2 else dead for i in range(60)])
    assert "motion" not in seen


def test_another_resolution_and_time_running_back_start_over() -> None:
    gate = MotionGate()
    gate.open(scene(), 10.0, False)
    assert gate.open(scene(), 9.0, False).reason == "first"
    state: GateState | None = None
    for wh in ((64, 36), (32, 18)):
        state, decision = decide(
            state, thumbnail(scene(), wh), 1.0, blocked_present=False, params=GateParams(thumb_wh=wh)
        )
        assert decision.reason == "first"
    gate.reset()
    assert gate.open(scene(), 9.1, False).reason == "first"


@pytest.mark.parametrize("shape", [(360, 640, 3), (1080, 1920, 3), (97, 131, 3), (4, 4, 3)])
def test_thumbnails_of_any_picture(shape: tuple[int, ...]) -> None:
    thumb = thumbnail(np.full(shape, 77, np.uint8), (64, 36))
    assert thumb.shape == (36, 64)
    assert thumb.dtype == np.uint8
    np.testing.assert_allclose(thumb, 77, atol=1)


def test_parameters_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"GateParams\.refresh_s"):
        GateParams(refresh_s=60)


def test_a_burned_in_clock_does_not_keep_the_gate_open() -> None:
    images = []
    for i in range(80):
        image = scene()
        cv2.putText(
            image, f"2020-01-01 13:37:0{i // 10}", (20, 20), cv2.FONT_HERSHEY_PLAIN, 1, (255, 255, 255)
        )
        images.append(image)
    seen = reasons(MotionGate(), images)
    assert "motion" not in seen
    assert "still" in seen


def test_a_screen_in_an_ignore_zone_is_not_looked_at() -> None:
    screen = Zone("ignore", ((0.4, 0.4), (0.7, 0.4), (0.7, 0.8), (0.4, 0.8)))
    images = [with_blob(scene(), 300, 180, 80, 60 * (i % 2)) for i in range(60)]
    assert "motion" in reasons(MotionGate(), images)
    assert "motion" not in reasons(MotionGate(zones=(screen,)), images)
    gate = MotionGate(zones=(screen,))
    gate.open(scene(), 0.0, False)
    assert gate.open(with_blob(scene(), 100, 180), 0.1, False).reason == "motion"  # beside it


def test_an_open_gate_never_closes() -> None:
    assert all(OpenGate().open(scene(), i / 10, False).open for i in range(40))


def test_a_car_at_rest_is_looked_at_every_five_seconds_and_at_once_when_something_moves() -> None:
    said = reasons(MotionGate(), [scene()] * 400)
    assert said[:100].count("refresh") >= 7  # the first ten seconds: once a second, after the first look
    assert 5 <= said[101:400].count("refresh") <= 6
    gate = MotionGate()
    for i in range(400):
        gate.open(scene(), i / 10, False)
    assert gate.open(with_blob(scene(), 100, 180), 40.0, False).reason == "motion"


def test_a_light_that_warms_up_is_no_motion() -> None:
    gate = MotionGate()  # eight grey levels between two refreshes, more than `min_delta`
    assert "motion" not in reasons(gate, [scene(60 + 0.8 * i) for i in range(80)])
