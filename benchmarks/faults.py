"""How long a door stays held after a fault: real processes, and a Modbus board played by this program.

Prints a table and one JSON line with the seconds from the fault until the board's contact opened. Without a
charge pump and without the board's own fail-safe timer: what the program alone gives.

    python -m benchmarks.faults [--times N]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.machine import where_measured
from tests.support.rtsp_server import RtspServer, repeated
from tests.support.stage import Stage
from tests.support.tiny_world import visit_clip


def killed(stage: Stage) -> float:
    """Guard is killed; its supervisor starts it again."""
    stage.signal(signal.SIGKILL)
    return stage.until(False, "let go")


def stopped(stage: Stage) -> float:
    """Guard is asked to end."""
    stage.signal(signal.SIGTERM)
    return stage.until(False, "let go")


def thawed(stage: Stage) -> float:
    """Guard stands still for five seconds; counted from when it goes on."""
    pid = stage.signal(signal.SIGSTOP)
    time.sleep(5.0)
    seen = len(stage.board.mood.levels)
    begun_s = time.monotonic()
    os.kill(pid, signal.SIGCONT)
    while len(stage.board.mood.levels) == seen:
        time.sleep(0.002)
    return time.monotonic() - begun_s


def released(stage: Stage) -> float:
    """A manager lets the door go on the page."""
    begun_s = time.monotonic()
    stage.whole.post("/api/v1/elevators/car-1/release", {"reason": "measured"})
    stage.until(False, "let go")
    return time.monotonic() - begun_s


class WithCamera(Stage):
    """Its picture comes from a real RTSP server, which can be switched off."""

    def __init__(self, folder: Path, *, visit_s: float) -> None:
        super().__init__(folder, visit_s=visit_s)
        clip = visit_clip(folder / "camera.mp4", empty_s=1.5, visit_s=visit_s, after_s=1.0)
        self.camera = RtspServer(repeated(clip, 4, folder / "endless.mp4")).start()
        self.whole.set({"LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE": self.camera.url})


def camera_lost(stage: Stage) -> float:
    """The camera is switched off."""
    assert isinstance(stage, WithCamera)  # noqa: S101  see FAULTS
    stage.camera.kill()
    return stage.until(False, "let go")


FAULTS: Final[dict[str, Callable[[Stage], float]]] = {
    "camera switched off": camera_lost,
    "guard killed, until the next one lets go": killed,
    "guard asked to end": stopped,
    "guard frozen, from when it goes on": thawed,
    "released on the page": released,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="how often each (default: 5)")
    arguments = parser.parse_args()
    took: dict[str, list[float]] = {name: [] for name in FAULTS}
    for name, fault in FAULTS.items():
        for _ in range(arguments.times):
            kind = WithCamera if fault is camera_lost else Stage
            with tempfile.TemporaryDirectory() as folder, kind(Path(folder), visit_s=60.0) as stage:
                stage.until(True, "held")
                stage.until_phase("HOLDING")
                took[name].append(fault(stage))
    print("| fault | p50 s | longest s |\n|---|---|---|")
    for name, all_s in took.items():
        print(f"| {name} | {np.median(all_s):.2f} | {max(all_s):.2f} |")
    shown = {name: [round(s, 3) for s in all_s] for name, all_s in took.items()}
    load = os.getloadavg()[0]
    print(json.dumps({"benchmark": "faults", "seconds": shown, "load": round(load, 1), **where_measured()}))


if __name__ == "__main__":
    main()
