"""Faults of `benchmarks.faults` in which a real RTSP camera is switched off while something else is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final

from tests.support.failing_disk import FailingDisk
from tests.support.loads import flood
from tests.support.rtsp_server import RtspServer, repeated
from tests.support.small_disk import SmallDisk
from tests.support.stage import LATE_S, Stage
from tests.support.tiny_world import visit_clip
from tests.support.waiting import eventually
from tests.support.wall_clock import WallClock

VISIT_S: Final = 60.0
JUMPS: Final = {
    "+1 h": timedelta(hours=1),
    "-1 h": timedelta(hours=-1),
    "+1 day": timedelta(days=1),
    "-1 day": timedelta(days=-1),
}


class Filmed:
    """A stage whose picture comes from a real RTSP server."""

    def __init__(
        self, folder: Path, data_dir: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.stage = Stage(folder, visit_s=VISIT_S, data_dir=data_dir)
        self.stage.whole.set(env or {})
        clip = visit_clip(folder / "camera.mp4", empty_s=1.5, visit_s=VISIT_S, after_s=1.0)
        self.camera = RtspServer(repeated(clip, 4, folder / "endless.mp4")).start()
        self.stage.whole.set({"LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE": self.camera.url})

    def __enter__(self) -> Filmed:
        self.stage.__enter__()
        self.stage.until(True, "held")  # not asked of the page, which does without a disk
        return self

    def __exit__(self, *_: object) -> None:
        self.stage.__exit__(None, None, None)
        self.camera.kill()

    def lost(self) -> float:
        """Switch the camera off. Returns: seconds until the door is let go."""
        begun_s = time.monotonic()
        self.camera.kill()
        self.stage.until(False, "let go")
        return time.monotonic() - begun_s


def filmed(
    while_: Callable[[Stage], AbstractContextManager[object]] | None = None,
) -> Callable[[Path], float]:
    """Switch the camera off in a hold, while something else goes on."""

    def measure(folder: Path) -> float:
        with Filmed(folder) as scene, ExitStack() as stack:
            if while_:
                stack.enter_context(while_(scene.stage))
                time.sleep(2.0)  # until it has set in
            return scene.lost()

    return measure


def camera_silent(folder: Path) -> float:
    """The camera's server stands still: the connection is there, nothing comes."""
    with Filmed(folder) as scene:
        begun_s = time.monotonic()
        scene.camera.freeze()
        try:
            scene.stage.until(False, "let go")
            return time.monotonic() - begun_s
        finally:
            scene.camera.thaw()


def disk_full(folder: Path) -> float:
    """The disk is full; then the camera is switched off."""
    disk = SmallDisk(folder / "disk", size="16m")
    try:
        with Filmed(folder, disk.at / "var") as scene:
            disk.fill()
            time.sleep(2.0)  # the recorder has met it
            try:
                return scene.lost()
            finally:
                disk.empty()
    finally:
        disk.gone()


def disk_read_only(folder: Path) -> float:
    """The disk could not be written when all was started; then the camera is switched off."""
    disk = SmallDisk(folder / "disk", size="16m")
    try:
        disk.read_only(True)
        with Filmed(folder, disk.at / "var") as scene:
            return scene.lost()
    finally:
        disk.gone()


def disk_fails(folder: Path) -> float:
    """The disk becomes read-only under open files; then the camera is switched off."""
    disk = FailingDisk(folder / "disk")
    try:
        with Filmed(folder, disk.at / "var") as scene:
            disk.fail()
            eventually(lambda: "cannot be stored" in scene.stage.whole.said(), LATE_S, scene.stage.whole.said)
            return scene.lost()
    finally:
        disk.gone()


def clock_jumps(away: timedelta) -> Callable[[Path], float]:
    """The wall clock jumps in a hold, which goes on; then the camera is switched off.

    Raises: AssertionError if the hold did not go on.
    """

    def measure(folder: Path) -> float:
        clock = WallClock(folder / "clock")
        with Filmed(folder, env=clock.env) as scene:
            ear = scene.stage.ear
            scene.stage.until_phase("HOLDING")
            begun = ear.at()
            ear.phases.clear()
            clock.jump_to(round(away.total_seconds()))
            eventually(lambda: abs(ear.at() - begun) > abs(away) / 2, LATE_S, "guard to see the jump")
            time.sleep(2.0)
            if ear.phases != {"HOLDING"}:
                raise AssertionError(f"the hold did not go on: {ear.phases}")
            return scene.lost()

    return measure


def flooded(stage: Stage) -> AbstractContextManager[object]:
    """The page is asked from many threads at once."""
    eventually(lambda: stage.whole.answers("/api/v1/events"), LATE_S, stage.whole.said)
    return flood(f"http://127.0.0.1:{stage.whole.port}/api/v1/events")
