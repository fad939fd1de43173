"""From the picture in which the e-bike is fully in view to the relay, over random clips through real RTSP.

Each clip shows an empty car, the sample clip's e-bike coming in and leaving again, and an empty car;
mirrored, cropped, slower or faster, darker or brighter, with more noise, at random. The picture in which the
whole e-bike is first in view is known from the renderer. The clip is played by a real RTSP server, decoded,
looked at and held as in guard, with a relay in memory. Times run from the moment the decoder gives that
picture (pre-hold, confirmation) and the last picture that shows the e-bike (release). A negative time means
that the relay closed before the whole vehicle was in view.

    python -m benchmarks.end_to_end [--clips N] [--at-once N] [--seed N]
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from api.load import load_settings
from api.main import build_detector, build_perceiver, build_rules
from api.settings import Settings
from benchmarks.report import Target, emit, parser, run, spread
from benchmarks.rtsp import RtspServer, encode, need_server, number_of
from hardware.controller import HoldController
from hardware.hold import EventStarted, Inputs, Signal
from hardware.relay import FakeRelay
from hardware.slot import PresenceSlot
from models.detector import OnnxDetector
from vision.sources import iter_frames, open_source
from vision.sources.address import SAMPLE_PATH
from vision.types import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FPS: Final = 10
EMPTY_S: Final = 1.5
AFTER_S: Final = 4.5  # release takes at most 3 s
TARGETS: Final = (
    Target("pre_hold_ms.p95", "fully in view to relay closed", most=300.0),
    Target("confirm_ms.p95", "fully in view to confirmed", most=700.0),
    Target("release_ms.most", "last in view to relay open", most=3000.0),
    Target("confirmed_share", "of the clips", least=0.95),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """The parts of the sample clip that clips are made of; pictures (H, W, 3)."""

    empty: Image
    entering: list[Image]
    full_at: int  # index in `entering` of the first picture with the whole vehicle
    leaving: list[Image]
    gone_at: int  # index in `leaving` of the last picture that shows any of it


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures at 10 a second, and what they show when."""

    images: list[Image]
    full: int  # number of the first picture with the whole vehicle
    last: int  # number of the last picture that shows any of it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the pipeline made of one clip; milliseconds, None: it never came."""

    pre_hold_ms: float | None
    confirm_ms: float | None
    release_ms: float | None


class TimedRelay(FakeRelay):
    """A relay in memory that notes when it changed."""

    def __init__(self, clock: Any) -> None:
        super().__init__()
        self._clock = clock
        self.changes: list[tuple[bool, float]] = []

    def set(self, energised: bool) -> None:
        """See `FakeRelay.set`."""
        before = self.energised
        super().set(energised)
        if energised is not before:
            self.changes.append((energised, self._clock()))


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--clips", type=int, default=200)
    made.add_argument("--at-once", type=int, default=1, help="clips played at a time (default: 1)")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--model", help="model of the manifest (default: as in the settings)")
    options = made.parse_args()
    need_server()
    settings = load_settings(overrides={"detector.model": options.model} if options.model else {})
    scene = load_scene()
    detectors = [build_detector(settings) for _ in range(options.at_once)]
    free = list(detectors)
    lock = threading.Lock()

    def one(number: int, folder: Path) -> Outcome:
        with lock:
            detector = free.pop()
        try:
            clip = make_clip(scene, np.random.default_rng((options.seed, number)))
            return play(clip, folder / f"{number}.mp4", settings, detector)
        finally:
            with lock:
                free.append(detector)

    with (
        tempfile.TemporaryDirectory(prefix="liftguard-bench-") as folder,
        ThreadPoolExecutor(options.at_once) as pool,
        Progress(console=Console(stderr=True)) as progress,
    ):
        work = partial(one, folder=Path(folder))
        found = list(progress.track(pool.map(work, range(options.clips)), options.clips, description="clips"))
    pre, sure, gone = (
        np.array([v for v in (getattr(o, name) for o in found) if v is not None])
        for name in ("pre_hold_ms", "confirm_ms", "release_ms")
    )
    figures: dict[str, Any] = {
        "clips": options.clips,
        "at_once": options.at_once,
        "seed": options.seed,
        "pre_hold_share": round(len(pre) / options.clips, 4),
        "confirmed_share": round(len(sure) / options.clips, 4),
        "released_share": round(len(gone) / options.clips, 4),
        "model": detectors[0].name,
        "model_sha256": detectors[0].sha256,
        "threads": settings.detector.threads,
    }
    for name, values in (("pre_hold_ms", pre), ("confirm_ms", sure), ("release_ms", gone)):
        if len(values):
            figures[name] = spread(values) | {"most": round(float(values.max()), 1)}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for values, label in ((pre, "pre-hold"), (sure, "confirmed"), (gone, "released after leaving")):
            if len(values):
                axes.plot(np.sort(values), np.linspace(0, 1, len(values)), label=f"{label} ({len(values)})")
        for limit in (300, 700, 3000):
            axes.axvline(limit, linestyle=":", linewidth=1)
        axes.set(xlabel="milliseconds", ylabel="share of clips", title=f"{options.clips} clips through RTSP")
        axes.legend()

    emit("end_to_end", figures, options, targets=TARGETS, draw=draw)


def load_scene() -> Scene:
    """Cut the sample clip into its parts by its ground truth."""
    facts = json.loads(SAMPLE_PATH.with_suffix(".json").read_text("utf-8"))
    times = facts["intervals"]["e_bike"]
    images = [frame.image for frame in iter_frames("sample")]
    at = {name: round(times[name] * facts["fps"]) for name in times}
    entering = images[at["first_partly_s"] : at["first_fully_s"] + 25]
    leaving = images[at["last_fully_s"] - 5 : at["last_partly_s"] + 1]
    return Scene(
        images[0],
        entering,
        at["first_fully_s"] - at["first_partly_s"],
        leaving,
        at["last_partly_s"] - at["last_fully_s"] + 5,
    )


def make_clip(scene: Scene, rng: np.random.Generator) -> Clip:
    """A random variant of coming in and leaving."""
    speed = float(rng.uniform(0.8, 1.25))
    come = [min(round(i), len(scene.entering) - 1) for i in np.arange(0, len(scene.entering), speed)]
    leave = [min(round(i), len(scene.leaving) - 1) for i in np.arange(0, len(scene.leaving), speed)]
    before = round(EMPTY_S * FPS) + int(rng.integers(0, 8))
    full = before + next(n for n, i in enumerate(come) if i >= scene.full_at)
    last = before + len(come) + max(n for n, i in enumerate(leave) if i <= scene.gone_at)
    order = [scene.empty] * before
    order += [scene.entering[i] for i in come] + [scene.leaving[i] for i in leave]
    order += [scene.empty] * round(AFTER_S * FPS)
    return Clip(list(_varied(order, rng)), full, last)


def _varied(images: list[Image], rng: np.random.Generator) -> Iterator[Image]:
    """The same look for the whole clip, new grain for every picture."""
    mirror = rng.random() < 0.5
    height, width = images[0].shape[:2]
    left, top, right, bottom = (float(rng.uniform(0, 0.06)) for _ in range(4))
    x1, x2 = round(left * width), round((1 - right) * width)
    y1, y2 = round(top * height), round((1 - bottom) * height)
    gain, offset, gamma = (float(rng.uniform(*of)) for of in ((0.6, 1.25), (-15, 15), (0.75, 1.3)))
    level: NDArray[np.float64] = np.arange(256) / 255
    bent: NDArray[np.float64] = np.power(level, gamma) * gain + offset / 255
    table = np.clip(bent * 255, 0, 255).astype(np.uint8)
    grain = float(rng.uniform(0.5, 5.0))
    for image in images:
        cut = cv2.resize(image[y1:y2, x1:x2], (width, height), interpolation=cv2.INTER_LINEAR)
        cut = cv2.LUT(cut[:, ::-1] if mirror else cut, table)
        noisy = cut.astype(np.int16) + np.asarray(rng.normal(0, grain, cut.shape)).astype(np.int16)
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def play(clip: Clip, path: Path, settings: Settings, detector: OnnxDetector) -> Outcome:
    """Serve the clip, watch it as guard does, and take the times."""
    encode(path, clip.images, FPS)
    elevator = settings.elevators[0]
    perceiver = build_perceiver(settings, elevator, detector)
    slot, relay = PresenceSlot(), TimedRelay(time.monotonic)
    confirmed: list[float] = []

    def hear(signal: Signal) -> None:
        if isinstance(signal, EventStarted):
            confirmed.append(time.monotonic())

    controller = HoldController(
        relay, build_rules(elevator), slot, read_inputs=Inputs, clock=time.monotonic, on_signal=hear
    )
    shown_s: dict[int, float] = {}  # number of a picture -> when the decoder gave it
    with RtspServer(path) as server:
        source = open_source(server.url)
        controller.start()
        try:
            until_s = time.monotonic() + len(clip.images) / FPS + 15
            while time.monotonic() < until_s and len(clip.images) - 3 not in shown_s:
                frame = source.read(0.5)
                if frame is None:
                    continue
                shown_s.setdefault(number_of(frame.image), frame.t_s)
                slot.put(perceiver.look(frame).presence)
        finally:
            controller.stop()
            source.close()
            path.unlink()
    return outcome(clip, shown_s, relay.changes, confirmed)


def outcome(
    clip: Clip, shown_s: dict[int, float], changes: list[tuple[bool, float]], confirmed: list[float]
) -> Outcome:
    """Times in milliseconds; of a picture that was dropped the next one that was not counts."""

    def when(number: int) -> float | None:
        return next((shown_s[n] for n in sorted(shown_s) if n >= number), None)

    full_s, last_s = when(clip.full), when(clip.last)
    closed = next((t for on, t in changes if on), None)
    opened = [t for on, t in changes if not on]
    sure = confirmed[0] if confirmed else None
    released = opened[-1] if opened and sure is not None and last_s is not None else None

    def ms(to: float | None, since: float | None) -> float | None:
        return None if to is None or since is None else round((to - since) * 1000, 1)

    return Outcome(ms(closed, full_s), ms(sure, full_s), ms(released, last_s))


if __name__ == "__main__":
    run(main)
