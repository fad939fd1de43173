"""How many cameras one box carries: 1080p H.264 at 10 frames per second from a real RTSP server.

For each number of cameras: frames looked at per second and camera; milliseconds from decoder to presence;
the same for every picture that came, where one that was replaced by a newer one waits for the look at that
(what a pre-hold waits for); how even the cameras were served; and how many cores decoding alone takes.
Every camera has its own decoder, pipeline and thread and they take turns, as in guard. All play the same
clip at the same time, so whatever happens, happens in all of them at once: no real house is as hard.

    python -m benchmarks.throughput [--cameras 1 2 …] [--seconds S] [--threads N] [--no-gate] [--no-turns]
"""

from __future__ import annotations

import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console

from api.load import load_settings
from api.main import build_detector, share_cores
from benchmarks.report import Target, emit, parser, run, spread
from benchmarks.rtsp import RtspServer, encode, need_server
from vision.gate import MotionGate, OpenGate
from vision.perceive import Perceiver
from vision.sources import iter_frames, open_source
from vision.turns import Turns, places_for
from vision.types import Frame, FrameSource, Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FPS: Final = 10
SIZE_WH: Final = (1920, 1080)
CLIP_S: Final = 60  # the sample clip once, and a little more
DECODE_S: Final = 4.0  # of nothing but decoding, before anything is looked at
SETTLE_S: Final = 2.0  # after the last camera has given a picture
TARGETS: Final = (
    Target("cameras.8.every_picture_ms.p95", "decoder to presence with 8 cameras", most=300.0),
    Target("cameras.8.least_fps_share", "of the mean camera: nobody starves", least=0.8),
)


class Camera:
    """One camera's thread: newest frame, look, note."""

    def __init__(self, url: str, perceiver: Perceiver, turns: Turns | None) -> None:
        self.source: FrameSource = open_source(url)
        self._perceiver = perceiver
        self._turns = turns or Turns(1)
        self._stop = threading.Event()
        self.may_look = threading.Event()
        self.to_presence_s: list[float] = []
        self.every_picture_s: list[float] = []
        self.looked = 0
        self.started = threading.Event()
        self.counting = False
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, then the source."""
        self._stop.set()
        self._thread.join(30)
        self.source.close()

    def _loop(self) -> None:
        before: Frame | None = None
        while not self._stop.is_set():
            if self.started.is_set() and not self.may_look.wait(0.1):
                continue  # only decoding is measured
            frame = self.source.read(0.5)
            if frame is None:
                continue
            with self._turns.taken() as waited:
                if waited:
                    frame = self.source.read(0) or frame
                self._perceiver.look(frame)
            done_s = time.monotonic()
            self.started.set()
            if self.counting:
                self.looked += 1
                self.to_presence_s.append(done_s - frame.t_s)
                replaced = 0 if before is None else frame.seq - before.seq - 1
                self.every_picture_s += [done_s - frame.t_s + n / FPS for n in range(replaced + 1)]
            before = frame


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    made.add_argument("--seconds", type=float, default=20.0, help="measured per step (default: 20)")
    made.add_argument(
        "--threads", type=int, help="threads per inference at most (default: as in the settings)"
    )
    made.add_argument("--size", type=int, nargs=2, default=SIZE_WH, help="pixels; 640 360 is a sub-stream")
    made.add_argument("--no-turns", action="store_true", help="all cameras at once, for comparison")
    made.add_argument("--no-gate", action="store_true", help="infer every frame: the worst case")
    made.add_argument("--model", help="model of the manifest (default: as in the settings)")
    options = made.parse_args()
    need_server()
    chosen = {"detector.threads": options.threads, "detector.model": options.model}
    settings = load_settings(overrides={key: value for key, value in chosen.items() if value})
    console = Console(stderr=True)
    figures: dict[str, Any] = {"cameras": {}}
    with tempfile.TemporaryDirectory(prefix="liftguard-bench-") as folder:
        clip = Path(folder) / "camera.mp4"
        with console.status("encoding a camera's stream …"):
            encode(clip, islice(cycle(_sample()), CLIP_S * FPS), FPS, (options.size[0], options.size[1]))
        for count in options.cameras:
            with console.status(f"{count} camera(s) …"), RtspServer(clip) as server:
                figures["cameras"][str(count)] = _measure(settings, server.url, count, options)
    name = build_detector(settings).name
    figures |= {"fps": FPS, "size_wh": list(options.size), "model": name}
    figures |= {"gate": not options.no_gate, "turns": not options.no_turns}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        steps = [int(count) for count in figures["cameras"]]
        rows = list(figures["cameras"].values())
        left.plot(steps, [row["fps_per_camera"] for row in rows], marker="o")
        left.set(xlabel="cameras", ylabel="frames looked at per second and camera", ylim=(0, FPS * 1.1))
        right.plot(steps, [row["to_presence_ms"]["p95"] for row in rows], marker="o", label="looked at")
        right.plot(steps, [row["every_picture_ms"]["p95"] for row in rows], marker="o", label="every picture")
        right.axhline(300, linestyle="--", linewidth=1)
        right.set(xlabel="cameras", ylabel="decoder to presence, p95 in ms", ylim=(0, None))
        right.legend()
        figure.suptitle(f"{options.size[0]} x {options.size[1]} H.264 at {FPS} fps, {name}")

    emit("throughput", figures, options, targets=TARGETS, draw=draw)


def _sample() -> Iterator[Image]:
    yield from (frame.image for frame in list(iter_frames("sample")))


def _measure(settings: Any, url: str, count: int, options: Any) -> dict[str, Any]:
    cameras: list[Camera] = []
    settings = share_cores(settings, count)
    threads = settings.detector.threads
    turns = None if options.no_turns else Turns(places_for(os.cpu_count() or 1, threads))
    try:
        for _ in range(count):
            detector = build_detector(settings)
            gate = OpenGate() if options.no_gate else MotionGate()
            cameras.append(
                Camera(url, Perceiver(detector, operating_conf=detector.operating_conf, gate=gate), turns)
            )
        for camera in cameras:
            camera.started.wait(30)
        decoding = _cores_busy(DECODE_S)
        for camera in cameras:
            camera.may_look.set()
        threading.Event().wait(SETTLE_S)
        dropped = [camera.source.status().dropped for camera in cameras]
        before = resource.getrusage(resource.RUSAGE_SELF)
        start_s = time.monotonic()
        for camera in cameras:
            camera.counting = True
        threading.Event().wait(options.seconds)
        took_s = time.monotonic() - start_s
        for camera in cameras:
            camera.counting = False
        after = resource.getrusage(resource.RUSAGE_SELF)
        dropped = [c.source.status().dropped - was for c, was in zip(cameras, dropped, strict=True)]
        looked = [camera.looked for camera in cameras]
        waits = np.concatenate([np.array(camera.to_presence_s) for camera in cameras]) * 1000
        every = np.concatenate([np.array(camera.every_picture_s) for camera in cameras]) * 1000
        worst = max(spread(np.array(c.to_presence_s) * 1000)["p95"] for c in cameras if c.to_presence_s)
    finally:
        for camera in cameras:
            camera.stop()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "threads": threads,
        "fps_per_camera": round(sum(looked) / took_s / count, 2),
        "least_fps_share": round(min(looked) / (sum(looked) / count), 3) if sum(looked) else 0.0,
        "to_presence_ms": spread(waits) if waits.size else {},
        "every_picture_ms": spread(every) if every.size else {},
        "worst_camera_p95_ms": worst,
        "dropped_per_camera_s": round(sum(dropped) / took_s / count, 2),
        "cores_busy": round(cpu_s / took_s, 2),
        "cores_decoding": round(decoding, 2),
    }


def _cores_busy(seconds: float) -> float:
    """Cores that this process keeps busy, over so many seconds."""
    before, start_s = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    threading.Event().wait(seconds)
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent_s / (time.monotonic() - start_s)


if __name__ == "__main__":
    run(main)
