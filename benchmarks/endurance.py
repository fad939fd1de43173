"""Whether memory stays flat over hours of frames.

A day as an elevator has it: every few minutes the bundled clip (an e-bike, a wheelchair and a stroller come
and go), in between an empty, still car with camera noise, in which the motion gate rests. All of it goes
through gate, detector, tracks, presence, hold, event book, recorder and an SQLite store on a simulated clock.
Resident memory is read every 500 frames; its slope after the first tenth, with a 95 % interval, is per
simulated hour at 10 frames per second. The decoded clip itself (about 440 MiB) is part of what is resident.

    python -m benchmarks.endurance [--frames N] [--every S] [--fast-detector] [--minutes M]

With --every 0 the clip runs all the time. With --fast-detector the model is one of a few hundred bytes
(`tests.support`), the runtime and all else are the real ones.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track

from api.load import load_settings
from api.main import build_detector
from api.settings import Settings
from benchmarks.day_car import Car
from benchmarks.day_entries import FPS
from benchmarks.memory import TARGETS, Readings, draw_memory, memory_figures
from benchmarks.report import emit, parser, run
from benchmarks.still_car import stills
from models.detector import OnnxDetector
from vision.sources import iter_frames

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--frames", type=int, default=300_000, help="frames to play (default: 300000)")
    made.add_argument("--minutes", type=float, default=math.inf, help="stop then; figures of what was played")
    made.add_argument("--fast-detector", action="store_true", help="a tiny model instead of the real one")
    made.add_argument("--every", type=float, default=300.0, help="seconds from clip to clip (default: 300)")
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        own = {
            "data_dir": str(Path(folder) / "var"),
            **(_tiny(Path(folder)) if options.fast_detector else {}),
        }
        settings = load_settings(overrides=own)
        settings.data_dir.mkdir(parents=True)
        detector = build_detector(settings)
        memory, readings = play(settings, detector, options.frames, options.every, options.minutes)
    figures: dict[str, Any] = {
        "detector": "fast" if options.fast_detector else "real",
        "frames_wanted": options.frames,
        "memory": memory,
        "clip_every_s": options.every,
        "load_average": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "model": detector.name,
        "model_sha256": detector.sha256,
    }

    def draw(figure: Figure) -> None:
        draw_memory(figure, readings, f"{figures['detector']} detector")

    emit("endurance", figures, options, targets=TARGETS, draw=draw)


def play(
    settings: Settings, detector: OnnxDetector, frames: int, every_s: float, minutes: float = math.inf
) -> tuple[dict[str, Any], list[tuple[int, float]]]:
    """Play that day. Returns: figures, and (frames played, MiB) of each reading."""
    car = Car.of(settings, detector, store=True)
    clip = [frame.image for frame in iter_frames("sample")]
    empties = stills(clip[0])
    period = max(round(every_s * FPS), len(clip))
    readings, begun_s = Readings(), time.monotonic()
    for number in track(range(frames), "frames", console=Console(stderr=True), transient=True):
        at = number % period
        car.show(clip[at] if at < len(clip) else next(empties))
        if readings.read(car.frames) and time.monotonic() - begun_s > minutes * 60:
            break
    car.close()
    figures = memory_figures(readings.taken, time.monotonic() - begun_s)
    return figures | {
        "inferred": car.inferred,
        "events": car.events,
        "writes": car.writes,
        "writes_lost": car.writes_lost,
    }, readings.taken


def _tiny(folder: Path) -> dict[str, Any]:
    from tests.support.tiny_world import tiny_manifest

    return {
        "detector.manifest": tiny_manifest(folder / "tiny"),
    }


if __name__ == "__main__":
    run(main)
