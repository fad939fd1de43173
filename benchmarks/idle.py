"""What an empty, still car costs, and what the motion gate misses or delays.

Cost: processor time per frame of the whole pipeline, with the gate against without it, on an empty car with
camera noise. The two see the same frames in turn.

Delay: each clip is looked at twice, with and without the gate; the first frame that shows a blocked vehicle
must be at most one later with it. A start that the gate never lets through is a miss.

    python -m benchmarks.idle [CLIP …] [--frames N] [--noise SIGMA]
"""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from api.load import load_settings
from api.main import build_detector
from benchmarks.report import Target, emit, parser, run, spread
from models.detector import OnnxDetector
from vision.gate import MotionGate, OpenGate
from vision.perceive import Perceiver
from vision.sources import iter_frames
from vision.types import Frame, Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FPS: Final = 10.0
WARM_UP: Final = 150  # frames: the gate learns its noise, and the car comes to rest
TARGETS: Final = (
    Target("idle_share", "of the cost of always inferring", most=0.05),
    Target("missed_starts", "vehicles that the gate never let through", most=0),
    Target("added_delay_frames.most", "frames", most=1),
)


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("clips", nargs="*", default=["sample"], help="clips or folders (default: sample)")
    made.add_argument("--frames", type=int, default=300, help="frames of an empty car (default: 300)")
    made.add_argument(
        "--noise",
        type=float,
        default=2.0,
        help="camera noise, grey levels (standard deviation; a ceiling camera by day has about 2)",
    )
    options = made.parse_args()
    settings = load_settings()
    detector = build_detector(settings)
    empty = next(iter(iter_frames("sample"))).image
    cpu = _idle(detector, empty, options.frames, options.noise)
    starts = [_starts(detector, clip) for clip in options.clips]
    delays = [s["with"] - s["without"] for s in starts if s["with"] is not None and s["without"] is not None]
    looked = cpu["gate_open"]
    figures: dict[str, Any] = {
        "frames": options.frames,
        "noise": options.noise,
        "idle_share": round(sum(cpu["with"]) / sum(cpu["without"]), 4),
        "cpu_ms_with_gate": spread(np.array(cpu["with"]) * 1000),
        "cpu_ms_without": spread(np.array(cpu["without"]) * 1000),
        "inferred_share": round(sum(looked) / len(looked), 4),
        "clips": len(options.clips),
        "clips_with_a_vehicle": sum(s["without"] is not None for s in starts),
        "missed_starts": sum(s["without"] is not None and s["with"] is None for s in starts),
        "added_delay_frames": {"most": max(delays, default=0), "mean": float(np.mean(delays or [0]))},
        "model": detector.name,
        "model_sha256": detector.sha256,
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        t_s = np.arange(options.frames) / FPS
        axes.plot(t_s, np.cumsum(cpu["without"]), label="always infer")
        axes.plot(t_s, np.cumsum(cpu["with"]), label="motion gate")
        axes.set(xlabel="seconds of an empty, still car", ylabel="processor seconds", title=detector.name)
        axes.legend()

    emit("idle", figures, options, targets=TARGETS, draw=draw)


def _idle(detector: OnnxDetector, empty: Image, frames: int, noise: float) -> dict[str, list[float]]:
    """Processor seconds per frame, with and without gate, and whether the gate was open."""
    rng = np.random.default_rng(0)
    pipelines = {
        "with": Perceiver(detector, operating_conf=detector.operating_conf, gate=MotionGate()),
        "without": Perceiver(detector, operating_conf=detector.operating_conf, gate=OpenGate()),
    }
    took: dict[str, list[float]] = {"with": [], "without": [], "gate_open": []}
    for number in range(-WARM_UP, frames):
        grain = rng.normal(0, noise, empty.shape)
        image = np.clip(empty + grain, 0, 255).astype(np.uint8)
        for name, pipeline in pipelines.items():
            start = time.process_time()
            seen = pipeline.look(Frame(image, (number + WARM_UP) / FPS, number + WARM_UP))
            spent = time.process_time() - start
            if number >= 0:
                took[name].append(spent)
                if name == "with":
                    took["gate_open"].append(float(seen.detections is not None))
    return took


def _starts(detector: OnnxDetector, clip: str) -> dict[str, int | None]:
    """Number of the first frame that shows a blocked vehicle, with and without the gate."""
    first: dict[str, int | None] = {}
    for name, gate in (("with", MotionGate()), ("without", OpenGate())):
        pipeline = Perceiver(detector, operating_conf=detector.operating_conf, gate=gate)
        source = clip if clip == "sample" or "://" in clip else str(Path(clip))
        frames = islice(iter_frames(source), 3000)
        first[name] = next(
            (i for i, frame in enumerate(frames) if pipeline.look(frame).presence.suspected), None
        )
    return first


if __name__ == "__main__":
    run(main)
