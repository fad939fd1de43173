"""The network alone: FP32 against INT8, threads, input sizes, and OpenVINO's execution provider.

Every configuration runs in a process of its own and all take turns, run by run, so a noisy machine disturbs
all alike; ratios are taken within a turn, and their median comes with the middle half (p25 to p75). Input
is what a 16:9 camera gives at that size; where one run of the default size spends its time is told by kind of
operation (`ops_ms`, one thread). With a report of `benchmarks.pareto` of the same weights the plot
shows recall over milliseconds.

    python -m benchmarks.inference [--turns N] [--sizes 320 416 512] [--python PATH]

--python names a Python that has `onnxruntime-openvino`; without it OpenVINO is left out.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.inference_ops import operations
from benchmarks.pareto import families
from benchmarks.peers import Peer
from benchmarks.report import Target, emit, parser, run, spread
from models.manifest import Manifest, ModelEntry, load_manifest
from vision.errors import LiftguardError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORKER: Final = Path(__file__).with_name("inference_worker.py")
RECALL: Final = Path(__file__).with_name("reports") / "pareto.json"
CAMERA_WH: Final = (1280, 720)
WARM_UP: Final = 3
OPS_SIZE: Final = 416
CPU, OPENVINO = "CPUExecutionProvider", "OpenVINOExecutionProvider"


@dataclass(frozen=True, slots=True)
class Config:
    """One way to run the network."""

    precision: str  # FP32 or INT8
    size: int  # longest side, pixels
    threads: int
    provider: str = CPU

    @property
    def name(self) -> str:
        """Such as ``INT8 416 2 threads``."""
        other = "" if self.provider == CPU else " OpenVINO"
        return f"{self.precision} {self.size} {self.threads} thread{'s' * (self.threads > 1)}{other}"


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--turns", type=int, default=60, help="runs of each configuration (default: 60)")
    made.add_argument("--sizes", type=int, nargs="+", default=[320, 416, 512])
    made.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    made.add_argument("--python", default=sys.executable, help="a Python with onnxruntime-openvino")
    made.add_argument("--recall", type=Path, default=RECALL, help="a report of benchmarks.pareto")
    options = made.parse_args()
    manifest = load_manifest()
    entries = precisions(manifest)
    configs = [Config(p, s, t) for p in ("FP32", "INT8") for s in options.sizes for t in options.threads]
    most = max(options.threads)
    configs += [Config(p, s, most, OPENVINO) for p in ("FP32", "INT8") for s in options.sizes]
    took, left_out = _race(configs, entries, manifest, options)
    first = next(c for c in configs if c in took)
    figures: dict[str, Any] = {
        "turns": options.turns,
        "camera_wh": list(CAMERA_WH),
        "first": first.name,
        "configs": {
            c.name: {"ms": spread(took[c] * 1000), "ratio": middle(took[c] / took[first])} for c in took
        },
        "int8_speedup": {
            f"{c.size} {c.threads}": middle(took[fp32] / took[c])
            for c in took
            if c.provider == CPU
            and c.precision == "INT8"
            and (fp32 := Config("FP32", c.size, c.threads)) in took
        },
        "openvino_speedup": {
            f"{c.precision} {c.size}": middle(took[Config(c.precision, c.size, c.threads)] / took[c])
            for c in took
            if c.provider == OPENVINO
        },
        "ops_ms": {
            f"{precision} {OPS_SIZE}": operations(
                manifest.weights_dir / entry.file, _input_hw(entry, OPS_SIZE)
            )
            for precision, entry in entries.items()
        },
        "left_out": left_out,
        "model_sha256": entries["INT8"].sha256,
    }
    recall = _recall(options.recall, entries)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        families = sorted({(c.precision, c.threads, c.provider) for c in took})
        for family in families:
            own = [c for c in took if (c.precision, c.threads, c.provider) == family]
            points = [
                (float(np.median(took[c])) * 1000, recall.get((c.precision, c.size)), c.size) for c in own
            ]
            shown = [(ms, share, size) for ms, share, size in points if share is not None]
            if shown:
                axes.plot([p[0] for p in shown], [p[1] for p in shown], marker="o", label=own[0].name)
                for ms, share, size in shown:
                    axes.annotate(str(size), (ms, share), fontsize=7)
        axes.set(xlabel="milliseconds of the network, median", ylabel="e_bike recall", xlim=(0, None))
        axes.legend(fontsize=7)

    targets = [
        Target(f"int8_speedup.{key}.p50", "INT8 over FP32", least=1.8) for key in figures["int8_speedup"]
    ]
    emit("inference", figures, options, targets=targets, draw=draw)


def precisions(manifest: Manifest) -> dict[str, ModelEntry]:
    """The FP32 and the INT8 file of the first network that has both. Raises: LiftguardError if none has."""
    files = families(manifest, None)
    for stem, entry in files.items():
        if f"{stem}-int8" in files:
            return {"FP32": entry, "INT8": files[f"{stem}-int8"]}
    raise LiftguardError(f"{manifest.path}: no network with both NAME.onnx and NAME-int8.onnx to compare")


def middle(values: np.ndarray[Any, Any]) -> dict[str, float]:
    """The median and the middle half."""
    found = np.percentile(values, (50, 25, 75))
    return {name: round(float(v), 3) for name, v in zip(("p50", "p25", "p75"), found, strict=True)}


def _race(
    configs: list[Config], entries: dict[str, ModelEntry], manifest: Manifest, options: Any
) -> tuple[dict[Config, np.ndarray[Any, Any]], dict[str, str]]:
    """Seconds of every run of every configuration that starts, and why others did not."""
    peers: dict[Config, Peer] = {}
    left_out: dict[str, str] = {}
    try:
        for config in configs:
            entry = entries[config.precision]
            h, w = _input_hw(entry, config.size)
            python = sys.executable if config.provider == CPU else options.python
            arguments = (manifest.weights_dir / entry.file, config.provider, config.threads, h, w)
            peer = Peer(config.name, [python, str(WORKER), *map(str, arguments)])
            why = peer.trouble()
            if why:
                left_out[config.name] = why
                peer.stop()
            else:
                peers[config] = peer
        took: dict[Config, list[float]] = {config: [] for config in peers}
        turns = range(-WARM_UP, options.turns)
        for turn in track(turns, "turns", console=Console(stderr=True), transient=True):
            for config, peer in peers.items():
                seconds = peer.look(0)
                if turn >= 0:
                    took[config].append(seconds)
    finally:
        for peer in peers.values():
            peer.stop()
    return {config: np.array(values) for config, values in took.items()}, left_out


def _input_hw(entry: ModelEntry, size: int) -> tuple[int, int]:
    """What the network is given of the camera's picture at that size."""
    width, height = entry.model_copy(update={"size_wh": (size, size)}).input_wh(CAMERA_WH)
    return height, width


def _recall(path: Path, entries: dict[str, ModelEntry]) -> dict[tuple[str, int], float]:
    """Recall of each precision and size, as far as the report is about these weights."""
    try:
        points = json.loads(path.read_text("utf-8"))["points"]
    except (OSError, ValueError, KeyError):
        return {}
    return {
        (precision, int(one["label"])): one["recall"]
        for one in points
        for precision, entry in entries.items()
        if one["model_sha256"] == entry.sha256
    }


if __name__ == "__main__":
    run(main)
