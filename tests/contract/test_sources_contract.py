"""What every source promises, whatever is behind it: file, folder of images or a real RTSP server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.support.clips import write_clip, write_images
from tests.support.rtsp_server import RtspServer, why_not
from tests.support.waiting import GENEROUS_S, eventually
from vision.sources import open_source
from vision.types import FrameSource

SIZE_WH = (320, 240)
Open = Callable[[], FrameSource]


@pytest.fixture(scope="module")
def address_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    folder = tmp_path_factory.mktemp("recordings")
    servers: list[RtspServer] = []

    def address(kind: str) -> str:
        if kind == "file":
            path = folder / "clip.mp4"
            return str(path if path.exists() else write_clip(path, 25, size_wh=SIZE_WH))
        if kind == "folder":
            return str(write_images(folder / "images", 10, size_wh=SIZE_WH))
        if not servers:
            if reason := why_not():
                pytest.skip(f"NO RTSP SERVER ON THIS MACHINE, camera tests do not run: {reason}")
            servers.append(RtspServer(size_wh=SIZE_WH).start())
        return servers[0].url

    yield address
    for server in servers:
        server.kill()


@pytest.fixture(params=["file", "folder", pytest.param("rtsp", marks=pytest.mark.rtsp)])
def source(request: pytest.FixtureRequest, address_of: Callable[[str], str]) -> Iterator[FrameSource]:
    opened = open_source(address_of(request.param), loop=True, folder_fps=25)
    yield opened
    opened.close()


def test_frames_are_bgr_stamped_on_the_clock_and_numbered_upwards(source: FrameSource) -> None:
    begun_s = time.monotonic()
    frames = []
    for _ in range(8):
        frame = source.read(GENEROUS_S)
        assert frame is not None
        assert frame.t_s <= time.monotonic()
        frames.append(frame)
    assert frames[-1].t_s >= begun_s
    assert all(earlier.t_s < later.t_s and earlier.seq < later.seq for earlier, later in pairwise(frames))
    for frame in frames:
        assert frame.image.shape == (SIZE_WH[1], SIZE_WH[0], 3)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous


def test_newest_wins_and_every_frame_is_accounted_for(source: FrameSource) -> None:
    assert source.read(GENEROUS_S) is not None
    seen = source.status().frames
    eventually(lambda: source.status().frames >= seen + 6, what=source.status)
    before = source.status()
    frame = source.read(GENEROUS_S)
    assert frame is not None
    assert frame.seq >= before.frames - 1  # the newest, not the one that came first
    assert before.dropped >= 5


def test_status_of_a_working_source(source: FrameSource) -> None:
    assert source.status().state in {"connecting", "live"}
    assert source.read(GENEROUS_S) is not None
    status = source.status()
    assert (status.state, status.size_wh, status.reconnects) == ("live", SIZE_WH, 0)
    assert status.frames >= 1
    assert "320x240" in status.detail
    assert status.detail.endswith(".")
    assert status.since_s <= time.monotonic()


def test_a_read_without_patience_returns_at_once(source: FrameSource) -> None:
    asked_s = time.monotonic()
    for _ in range(50):
        source.read(0)
        source.read(-1)
    assert time.monotonic() - asked_s < GENEROUS_S


def test_close_ends_it_for_good(source: FrameSource) -> None:
    assert source.read(GENEROUS_S) is not None
    asked_s = time.monotonic()
    for _ in range(3):
        source.close()
    assert time.monotonic() - asked_s < GENEROUS_S
    frames = source.status().frames
    assert source.status().state == "closed"
    assert source.read(0.2) is None
    assert (source.status().state, source.status().frames) == ("closed", frames)


def test_close_before_the_first_frame(source: FrameSource) -> None:
    source.close()
    assert source.status().state == "closed"
    assert source.read(0.2) is None


def test_close_leaves_no_thread_behind(source: FrameSource) -> None:
    assert source.read(GENEROUS_S) is not None
    source.close()

    def ours() -> list[str]:
        names = [thread.name for thread in threading.enumerate()]
        return [name for name in names if name.startswith(("watch ", "read ", "play "))]

    eventually(lambda: not ours(), what=ours)


def test_a_recording_that_is_not_looped_ends(address_of: Callable[[str], str], tmp_path: Path) -> None:
    source = open_source(address_of("file"))
    while source.read(GENEROUS_S) is not None:
        pass
    status = source.status()
    assert (status.state, status.frames) == ("ended", 25)
    assert "has ended" in status.detail
    source.close()
    assert source.status().state == "closed"
