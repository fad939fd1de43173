"""The faults that `benchmarks.faults` plays: what is done, and from when to when the time is taken.

Where a fault only stands by (a full disk, a busy machine, a flooded page), the camera is switched off while
it lasts and the time is taken from there: without the fault that is 1.0 s (``stale_s``) and a tick of 0.05 s.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.fault_filmed import (
    JUMPS,
    VISIT_S,
    camera_silent,
    clock_jumps,
    disk_fails,
    disk_full,
    disk_read_only,
    filmed,
    flooded,
)
from benchmarks.fault_threads import loop_hung, vision_hung
from tests.support.loads import busy_cores
from tests.support.stage import LATE_S, Stage
from tests.support.waiting import eventually

FROZEN_S: Final = 5.0
SILENT_S: Final = 3.0  # longer than a board may be silent before it is reported
SLOW_S: Final = 0.1  # before each answer of a slow board


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    what: str
    measure: Callable[[Path], float]  # gets an empty folder, gives seconds


def held(act: Callable[[Stage], float]) -> Callable[[Path], float]:
    """Play ``act`` on a door that is held for what a recording shows."""

    def measure(folder: Path) -> float:
        with Stage(folder, visit_s=VISIT_S) as stage:
            stage.until(True, "held")
            stage.until_phase("HOLDING")
            return act(stage)

    return measure


def killed(stage: Stage) -> float:
    """Guard is killed; its supervisor starts it again."""
    stage.signal(signal.SIGKILL)
    return stage.until(False, "let go")


def stopped(stage: Stage) -> float:
    """Guard is asked to end."""
    stage.signal(signal.SIGTERM)
    return stage.until(False, "let go")


def thawed(stage: Stage) -> float:
    """Guard stands still; counted from when it goes on."""
    pid = stage.signal(signal.SIGSTOP)
    time.sleep(FROZEN_S)
    seen = len(stage.board.mood.levels)
    begun_s = time.monotonic()
    os.kill(pid, signal.SIGCONT)
    while len(stage.board.mood.levels) == seen:
        time.sleep(0.002)
    return time.monotonic() - begun_s


def released(stage: Stage) -> float:
    """A manager lets the door go on the page."""
    eventually(lambda: stage.whole.answers("/api/v1/elevators"), LATE_S, stage.whole.said)
    stage.until_phase("HOLDING")
    begun_s = time.monotonic()
    stage.whole.post("/api/v1/elevators/car-1/release", {"reason": "measured"})
    stage.until(False, "let go")
    return time.monotonic() - begun_s


def power_cut(stage: Stage) -> float:
    """Everything is killed at once; counted from when the power is back and the box starts Liftguard.

    Until then a real board has no power either, and its contact is open; the one played here keeps its state.
    """
    stage.cut_power()
    begun_s = time.monotonic()
    stage.whole.start()
    stage.until(False, "let go")
    return time.monotonic() - begun_s


def model_gone_at_start(stage: Stage) -> float:
    """Guard is killed and its model is gone: the next start lets go before it is refused."""
    for weights in (stage.model / "weights").glob("*.onnx"):
        weights.unlink()
    return killed(stage)


def model_broken_at_reload(stage: Stage) -> float:
    """A broken model is to be loaded in a hold: seconds until it is refused. The door is held on.

    Raises: AssertionError if the door was let go.
    """
    for weights in (stage.model / "weights").glob("*.onnx"):
        weights.write_bytes(b"corrupted")
    before = list(stage.board.mood.levels)
    begun_s = time.monotonic()
    stage.signal(signal.SIGHUP)
    eventually(lambda: "could not be loaded again" in stage.whole.said(), LATE_S, stage.whole.said)
    took_s = time.monotonic() - begun_s
    time.sleep(2.0)
    if stage.board.mood.levels != before:
        raise AssertionError(f"the door was let go: {stage.board.mood.levels}, before {before}")
    return took_s


def board_silent(stage: Stage) -> float:
    """The board takes nothing and says nothing; counted from when it hears again."""
    stage.board.mood.deaf = True
    time.sleep(SILENT_S)
    begun_s = time.monotonic()
    stage.board.mood.deaf = False
    stage.until(False, "let go")
    return time.monotonic() - begun_s


def board_slow(stage: Stage) -> float:
    """Each answer of the board takes its time; a manager lets the door go."""
    stage.board.mood.slow_s = SLOW_S
    time.sleep(1.0)
    return released(stage)


def board_lying(stage: Stage) -> float:
    """The board reports the opposite of what it does."""
    begun_s = time.monotonic()
    stage.board.mood.lying = True
    stage.until(False, "let go")
    return time.monotonic() - begun_s


FAULTS: Final[dict[str, Fault]] = {
    "camera-off": Fault("camera switched off (`stale_s` is 1 s)", filmed()),
    "camera-silent": Fault("camera connected and silent", camera_silent),
    "vision-hung": Fault("vision thread hangs (in one process, relay played)", vision_hung),
    "loop-hung": Fault("hold loop hangs (in one process, relay played)", loop_hung),
    "killed": Fault("guard killed, until the next one lets go", held(killed)),
    "stopped": Fault("guard asked to end", held(stopped)),
    "frozen": Fault(f"guard frozen for {FROZEN_S:g} s, from when it goes on", held(thawed)),
    "power-cut": Fault("power cut, from when Liftguard is started again", held(power_cut)),
    "model-start": Fault(
        "guard killed and its model gone, until the next start lets go", held(model_gone_at_start)
    ),
    "model-reload": Fault(
        "broken model at reload: until it is refused; never let go", held(model_broken_at_reload)
    ),
    "disk-full": Fault("disk full, then camera switched off", disk_full),
    "disk-read-only": Fault("disk read-only at the start, then camera switched off", disk_read_only),
    "disk-fails": Fault("disk becomes read-only in a hold, then camera switched off", disk_fails),
    **{
        f"clock{name.replace(' ', '')}": Fault(
            f"wall clock jumps by {name}, then camera switched off", clock_jumps(away)
        )
        for name, away in JUMPS.items()
    },
    "busy": Fault("three busy programs per core, then camera switched off", filmed(lambda _: busy_cores())),
    "flooded": Fault("page flooded from 24 threads, then camera switched off", filmed(flooded)),
    "board-silent": Fault(f"board silent for {SILENT_S:g} s, from when it hears again", held(board_silent)),
    "board-slow": Fault(f"board answers after {SLOW_S:g} s, released on the page", held(board_slow)),
    "board-lying": Fault("board reports the opposite of what it does", held(board_lying)),
    "released": Fault("released on the page", held(released)),
}
