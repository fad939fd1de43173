"""When a decoder leaves out what it can."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from vision.sources.connection import Connection
from vision.sources.haste import AT_LEAST_S, SETTLE_S, Haste
from vision.types import Image


def told(haste: Haste, seconds: float, *, unread: float, begin_s: float = 0.0, lag_s: float = 0.0) -> bool:
    """So long at 10 pictures a second, of which this share was replaced unread. Returns: the last answer."""
    answer, owed = False, 0.0
    for number in range(round(seconds * 10)):
        owed += unread
        lost, owed = owed >= 1, owed - (owed >= 1)
        stream_s = begin_s + number / 10
        answer = haste.note(stream_s + lag_s, stream_s, lost)
    return answer


def test_a_box_that_looks_at_every_picture_skips_none() -> None:
    assert not told(Haste(), 60, unread=0.0)
    assert not told(Haste(), 60, unread=0.6)


def test_pictures_that_nobody_reads_are_a_reason_until_they_are_read_again() -> None:
    haste = Haste()
    assert told(haste, 3, unread=0.8)
    assert told(haste, AT_LEAST_S - 3, unread=0.0, begin_s=3.0)  # not with every passenger
    assert not told(haste, 5, unread=0.0, begin_s=AT_LEAST_S)


def test_a_short_burst_is_no_reason() -> None:
    haste = Haste()
    told(haste, 3, unread=0.0)
    assert not told(haste, 0.6, unread=1.0, begin_s=3.0)


def test_pictures_that_come_late_are_a_reason() -> None:
    haste = Haste()
    assert not told(haste, SETTLE_S + 1, unread=0.0)
    assert told(haste, 0.2, unread=0.0, begin_s=SETTLE_S + 1, lag_s=0.8)


def test_the_burst_at_the_start_of_a_stream_makes_the_rest_not_late() -> None:
    """Eight pictures at once, as a server sends them; the others then come 0.8 s behind those."""
    haste = Haste()
    assert not any(haste.note(0.0, number / 10, False) for number in range(8))
    assert not told(haste, 60, unread=0.0, begin_s=0.8, lag_s=0.0)
    assert told(haste, 0.2, unread=0.0, begin_s=60.8, lag_s=0.8)


@pytest.mark.parametrize("drift", [-0.0001, 0.0001])
def test_a_camera_whose_clock_is_off_is_not_late(drift: float) -> None:
    haste = Haste()
    assert not any(haste.note(n / 10, n / 10 * (1 + drift), False) for n in range(100_000))


def test_a_stream_that_does_not_say_its_time_is_not_late() -> None:
    haste = Haste()
    assert not any(haste.note(n / 10, None, False) for n in range(100))


def clip(path: Path, b_frames: int) -> Path:
    """Forty moving pictures as H.264 with so many B-frames between two others."""
    with av.open(str(path), "w") as container:
        stream = cast("Any", container.add_stream("libx264", rate=10))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"x264-params": f"bframes={b_frames}:b-adapt=0:b-pyramid=none:keyint=10"}
        for number in range(40):
            image = np.full((48, 64, 3), 90, np.uint8)
            image[10:30, number : number + 20] = 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def decoded(path: Path, *, hurry: bool) -> dict[float, Image]:
    """Time in the stream -> picture."""
    with Connection(str(path), {}) as connection:  # one decoder thread, as of a camera
        connection.hurry = hurry
        return {
            picture.time or 0.0: np.asarray(picture.to_ndarray(format="gray"), np.uint8)
            for picture in connection.pictures()
            if picture is not None
        }


def test_what_is_left_out_changes_nothing_of_the_rest(tmp_path: Path) -> None:
    path = clip(tmp_path / "b.mp4", b_frames=2)
    every, some = decoded(path, hurry=False), decoded(path, hurry=True)
    assert len(every) == 40
    assert 10 <= len(some) <= 24
    assert all(np.array_equal(every[at], image) for at, image in some.items())


def test_a_stream_in_which_all_refer_to_one_another_loses_none(tmp_path: Path) -> None:
    assert len(decoded(clip(tmp_path / "p.mp4", b_frames=0), hurry=True)) == 40
