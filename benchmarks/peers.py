"""Ours beside others on the same model and the same frames: ultralytics, supervision, OpenCV DNN.

Ours does more: tracks, the class vote, zones and presence are in its time. Everybody runs in a process of
their own, with as many threads as ours: what runs ONNX Runtime takes part twice, without busy-waiting as
Liftguard's default is, and with it as ONNX Runtime's is. Where helper threads stay (`models.helper_cpus`) is
part of ours, as it is of each pipeline how it cuts and fills its input. Frame after frame all of them look
in turn, in an order drawn anew each time and with a rest before each, so that nobody meets the threads of
the one before still spinning and a noisy machine disturbs all alike. A peer that cannot be loaded is left out
by name; `--python` names a Python that has ultralytics and supervision.

    python -m benchmarks.peers [--frames N] [--python PATH] [--weights FILE.pt]
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from api.load import load_settings
from benchmarks.report import Target, emit, parser, run, spread
from models.manifest import load_manifest
from vision.errors import ConfigError
from vision.sources import iter_frames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WARM_UP: Final = 10
OURS: Final = "ours"
REST_S: Final = 0.1  # seconds; ONNX Runtime's threads spin for 50 ms after a run (measured by processor time)
BUSY: Final = ", busy-waiting"
WORKER: Final = Path(__file__).with_name("peer_worker.py")


@dataclass(frozen=True, slots=True)
class Contestant:
    """A pipeline, and which of ours it is measured against."""

    name: str
    kind: str  # of `peer_worker`
    model: str
    python: str
    spinning: bool = False

    @property
    def against(self) -> str:
        """Ours that waits in the same way."""
        return OURS + BUSY if self.spinning else OURS

    @property
    def own(self) -> bool:
        """Whether it is ours itself."""
        return self.kind == "liftguard"

    def command(self, how: tuple[int, int, Path]) -> list[str]:
        """The worker's command line. Args: how: longest side, threads, file of frames."""
        # -P: no module of this folder may stand in for one of ours with the same name.
        python = [self.python, "-P"] if self.own else [self.python]
        return [*python, str(WORKER), self.kind, self.model, *map(str, how), str(int(self.spinning))]


class Peer:
    """One contestant's process."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None  # noqa: S101  asked for above
        assert self._process.stdout is not None  # noqa: S101
        self._ask: IO[str] = self._process.stdin
        self._hear: IO[str] = self._process.stdout

    def trouble(self) -> str:
        """Why it cannot take part; empty if it is ready."""
        while line := self._hear.readline():
            if line.strip() == "ready":
                return ""
        return self._last_words()

    def _last_words(self) -> str:
        assert self._process.stderr is not None  # noqa: S101
        return (self._process.stderr.read().strip().splitlines() or ["it ended"])[-1][:200]

    def look(self, number: int) -> float:
        """Seconds for one frame."""
        self._ask.write(f"{number}\n")
        self._ask.flush()
        while line := self._hear.readline():  # libraries print, too
            try:
                return float(line)
            except ValueError:
                continue
        raise ConfigError(f"{self.name} ended in mid-run: {self._last_words()}")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--frames", type=int, default=200, help="frames for each, about a second each")
    made.add_argument("--python", default=sys.executable, help="a Python with ultralytics and supervision")
    made.add_argument("--weights", type=Path, help="the same model as PyTorch weights (default: beside it)")
    made.add_argument("--model", help="model of the manifest (default: as in the settings)")
    made.add_argument("--seed", type=int, default=0, help="of the order of turns")
    options = made.parse_args()
    settings = load_settings(overrides={"detector.model": options.model} if options.model else {})
    manifest = load_manifest(settings.detector.manifest)
    entry = manifest.get(settings.detector.model)
    threads, size = settings.detector.threads, entry.size_wh[0]
    images = [frame.image for frame in islice(iter_frames("sample"), 200)]
    file = manifest.weights_dir / entry.file
    weights = options.weights or file.with_name(f"{file.stem.removesuffix('-int8')}.pt")
    contestants = _contestants(entry.name, str(file), str(weights), options.python)
    with tempfile.TemporaryDirectory(prefix="liftguard-bench-") as folder:
        frames = Path(folder) / "frames.npy"
        np.save(frames, np.stack(images))
        peers, left_out = _start(contestants, (size, threads, frames))
        try:
            looks = {peer.name: peer.look for peer in peers}
            times = in_turns(looks, options.frames, len(images), random.Random(options.seed))  # noqa: S311
        finally:
            for peer in peers:
                peer.stop()
    against = {one.name: one.against for one in contestants if not one.own}
    rows = _rows(times, against)
    figures: dict[str, Any] = {"peers": rows, "left_out": left_out, "frames": options.frames}
    figures |= {"model": entry.name, "model_sha256": entry.sha256, "threads": threads}
    busy = [one.name for one in contestants if one.spinning and not one.own and one.name in times]
    figures["peers_busy_ours_not"] = factors(times, dict.fromkeys(busy, OURS))
    targets = [
        Target(f"peers.{name}.{what}", f"ahead of it: {against[name]}", least=1.0)
        for name in rows
        if name in against
        for what in ("factor_fps", "factor_p95")
    ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        names = list(times)
        axes.barh(names, [rows[name]["ms"]["p50"] for name in names])
        axes.plot([rows[name]["ms"]["p95"] for name in names], names, "k|", markersize=14)
        axes.set(xlabel="milliseconds per frame: median, and p95 as a line", title=entry.name)
        axes.invert_yaxis()

    emit("peers", figures, options, targets=targets, draw=draw)


def _contestants(name: str, onnx: str, weights: str, python: str) -> list[Contestant]:
    """Everybody; PyTorch and OpenCV wait in their own way, which is not set."""
    runs_onnx = [("ultralytics, ONNX", "ultralytics"), ("supervision", "supervision")]
    return [
        Contestant(OURS, "liftguard", name, sys.executable),
        Contestant(OURS + BUSY, "liftguard", name, sys.executable, spinning=True),
        *(Contestant(name, kind, onnx, python) for name, kind in runs_onnx),
        *(Contestant(name + BUSY, kind, onnx, python, spinning=True) for name, kind in runs_onnx),
        Contestant("ultralytics, PyTorch", "ultralytics", weights, python),
        Contestant("OpenCV DNN", "opencv", onnx, sys.executable),
    ]


def _start(contestants: list[Contestant], how: tuple[int, int, Path]) -> tuple[list[Peer], dict[str, str]]:
    """Everybody who can take part, and why the others cannot. Raises: ConfigError if ours cannot."""
    peers: list[Peer] = []
    left_out: dict[str, str] = {}
    for one in contestants:
        peer = Peer(one.name, one.command(how))
        trouble = peer.trouble()
        if trouble and one.own:
            for started in (*peers, peer):
                started.stop()
            raise ConfigError(f"Liftguard itself cannot take part: {trouble}; see whether `make run` works")
        if trouble:
            left_out[one.name] = trouble
            peer.stop()
        else:
            peers.append(peer)
    return peers, left_out


def in_turns(
    looks: Mapping[str, Callable[[int], float]],
    frames: int,
    images: int,
    draw: random.Random,
    rest: Callable[[float], object] = time.sleep,
) -> dict[str, list[float]]:
    """Seconds for each frame of everybody, in an order that changes with every frame.

    Args: looks: takes the number of an image, below ``images``; frames: for each, after the warm-up.
    """
    times: dict[str, list[float]] = {name: [] for name in looks}
    numbers = list(islice(cycle(range(images)), frames + WARM_UP))
    for turn, number in enumerate(track(numbers, "frames", console=Console(stderr=True), transient=True)):
        for name in draw.sample(list(looks), len(looks)):
            rest(REST_S)
            seconds = looks[name](number)
            if turn >= WARM_UP:
                times[name].append(seconds)
    return times


def _rows(times: Mapping[str, list[float]], against: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Milliseconds and frames a second of everybody, with the factors by which ours is ahead."""
    behind = factors(times, {name: against[name] for name in times if name in against})
    return {
        name: {"ms": spread(np.array(values) * 1000), "fps": round(len(values) / sum(values), 2)}
        | behind.get(name, {})
        for name, values in times.items()
    }


def factors(times: Mapping[str, list[float]], against: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """By what factor those in ``against`` are behind the one that they are measured against there."""
    return {
        name: {
            "factor_fps": round(sum(times[name]) / sum(times[ours]), 3),
            "factor_p95": round(float(np.percentile(times[name], 95) / np.percentile(times[ours], 95)), 3),
        }
        for name, ours in against.items()
    }


if __name__ == "__main__":
    run(main)
