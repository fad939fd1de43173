"""What the pipeline costs over the bare model: frame to presence against the `session.run` inside it.

Both are taken from the same call on the same frame, so a noisy machine disturbs both alike; a second pipeline
with the motion gate sees the same frames in turn. Prints one JSON line: milliseconds, ratios, machine, commit
and model.

    python -m benchmarks.latency [PATH] [--frames N]
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import cycle, islice

import numpy as np

from api.load import load_settings
from api.main import build_detector, build_perceiver
from benchmarks.machine import where_measured
from vision.gate import OpenGate
from vision.perceive import Perceiver
from vision.sources import iter_frames
from vision.types import Frame


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "path", nargs="?", default="sample", help="clip or folder of pictures (default: sample)"
    )
    parser.add_argument("--frames", type=int, default=400, help="frames measured (default: 400)")
    arguments = parser.parse_args()

    settings = load_settings()
    detector = build_detector(settings)
    perceiver = Perceiver(detector, operating_conf=detector.operating_conf, gate=OpenGate())
    gated = build_perceiver(settings, settings.elevators[0], detector)
    recorded = list(islice(iter_frames(arguments.path), 600))
    bare_s, whole_s, gated_s = [], [], []
    for number, frame in enumerate(islice(cycle(recorded), arguments.frames)):
        live = Frame(frame.image, number / 10, number)
        start = time.perf_counter()
        perceiver.look(live)
        whole_s.append(time.perf_counter() - start)
        bare_s.append(detector.last_stage_s["run"])
        start = time.perf_counter()
        gated.look(live)
        gated_s.append(time.perf_counter() - start)
    bare, whole, saved = (np.percentile(np.array(s) * 1000, (50, 95, 99)) for s in (bare_s, whole_s, gated_s))
    print(
        json.dumps(
            {
                "benchmark": "latency",
                "frames": arguments.frames,
                "source": arguments.path,
                "bare_ms": _named(bare),
                "pipeline_ms": _named(whole),
                "pipeline_with_gate_ms": _named(saved),
                "ratio": _named(whole / bare),
                "model": detector.name,
                "model_sha256": detector.sha256,
                "threads": settings.detector.threads,
                **where_measured(),
            }
        )
    )


def _named(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> dict[str, float]:
    return {name: round(float(value), 3) for name, value in zip(("p50", "p95", "p99"), values, strict=True)}


if __name__ == "__main__":
    main()
