"""Ours beside others on the same model and the same frames: ultralytics, supervision, OpenCV DNN.

Ours does more: tracks, the class vote, zones and presence are in its time. Every peer runs in a process of
its own, all of them see frame after frame in turn, so a noisy machine disturbs all alike. A peer that cannot
be loaded is left out by name; `--python` names a Python that has ultralytics and supervision.

    python -m benchmarks.peers [--frames N] [--python PATH] [--weights FILE.pt]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from api.load import load_settings
from api.main import build_detector
from benchmarks.report import Target, emit, parser, run, spread
from models.manifest import load_manifest
from vision.errors import ConfigError
from vision.gate import OpenGate
from vision.perceive import Perceiver
from vision.sources import iter_frames
from vision.types import Frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WARM_UP: Final = 10
WORKER: Final = Path(__file__).with_name("peer_worker.py")
WEIGHTS: Final = Path(__file__).parents[1] / "models" / "weights" / "liftguard-n.pt"


class Peer:
    """One peer's process."""

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
    made.add_argument("--frames", type=int, default=200)
    made.add_argument("--python", default=sys.executable, help="a Python with ultralytics and supervision")
    made.add_argument("--weights", type=Path, default=WEIGHTS, help="the same model as PyTorch weights")
    made.add_argument("--model", help="model of the manifest (default: as in the settings)")
    options = made.parse_args()
    settings = load_settings(overrides={"detector.model": options.model} if options.model else {})
    manifest = load_manifest(settings.detector.manifest)
    entry = manifest.get(settings.detector.model)
    detector = build_detector(settings)
    threads, size = settings.detector.threads, entry.size_wh[0]
    onnx = str(manifest.weights_dir / entry.file)
    images = [frame.image for frame in islice(iter_frames("sample"), 200)]
    times: dict[str, list[float]] = {"ours": []}
    with tempfile.TemporaryDirectory(prefix="liftguard-bench-") as folder:
        frames = Path(folder) / "frames.npy"
        np.save(frames, np.stack(images))

        peers, left_out = _start(onnx, str(options.weights), options.python, (size, threads, frames))
        pipeline = Perceiver(detector, operating_conf=detector.operating_conf, gate=OpenGate())
        try:
            order = islice(cycle(range(len(images))), options.frames + WARM_UP)
            for turn, number in enumerate(order):
                begin = time.perf_counter()
                pipeline.look(Frame(images[number], turn / 10, turn))
                took = {"ours": time.perf_counter() - begin}
                took |= {peer.name: peer.look(number) for peer in peers}
                if turn >= WARM_UP:
                    for name, seconds in took.items():
                        times.setdefault(name, []).append(seconds)
        finally:
            for peer in peers:
                peer.stop()
    figures = _figures(times, left_out)
    figures |= {"frames": options.frames, "model": detector.name, "model_sha256": detector.sha256}
    figures["threads"] = threads
    targets = [
        Target(f"peers.{name}.{what}", "ours is ahead", least=1.0)
        for name in figures["peers"]
        if name != "ours"
        for what in ("factor_fps", "factor_p95")
    ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        names = list(times)
        axes.barh(names, [figures["peers"][name]["ms"]["p50"] for name in names])
        axes.plot([figures["peers"][name]["ms"]["p95"] for name in names], names, "k|", markersize=14)
        axes.set(xlabel="milliseconds per frame: median, and p95 as a line", title=detector.name)
        axes.invert_yaxis()

    emit("peers", figures, options, targets=targets, draw=draw)


def _start(
    onnx: str, weights: str, python: str, how: tuple[int, int, Path]
) -> tuple[list[Peer], dict[str, str]]:
    """Every peer that can take part, and why the others cannot."""
    peers, left_out = [], {}
    for name, kind, model, interpreter in (
        ("ultralytics, ONNX", "ultralytics", onnx, python),
        ("ultralytics, PyTorch", "ultralytics", weights, python),
        ("supervision", "supervision", onnx, python),
        ("OpenCV DNN", "opencv", onnx, sys.executable),
    ):
        peer = Peer(name, [interpreter, str(WORKER), kind, model, *map(str, how)])
        trouble = peer.trouble()
        if trouble:
            left_out[name] = trouble
            peer.stop()
        else:
            peers.append(peer)
    return peers, left_out


def _figures(times: dict[str, list[float]], left_out: dict[str, str]) -> dict[str, Any]:
    ms = {name: np.array(values) * 1000 for name, values in times.items()}
    ours = ms["ours"]
    rows = {}
    for name, values in ms.items():
        row: dict[str, Any] = {"ms": spread(values), "fps": round(1000 / float(values.mean()), 2)}
        if name != "ours":
            row["factor_fps"] = round(float(values.mean() / ours.mean()), 3)
            row["factor_p95"] = round(spread(values)["p95"] / spread(ours)["p95"], 3)
        rows[name] = row
    return {"peers": rows, "left_out": left_out}


if __name__ == "__main__":
    run(main)
