"""What the pipeline costs over the bare model: frame to presence against the `session.run` inside it.

Both are taken from the same call on the same frame, so a noisy machine disturbs both alike; a second pipeline
with the motion gate sees the same frames in turn.

    python -m benchmarks.latency [PATH] [--frames N]
"""

from __future__ import annotations

import time
from collections import defaultdict
from itertools import cycle, islice
from typing import TYPE_CHECKING, Final

import numpy as np

from api.load import load_settings
from api.main import build_detector, build_perceiver
from benchmarks.report import Target, emit, parser, run, spread
from vision.gate import OpenGate
from vision.perceive import Perceiver
from vision.sources import iter_frames
from vision.types import Frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WARM_UP: Final = 20  # frames not counted: allocators and caches fill
TARGETS: Final = (
    Target("ratio.p50", "pipeline over bare model", most=1.10),
    Target("ratio.p99", "pipeline over bare model", most=1.25),
    Target("pipeline_ms.p50", "per frame, on two cores", most=20.0),
)


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument(
        "path", nargs="?", default="sample", help="clip or folder of pictures (default: sample)"
    )
    made.add_argument("--frames", type=int, default=400, help="frames measured (default: 400)")
    made.add_argument("--model", help="model of the manifest (default: as in the settings)")
    options = made.parse_args()

    settings = load_settings(overrides={"detector.model": options.model} if options.model else {})
    detector = build_detector(settings)
    perceiver = Perceiver(detector, operating_conf=detector.operating_conf, gate=OpenGate())
    gated = build_perceiver(settings, settings.elevators[0], detector)
    recorded = list(islice(iter_frames(options.path), 600))
    times: defaultdict[str, list[float]] = defaultdict(list)
    for number, frame in enumerate(islice(cycle(recorded), options.frames + WARM_UP)):
        live = Frame(frame.image, number / 10, number)
        start = time.perf_counter()
        seen = perceiver.look(live)
        whole = time.perf_counter() - start
        inner = dict(detector.last_stage_s)
        start = time.perf_counter()
        gated.look(live)
        with_gate = time.perf_counter() - start
        if number < WARM_UP:
            continue
        times["pipeline"].append(whole)
        times["with_gate"].append(with_gate)
        for stage, took in inner.items():
            times[f"detector {stage}"].append(took)
        for stage in ("track", "presence"):
            times[stage].append(seen.stage_s.get(stage, 0.0))
    ms = {name: np.array(values) * 1000 for name, values in times.items()}
    bare, whole_ms = spread(ms["detector run"]), spread(ms["pipeline"])
    figures = {
        "frames": options.frames,
        "source": options.path,
        "bare_ms": bare,
        "pipeline_ms": whole_ms,
        "pipeline_with_gate_ms": spread(ms["with_gate"]),
        "ratio": {name: round(whole_ms[name] / bare[name], 3) for name in bare},
        "stage_p50_ms": {
            name: spread(values)["p50"]
            for name, values in ms.items()
            if name not in {"pipeline", "with_gate"}
        },
        "model": detector.name,
        "model_sha256": detector.sha256,
        "threads": settings.detector.threads,
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for name, label in (("detector run", "bare session.run"), ("pipeline", "whole pipeline")):
            values = np.sort(ms[name])
            axes.plot(values, np.linspace(0, 1, len(values)), label=label)
        axes.set(xlabel="milliseconds per frame", ylabel="share of frames", title=f"{detector.name}")
        axes.set_xlim(0, float(np.percentile(ms["pipeline"], 99.5)) * 1.05)
        axes.legend()

    emit("latency", figures, options, targets=TARGETS, draw=draw)


if __name__ == "__main__":
    run(main)
