"""How many cameras one box carries: 1080p H.264 at 10 frames per second from a real RTSP server.

For each number of cameras: frames looked at per second and camera, the 95th percentile from decoder to
presence (what a pre-hold waits for), frames replaced by newer ones, and how even the cameras were served.
Every camera has its own decoder, pipeline and thread, as in guard.

    python -m benchmarks.throughput [--cameras 1 2 4 8 16] [--seconds S] [--threads N] [--no-gate]
"""

from __future__ import annotations

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
from api.main import build_detector
from benchmarks.report import Target, emit, parser, run, spread
from benchmarks.rtsp import RtspServer, encode, need_server
from vision.gate import MotionGate, OpenGate
from vision.perceive import Perceiver
from vision.sources import iter_frames, open_source
from vision.types import FrameSource, Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FPS: Final = 10
SIZE_WH: Final = (1920, 1080)
CLIP_S: Final = 60  # the sample clip once, and a little more
SETTLE_S: Final = 3.0  # after the last camera has given a picture
TARGETS: Final = (
    Target("cameras.8.to_presence_ms.p95", "decoder to presence with 8 cameras", most=300.0),
    Target("cameras.8.least_fps_share", "of the mean camera: nobody starves", least=0.8),
)


class Camera:
    """One camera's thread: newest frame, look, note."""

    def __init__(self, url: str, perceiver: Perceiver) -> None:
        self.source: FrameSource = open_source(url)
        self._perceiver = perceiver
        self._stop = threading.Event()
        self.to_presence_s: list[float] = []
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
        while not self._stop.is_set():
            frame = self.source.read(0.5)
            if frame is None:
                continue
            self._perceiver.look(frame)
            self.started.set()
            if self.counting:
                self.looked += 1
                self.to_presence_s.append(time.monotonic() - frame.t_s)


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    made.add_argument("--seconds", type=float, default=20.0, help="measured per step (default: 20)")
    made.add_argument("--threads", type=int, default=1, help="threads per inference (default: 1)")
    made.add_argument("--no-gate", action="store_true", help="infer every frame: the worst case")
    made.add_argument("--model", help="model of the manifest (default: as in the settings)")
    options = made.parse_args()
    need_server()
    settings = load_settings(
        overrides={"detector.threads": options.threads}
        | ({"detector.model": options.model} if options.model else {})
    )
    console = Console(stderr=True)
    figures: dict[str, Any] = {"cameras": {}}
    with tempfile.TemporaryDirectory(prefix="liftguard-bench-") as folder:
        clip = Path(folder) / "camera.mp4"
        with console.status("encoding a camera's 1080p stream …"):
            encode(clip, islice(cycle(_sample()), CLIP_S * FPS), FPS, SIZE_WH)
        for count in options.cameras:
            with console.status(f"{count} camera(s) …"), RtspServer(clip) as server:
                figures["cameras"][str(count)] = _measure(settings, server.url, count, options)
    name = build_detector(settings).name
    figures |= {"fps": FPS, "size_wh": SIZE_WH, "model": name, "threads": options.threads}
    figures["gate"] = not options.no_gate

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        steps = [int(count) for count in figures["cameras"]]
        rows = list(figures["cameras"].values())
        left.plot(steps, [row["fps_per_camera"] for row in rows], marker="o")
        left.set(xlabel="cameras", ylabel="frames looked at per second and camera", ylim=(0, FPS * 1.1))
        right.plot(steps, [row["to_presence_ms"]["p95"] for row in rows], marker="o")
        right.axhline(300, linestyle="--", linewidth=1)
        right.set(xlabel="cameras", ylabel="decoder to presence, p95 in ms", ylim=(0, None))
        figure.suptitle(f"1080p H.264 at {FPS} fps, {name}")

    emit("throughput", figures, options, targets=TARGETS, draw=draw)


def _sample() -> Iterator[Image]:
    yield from (frame.image for frame in list(iter_frames("sample")))


def _measure(settings: Any, url: str, count: int, options: Any) -> dict[str, Any]:
    cameras = []
    try:
        for _ in range(count):
            detector = build_detector(settings)
            gate = OpenGate() if options.no_gate else MotionGate()
            cameras.append(
                Camera(url, Perceiver(detector, operating_conf=detector.operating_conf, gate=gate))
            )
        for camera in cameras:
            camera.started.wait(30)
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
        worst = max(spread(np.array(c.to_presence_s) * 1000)["p95"] for c in cameras if c.to_presence_s)
    finally:
        for camera in cameras:
            camera.stop()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "fps_per_camera": round(sum(looked) / took_s / count, 2),
        "least_fps_share": round(min(looked) / (sum(looked) / count), 3) if sum(looked) else 0.0,
        "to_presence_ms": spread(waits) if waits.size else {},
        "worst_camera_p95_ms": worst,
        "dropped_per_camera_s": round(sum(dropped) / took_s / count, 2),
        "cores_busy": round(cpu_s / took_s, 2),
    }


if __name__ == "__main__":
    run(main)
