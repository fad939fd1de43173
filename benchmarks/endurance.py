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
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from api.book import EventBook, Identity, Write
from api.data_dir import StoreOpener
from api.load import load_settings
from api.main import build_detector, build_perceiver, build_rules
from api.recorder import Recorder
from api.settings import Settings
from benchmarks.report import Target, emit, parser, run
from hardware.hold import Inputs, initial, step
from vision.errors import ConfigError
from vision.sources import iter_frames
from vision.types import Frame, Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FPS: Final = 10.0
EVERY: Final = 500  # frames between two readings
WARM_UP_SHARE: Final = 0.1  # of the frames: buffers, caches and the allocator's arenas fill
NOISE: Final = 2.0  # grey levels, as `benchmarks.idle`
EMPTIES: Final = 16  # noisy pictures of the empty car, in turn
MAX_WAITING_S: Final = 60.0  # for the store, which gets minutes of events in seconds
BEGUN: Final = datetime(2026, 1, 1, tzinfo=UTC)  # of the simulated clock
TARGETS: Final = (
    Target("memory.slope_mib_per_h.value", "MiB per hour: flat", most=1.0),
    Target("memory.frames", "frames", least=300_000),
)


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
        memory, readings = play(settings, options.frames, options.every, options.minutes)
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
    settings: Settings, frames: int, every_s: float, minutes: float = math.inf
) -> tuple[dict[str, Any], list[tuple[int, float]]]:
    """Play that day. Returns: figures, and (frames played, MiB) of each reading."""
    elevator = settings.elevators[0]
    perceiver = build_perceiver(settings, elevator, build_detector(settings))
    recorder = Recorder(StoreOpener(settings))
    recorder.start()
    written = 0

    def put(write: Write) -> None:
        nonlocal written
        written += 1
        recorder.put(write)

    identity = Identity("car-1", "car-1/cabin", "model", "0" * 64, "rules", "bench", simulated=True)
    book = EventBook(identity, lambda t_s: BEGUN + timedelta(seconds=t_s), put)
    clip = [frame.image for frame in iter_frames("sample")]
    empties = list(noisy(clip[0], EMPTIES))
    period = max(round(every_s * FPS), len(clip))
    rules, hold = build_rules(elevator), initial(0.0)
    readings = [(0, resident_mib())]
    begun_s, events, inferred, played = time.monotonic(), 0, 0, 0
    for number in track(range(frames), "frames", console=Console(stderr=True), transient=True):
        now_s, at = number / FPS, number % period
        image = clip[at] if at < len(clip) else empties[number % EMPTIES]
        seen = perceiver.look(Frame(image, now_s, number))
        inferred += seen.detections is not None
        book.observe(seen)
        hold, decision = step(hold, seen.presence, Inputs(), now_s, rules)
        for signal in decision.signals:
            events += type(signal).__name__ == "EventStarted"
            book.signal(signal)
        if number % int(FPS) == 0:
            book.flush(now_s, 0.0, 0)
            recorder.drain(MAX_WAITING_S)  # a day's writes come in minutes: none may be lost for that
        played = number + 1
        if played % EVERY == 0:
            readings.append((played, resident_mib()))
            if time.monotonic() - begun_s > minutes * 60:
                break
    recorder.stop(MAX_WAITING_S)
    figures = memory_figures(readings, time.monotonic() - begun_s)
    return figures | {
        "inferred": inferred,
        "events": events,
        "writes": written,
        "writes_lost": recorder.lost,
    }, readings


def memory_figures(readings: list[tuple[int, float]], took_s: float) -> dict[str, Any]:
    """What (frames played, MiB) come to. Args: took_s: how long playing took."""
    played = readings[-1][0]
    after = [one for one in readings if one[0] >= played * WARM_UP_SHARE]
    return {
        "frames": played,
        "simulated_hours": round(played / FPS / 3600, 2),
        "frames_per_s": round(played / max(took_s, 1e-9), 1),
        "first_mib": round(readings[0][1], 1),
        "warm_mib": round(after[0][1], 1),
        "last_mib": round(after[-1][1], 1),
        "most_mib": round(max(mib for _, mib in readings), 1),
        "slope_mib_per_h": slope(after),
    }


def draw_memory(figure: Figure, readings: list[tuple[int, float]], title: str) -> None:
    """Resident memory over simulated hours."""
    axes = figure.subplots()
    axes.plot([frames / FPS / 3600 for frames, _ in readings], [mib for _, mib in readings])
    axes.set(xlabel="simulated hours at 10 frames/s", ylabel="resident memory, MiB", ylim=(0, None))
    axes.set_title(f"{readings[-1][0]} frames, {title}")


def noisy(image: Image, count: int) -> Iterator[Image]:
    """The picture with camera noise, ``count`` times."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield np.clip(image + rng.normal(0, NOISE, image.shape), 0, 255).astype(np.uint8)


def slope(readings: list[tuple[int, float]]) -> dict[str, float]:
    """MiB per simulated hour by least squares, with its 95 % interval (normal errors, as many readings)."""
    if len(readings) < 3:
        return {}
    hours = np.array([frames / FPS / 3600 for frames, _ in readings])
    mib = np.array([value for _, value in readings])
    centred = hours - hours.mean()
    value = float((centred * mib).sum() / (centred**2).sum())
    left = mib - mib.mean() - value * centred
    error = math.sqrt(float((left**2).sum()) / (len(mib) - 2) / float((centred**2).sum()))
    return {
        "value": round(value, 3),
        "low": round(value - 1.96 * error, 3),
        "high": round(value + 1.96 * error, 3),
    }


def resident_mib() -> float:
    """Resident memory of this process. Raises: ConfigError where there is no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError as exc:
        raise ConfigError(f"resident memory is read from /proc: {exc}; run this on Linux") from exc
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _tiny(folder: Path) -> dict[str, Any]:
    from tests.support.tiny_world import tiny_manifest

    return {
        "detector.manifest": tiny_manifest(folder / "tiny"),
    }


if __name__ == "__main__":
    run(main)
