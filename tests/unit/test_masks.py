"""Privacy masks: black before anything is seen, and no packets that show what is under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.load import load_settings
from api.main import build_source
from tests.support.clips import write_clip
from tests.support.waiting import eventually
from vision.errors import ConfigError
from vision.sources.masked import black_out
from vision.sources.packets import EncodedPacket
from vision.types import Frame, Image

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def white(width: int, height: int) -> Image:
    return np.full((height, width, 3), 255, np.uint8)


shares = st.floats(0, 1)


@given(
    st.tuples(st.integers(2, 90), st.integers(2, 70)),
    st.tuples(shares, shares, shares, shares).filter(lambda b: b[2] - b[0] > 0.01 and b[3] - b[1] > 0.01),
)
def test_every_pixel_that_a_mask_covers_is_black_and_none_far_from_it(
    size_wh: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    width, height = size_wh
    x1, y1, x2, y2 = box
    image = black_out(white(width, height), [((x1, y1), (x2, y1), (x2, y2), (x1, y2))])
    black = image.max(axis=2) == 0
    assert np.isin(image, (0, 255)).all()
    for y, x in np.ndindex(height, width):
        inside = x1 * width <= x and x + 1 <= x2 * width and y1 * height <= y and y + 1 <= y2 * height
        apart = x + 1 < x1 * width - 1 or x > x2 * width + 1 or y + 1 < y1 * height - 1 or y > y2 * height + 1
        assert not inside or black[y, x]
        assert not apart or not black[y, x]


def test_a_mask_of_the_whole_picture_leaves_nothing() -> None:
    assert not black_out(white(33, 21), [((0, 0), (1, 0), (1, 1), (0, 1))]).any()


def test_a_picture_that_may_not_be_changed_is_copied() -> None:
    image = white(10, 10)
    image.flags.writeable = False
    assert not black_out(image, [LEFT])[:, :4].any()
    assert image.all()


@pytest.mark.parametrize("masked", [True, False])
def test_a_masked_camera_gives_black_frames_and_no_packets(tmp_path: Path, masked: bool) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 20, draw=lambda _, size: white(*size))
    overrides = {"elevators.0.camera.source": str(clip), "elevators.0.camera.masks": [LEFT] if masked else []}
    elevator = load_settings(env={}, overrides=overrides).elevators[0]
    packets: list[EncodedPacket] = []
    frames: list[Frame] = []
    source = build_source(elevator, packets.append)

    def read() -> bool:
        frame = source.read(0.1)
        frames.extend([frame] if frame else [])
        return source.status().state == "ended"

    eventually(read)
    source.close()
    assert frames
    for frame in frames:
        assert bool(frame.image[:, :32].max() < 5) is masked
        assert frame.image[:, 33:].min() > 200
    assert bool(packets) is not masked


def test_two_corners_are_no_mask() -> None:
    with pytest.raises(ConfigError, match="masks"):
        load_settings(env={}, overrides={"elevators.0.camera.masks": [[[0, 0], [1, 1]]]})
