"""Whether memory stays flat over hours of frames, and how long guard takes to its first decision.

Memory: the bundled clip, in a loop, through gate, detector, tracks, presence, hold and event book (its writes
go to a sink that counts and forgets) on a simulated clock. Resident memory is read every 500 frames; its
slope after the first tenth, with a 95 % interval, is per simulated hour at 10 frames per second. The decoded
clip itself (about 440 MiB) is part of what is resident.

Start: the real `liftguard guard` on the bundled clip, from the start of the process until what it tells web
shows a phase other than BLIND: the hold has heard of a first frame.

    python -m benchmarks.endurance [--frames N] [--fast-detector] [--minutes M] [--starts N]

With --fast-detector the model is one of a few hundred bytes (`tests.support`), the runtime and all else are
the real ones: that makes 300,000 frames feasible in half an hour. Without it every frame takes
the real model's time.
"""

from __future__ import annotations

import asyncio
import math
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from api.book import EventBook, Identity, Write
from api.load import load_settings
from api.main import build_detector, build_perceiver, build_rules
from api.settings import Settings
from api.web_link import WebLink
from benchmarks.report import Target, emit, parser, run
from hardware.hold import Inputs, initial, step
from vision.errors import ConfigError
from vision.sources import iter_frames
from vision.types import Frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FPS: Final = 10.0
EVERY: Final = 500  # frames between two readings
WARM_UP_SHARE: Final = 0.1  # of the frames: buffers, caches and the allocator's arenas fill
START_LIMIT_S: Final = 120.0
BEGUN: Final = datetime(2026, 1, 1, tzinfo=UTC)  # of the simulated clock
TARGETS: Final = (
    Target("memory.slope_mib_per_h.value", "MiB per hour: flat", most=1.0),
    Target("start_to_decision_s.p50", "s", most=3.0),
)


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--frames", type=int, default=300_000, help="frames to play (default: 300000)")
    made.add_argument("--minutes", type=float, default=math.inf, help="stop then; figures of what was played")
    made.add_argument("--fast-detector", action="store_true", help="a tiny model instead of the real one")
    made.add_argument("--starts", type=int, default=3, help="starts of guard to time (default: 3)")
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(overrides=_tiny(Path(folder)) if options.fast_detector else {})
        detector = build_detector(settings)
        started = [asyncio.run(start_s(Path(folder) / str(n))) for n in range(options.starts)]
        memory, readings = play(settings, options.frames, options.minutes)
    figures: dict[str, Any] = {
        "detector": "fast" if options.fast_detector else "real",
        "frames_wanted": options.frames,
        "memory": memory,
        "start_to_decision_s": {
            "n": len(started),
            "least": round(min(started), 2),
            "p50": round(statistics.median(started), 2),
            "most": round(max(started), 2),
        }
        if started
        else {"n": 0},
        "load_average": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "model": detector.name,
        "model_sha256": detector.sha256,
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([frames / FPS / 3600 for frames, _ in readings], [mib for _, mib in readings])
        axes.set(xlabel="simulated hours at 10 frames/s", ylabel="resident memory, MiB", ylim=(0, None))
        axes.set_title(f"{memory['frames']} frames, {figures['detector']} detector")

    emit("endurance", figures, options, targets=TARGETS, draw=draw)


def play(
    settings: Settings, frames: int, minutes: float = math.inf
) -> tuple[dict[str, Any], list[tuple[int, float]]]:
    """Play the clip again and again. Returns: figures, and (frames played, MiB) of each reading."""
    elevator = settings.elevators[0]
    perceiver = build_perceiver(settings, elevator, build_detector(settings))
    written = 0

    def forget(_write: Write) -> None:
        nonlocal written
        written += 1

    identity = Identity("car-1", "car-1/cabin", "model", "0" * 64, "rules", "bench", simulated=True)
    book = EventBook(identity, lambda t_s: BEGUN + timedelta(seconds=t_s), forget)
    clip = [frame.image for frame in iter_frames("sample")]
    rules, hold = build_rules(elevator), initial(0.0)
    readings = [(0, resident_mib())]
    begun_s, events, inferred, played = time.monotonic(), 0, 0, 0
    for number in track(range(frames), "frames", console=Console(stderr=True), transient=True):
        now_s = number / FPS
        seen = perceiver.look(Frame(clip[number % len(clip)], now_s, number))
        inferred += seen.detections is not None
        book.observe(seen)
        hold, decision = step(hold, seen.presence, Inputs(), now_s, rules)
        for signal in decision.signals:
            events += type(signal).__name__ == "EventStarted"
            book.signal(signal)
        if number % int(FPS) == 0:
            book.flush(now_s, 0.0, 0)
        played = number + 1
        if played % EVERY == 0:
            readings.append((played, resident_mib()))
            if time.monotonic() - begun_s > minutes * 60:
                break
    took_s = time.monotonic() - begun_s
    after = [one for one in readings if one[0] >= played * WARM_UP_SHARE]
    return {
        "frames": played,
        "simulated_hours": round(played / FPS / 3600, 2),
        "inferred": inferred,
        "events": events,
        "writes": written,
        "frames_per_s": round(played / max(took_s, 1e-9), 1),
        "first_mib": round(readings[0][1], 1),
        "warm_mib": round(after[0][1], 1),
        "last_mib": round(after[-1][1], 1),
        "most_mib": round(max(mib for _, mib in readings), 1),
        "slope_mib_per_h": slope(after),
    }, readings


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


async def start_s(folder: Path) -> float:
    """Seconds from the start of a real guard until a phase other than BLIND. Raises: ConfigError."""
    folder.mkdir(parents=True)
    config = folder / "empty.toml"  # a settings file of this machine must not decide
    config.touch()
    own = {"CONFIG": config, "DATA_DIR": folder / "var", "RUNTIME_DIR": folder / "run"}
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LIFTGUARD_")}
    env = kept | {f"LIFTGUARD_{key}": str(path) for key, path in own.items()}
    command = [sys.executable, "-m", "api", "guard"]
    link = WebLink(folder / "run")
    async with link.running():
        with (folder / "log").open("wb") as log:
            begun_s = time.monotonic()
            guard = await asyncio.create_subprocess_exec(*command, env=env, stdout=log, stderr=log)
        try:
            while (now_s := time.monotonic()) - begun_s < START_LIMIT_S and guard.returncode is None:
                state = link.state()
                if state is not None and any(e.phase != "BLIND" for e in state.elevators):
                    return now_s - begun_s
                await asyncio.sleep(0.01)
        finally:
            if guard.returncode is None:
                guard.terminate()
            await guard.wait()
    said = (folder / "log").read_text("utf-8", errors="replace")[-500:]
    raise ConfigError(f"guard made no decision within {START_LIMIT_S:.0f} s; it said: {said}")


def _tiny(folder: Path) -> dict[str, Any]:
    from tests.support.tiny_world import tiny_manifest

    return {
        "detector.manifest": tiny_manifest(folder / "tiny"),
    }


if __name__ == "__main__":
    run(main)
