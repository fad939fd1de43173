"""How many cameras one box carries: 1080p H.264 at 10 frames per second from a real RTSP server.

For each number of cameras: frames looked at per second and camera; milliseconds from decoder to presence;
the same for every picture that came, where one that was replaced by a newer one waits for the look at that
(what a pre-hold waits for); how even the cameras were served; and how many cores decoding alone takes.
Every camera has its own decoder, pipeline and thread and they take turns, as in guard. All play the same
clip at the same time, so whatever happens, happens in all of them at once: no real house is as hard. With
--busy N only so many do, and the others show an empty, still car with camera noise; the figures are then of
the busy ones.

    python -m benchmarks.throughput [--cameras 1 2 …] [--busy N] [--seconds S] [--size 640 360] [--b-frames N]
"""

from __future__ import annotations

import argparse
import os
import resource
import threading
import time
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from rich.console import Console

from api.load import load_settings
from api.main import build_detector, share_cores
from benchmarks.report import Target, emit, parser, run, spread
from benchmarks.rtsp import RtspServer, encode, need_server, number_of
from benchmarks.still_car import stills
from vision.gate import MotionGate, OpenGate
from vision.perceive import Perceiver
from vision.sources import iter_frames, open_source
from vision.turns import Turns, look_in_turn, places_for
from vision.types import FrameSource

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

    def __init__(self, url: str, perceiver: Perceiver, turns: Turns | None, *, may_skip: bool) -> None:
        self.source: FrameSource = open_source(url, may_skip=may_skip)
        self._perceiver = perceiver
        self._turns = turns
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
        before: int | None = None  # number of the picture looked at last
        while not self._stop.is_set():
            frame = self.source.read(0.5)
            # Before they may look, only decoding is measured; read all the same, or the source would hurry.
            if frame is None or (self.started.is_set() and not self.may_look.is_set()):
                continue
            if self._turns is None:
                self._perceiver.look(frame)
            else:
                frame = look_in_turn(self.source, self._perceiver, self._turns, frame).frame
            done_s = time.monotonic()
            self.started.set()
            number = number_of(frame.image)
            if self.counting:
                self.looked += 1
                self.to_presence_s.append(done_s - frame.t_s)
                missed = 0 if before is None else max(0, number - before - 1)  # skipped by the decoder, too
                self.every_picture_s += [done_s - frame.t_s + n / FPS for n in range(missed + 1)]
            before = number


def main() -> None:
    """Measure and print."""
    options = _parser().parse_args()
    need_server()
    chosen = {"detector.threads": options.threads, "detector.model": options.model}
    settings = load_settings(overrides={key: value for key, value in chosen.items() if value})
    console = Console(stderr=True)
    figures: dict[str, Any] = {"cameras": {}}
    with console.status("encoding a camera's stream …"):
        clip, still = _clip(options, "moving"), _clip(options, "still")
    for count in options.cameras:
        busy = min(count, count if options.busy is None else options.busy)
        with console.status(f"{count} camera(s) …"), ExitStack() as servers:
            urls = [servers.enter_context(RtspServer(clip)).url] * busy
            if count > busy:
                urls += [servers.enter_context(RtspServer(still)).url] * (count - busy)
            figures["cameras"][str(count)] = _measure(settings, urls, busy, options)
    detector = build_detector(settings)
    name = detector.name
    figures |= {"fps": FPS, "size_wh": list(options.size), "model": name}
    figures |= {"gate": not options.no_gate, "turns": not options.no_turns, "skip": not options.no_skip}
    figures |= {"busy": "all" if options.busy is None else options.busy, "b_frames": options.b_frames}
    figures["model_sha256"] = detector.sha256

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


def _parser() -> argparse.ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    made.add_argument("--seconds", type=float, default=20.0, help="measured per step (default: 20)")
    made.add_argument(
        "--threads", type=int, help="threads per inference at most (default: as in the settings)"
    )
    made.add_argument("--size", type=int, nargs=2, default=SIZE_WH, help="pixels; 640 360 is a sub-stream")
    made.add_argument("--busy", type=int, help="cameras in which something happens (default: all)")
    made.add_argument("--b-frames", type=int, default=0, help="between two others, as encoders make them")
    made.add_argument(
        "--no-skip", action="store_true", help="decode every picture, whether it is read or not"
    )
    made.add_argument("--no-turns", action="store_true", help="all cameras at once, for comparison")
    made.add_argument("--no-gate", action="store_true", help="infer every frame: the worst case")
    made.add_argument("--model", help="model of the manifest (default: as in the settings)")
    return made


def _clip(options: argparse.Namespace, what: Literal["moving", "still"]) -> Path:
    """A minute of a camera's stream, kept: encoding it takes longer than some of what is measured."""
    width, height = options.size
    path: Path = options.out / "throughput" / f"{what}-{width}x{height}-b{options.b_frames}.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        sample = [frame.image for frame in iter_frames("sample")]
        images = cycle(sample) if what == "moving" else stills(sample[0])
        made = path.with_suffix(".part.mp4")
        encode(made, islice(images, CLIP_S * FPS), FPS, (width, height), options.b_frames)
        made.rename(path)
    return path


def _measure(settings: Any, urls: list[str], busy: int, options: Any) -> dict[str, Any]:
    """Watch these streams; the figures are of the first ``busy`` of them."""
    cameras: list[Camera] = []
    count = len(urls)
    settings = share_cores(settings, count)
    threads = settings.detector.threads
    turns = None if options.no_turns else Turns(places_for(os.cpu_count() or 1, threads))
    try:
        for url in urls:
            detector = build_detector(settings)
            gate = OpenGate() if options.no_gate else MotionGate()
            perceiver = Perceiver(detector, operating_conf=detector.operating_conf, gate=gate)
            cameras.append(Camera(url, perceiver, turns, may_skip=not options.no_skip))
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
        seen = cameras[:busy]
        looked = [camera.looked for camera in seen]
        waits = np.concatenate([np.array(camera.to_presence_s) for camera in seen]) * 1000
        every = np.concatenate([np.array(camera.every_picture_s) for camera in seen]) * 1000
        worst = max(spread(np.array(c.to_presence_s) * 1000)["p95"] for c in seen if c.to_presence_s)
    finally:
        for camera in cameras:
            camera.stop()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "threads": threads,
        "busy": busy,
        "fps_per_camera": round(sum(looked) / took_s / busy, 2),
        "least_fps_share": round(min(looked) / (sum(looked) / busy), 3) if sum(looked) else 0.0,
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
