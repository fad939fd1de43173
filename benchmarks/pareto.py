"""Recall over milliseconds: every file that ships at several sizes, on the same pictures and in one run.

Recall is of `e_bike` (the picture holds one, and one is called) over all sets given, at the one confidence
that gives every configuration the same share of false holds on validation pictures, so that no point buys
recall with false holds. A single picture can set that confidence, so ``steady_recall`` is told beside it: the
mean over every threshold with 1 to 5 % false holds, and by how much it exceeds the default's, both resampled
together. Times are all stages of the detector on 16:9 pictures, the models in turn; the ratio is to the
first. With ``--openvino`` the same files are also run by OpenVINO (the network alone).

    python -m benchmarks.pareto VAL… --check DIR[=CLASS]… [--report FILE.json] [--plot FILE.png]
    python -m benchmarks.pareto --plot FILE.png --from FILE.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from rich.console import Console

from api.cli_model_make import check_set
from api.cli_progress import steps
from benchmarks.machine import where_measured
from models.blob import blob_of
from models.command import tells_errors
from models.detector import OnnxDetector
from models.evaluate import Rate
from models.folds import Span
from models.looks import Look
from models.manifest import Manifest, ModelEntry, load_manifest
from models.measure import CheckSet, look_at, processor, sets_in
from models.plots import draw_pareto
from models.precision import average_precision
from models.sets import load_picture, picture_paths
from models.steady import FALSE_RANGE, Scores, steady_spans
from models.threshold import Scored, score
from models.timing import race
from vision.errors import LiftguardError

SIZES: Final = (256, 320, 352, 384, 416, 512, 640)
FRAME_WH: Final = (1280, 720)
FALSE_HOLDS: Final = 0.02
"""Share of validation pictures without an e-bike that may be called one, the same for every configuration."""


@tells_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Measure or read, print one JSON line, draw. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("validation", type=Path, nargs="*", help="validation sets, or folders of sets")
    parser.add_argument("--check", action="append", default=[], metavar="DIR[=CLASS]", help="check sets")
    parser.add_argument("--models", nargs="*", help="models of the manifest (default: one of each file)")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="longest input sides, pixels")
    parser.add_argument("--rounds", type=int, default=60, help="pictures timed per configuration")
    parser.add_argument("--openvino", action="store_true", help="also run the files by OpenVINO")
    parser.add_argument("--report", type=Path, help="write the figures here")
    parser.add_argument("--from", dest="stored", type=Path, help="draw figures measured before")
    parser.add_argument("--plot", type=Path, help="draw them here")
    args = parser.parse_args(argv)
    report = json.loads(args.stored.read_text("utf-8")) if args.stored else measured(args)
    if args.report:
        args.report.parent.mkdir(parents=True, exist_ok=True)
        args.report.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if args.plot:
        points, title = drawn(report)
        draw_pareto(points, args.plot, title)
    print(json.dumps(report, ensure_ascii=False))
    return 0


def measured(args: argparse.Namespace) -> dict[str, Any]:
    """All points. Raises: LiftguardError for missing sets, models or extras."""
    manifest = load_manifest()
    folders = [found for folder in args.validation for found in sets_in(folder)]
    checks = [check_set(text) for text in args.check]
    entries = [
        entry.model_copy(update={"name": f"{family} {size}", "size_wh": (size, size), "calibration": None})
        for family, entry in families(manifest, args.models).items()
        for size in args.sizes
    ]
    paths = [path for folder in folders for path in picture_paths(folder)]
    frames = [
        cv2.resize(load_picture(p), FRAME_WH).astype(np.uint8) for p in paths[:: max(1, len(paths) // 16)]
    ]
    with steps(Console(stderr=True)) as progress:
        made = [point(e, manifest, folders, checks, progress) for e in entries]
        detectors = {e.name: OnnxDetector(e, manifest.weights_dir) for e in entries}
        times = race(detectors, frames, args.rounds, progress=progress)
    points = [one for one, _ in made]
    reference = of_default(manifest, entries)
    spans = steady_spans({one["name"]: scores for one, scores in made}, reference)
    for one in points:
        took, (own, over) = times[one["name"]], spans[one["name"]]
        one |= {
            "ms": took.fastest_ms,
            "median_ms": took.median_ms,
            "p95_ms": took.p95_ms,
            "ratio": took.ratio,
            "steady_recall": _numbers(own),
            "over_default": _numbers(over),
        }
    report: dict[str, Any] = {
        "benchmark": "pareto",
        "frame_wh": list(FRAME_WH),
        "false_holds": FALSE_HOLDS,
        "steady_false_holds": list(FALSE_RANGE),
        "default": reference,
        "times": "ms: the fastest picture, as other work ran beside it; ratio: median to the first",
        "processor": processor(),
        **where_measured(),
        "points": points,
    }
    if args.openvino:
        report["openvino"] = openvino_times(entries, manifest, frames[0], args.rounds)
    return report


def _numbers(span: Span) -> list[float]:
    """[value, low, high] of a 95 % interval."""
    return [round(value, 4) for value in (span.value, span.low, span.high)]


def of_default(manifest: Manifest, entries: Sequence[ModelEntry]) -> str:
    """The configuration that is the manifest's default, or the first if it is not among them."""
    default = manifest.get(None)
    same = [e.name for e in entries if (e.sha256, e.size_wh) == (default.sha256, default.size_wh)]
    return same[0] if same else entries[0].name


def drawn(report: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """What is drawn, and its title: ``steady_recall``, and of an older report recall at its one threshold."""
    points = report["points"]
    if "steady_false_holds" not in report:
        return points, f"e_bike recall at {report['false_holds']:.0%} false holds"
    least, most = report["steady_false_holds"]
    steady = [one | dict(zip(("recall", "low", "high"), one["steady_recall"], strict=True)) for one in points]
    return steady, f"e_bike recall, mean over {least:.0%} to {most:.0%} false holds"


def families(manifest: Manifest, names: Sequence[str] | None) -> dict[str, ModelEntry]:
    """One trimmed entry of each file, by the file's name without its ending: the first in the manifest, or in
    the names.
    """
    chosen = [manifest.get(n) for n in names] if names else [m for m in manifest.models if m.trim]
    found = {Path(m.file).stem: m for m in reversed(chosen)}
    if not found:
        raise LiftguardError("no model with free sides (trim) in the manifest; export one, or name --models")
    return dict(sorted(found.items()))


def point(
    entry: ModelEntry,
    manifest: Manifest,
    folders: Sequence[Path],
    checks: Sequence[CheckSet],
    progress: Callable[[str, int, int], None],
) -> tuple[dict[str, Any], tuple[Scores, Scores]]:
    """Recall of one configuration at its own confidence for `FALSE_HOLDS`, and all its scores."""
    detector = OnnxDetector(entry, manifest.weights_dir)
    held: list[Look] = [
        o for f in folders for o in look_at(detector, f, None, progress, f"{entry.name} {f.name}")
    ]
    scored = score(held)
    conf = conf_for(scored, FALSE_HOLDS)
    own = {
        c.name: score(look_at(detector, c.folder, c.expect, progress, f"{entry.name} {c.name}"))
        for c in checks
    }
    positive = np.array([s.score for rows in (scored, *own.values()) for s in rows if s.kind == "e_bike"])
    negative = np.array([s.score for s in scored if s.kind != "e_bike"])
    recall = Rate.of(int((positive >= conf).sum()), len(positive))
    aps = [a for a in average_precision(held).values() if a.boxes >= 10]
    figures = {
        "name": entry.name,
        "family": entry.name.split()[0],
        "label": entry.name.split()[1],
        "model_sha256": entry.sha256,
        "conf": round(conf, 3),
        "recall": round(recall.share, 4),
        "low": round(recall.low, 4),
        "high": round(recall.high, 4),
        "pictures_with_e_bike": recall.tries,
        "recall_by_set": {name: _hits(rows, conf) for name, rows in own.items()},
        "mean_ap50": round(float(np.mean([a.ap50 for a in aps])), 4) if aps else None,
    }
    return figures, (positive, negative)


def _hits(scored: Sequence[Scored], conf: float) -> list[int]:
    """[called, all] of the pictures with an e-bike."""
    own = [s.score >= conf for s in scored if s.kind == "e_bike"]
    return [sum(own), len(own)]


def conf_for(scored: Sequence[Scored], share: float) -> float:
    """The lowest confidence at which at most ``share`` of the pictures without an e-bike are called one."""
    false = sorted((s.score for s in scored if s.kind != "e_bike"), reverse=True)
    allowed = int(share * len(false))
    return float(np.nextafter(false[allowed], 1)) if allowed < len(false) else 0.01


def openvino_times(
    entries: Sequence[ModelEntry], manifest: Manifest, frame: Any, rounds: int
) -> dict[str, dict[str, float]]:
    """Milliseconds of the network alone, by OpenVINO and by ONNX Runtime in turn, on the same tensor."""
    try:
        import openvino
    except ImportError as exc:
        raise LiftguardError(
            "OpenVINO is missing; try `pip install openvino`, or leave --openvino out"
        ) from exc
    core, out = openvino.Core(), {}
    for entry in entries:
        blob = blob_of(frame, entry.input_wh((frame.shape[1], frame.shape[0])))
        model = core.read_model(str(entry.weights_path(manifest.weights_dir)))
        model.reshape(list(blob.shape))
        options = {
            "INFERENCE_NUM_THREADS": 2,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        request = core.compile_model(model, "CPU", options).create_infer_request()
        ours = OnnxDetector(entry, manifest.weights_dir)
        took: dict[str, list[float]] = {"openvino": [], "onnxruntime": []}
        for number in range(rounds + 3):
            started_s = time.perf_counter()
            request.infer({0: blob})
            other_s = time.perf_counter()
            ours.detect(frame)
            if number >= 3:
                took["openvino"].append((other_s - started_s) * 1000)
                took["onnxruntime"].append(ours.last_stage_s["run"] * 1000)
        a, b = (np.array(took[key]) for key in ("openvino", "onnxruntime"))
        out[entry.name] = {
            "openvino_fastest_ms": round(float(a.min()), 2),
            "onnxruntime_fastest_ms": round(float(b.min()), 2),
            "ratio": round(float(np.median(a / b)), 3),
        }
    return out


if __name__ == "__main__":
    raise SystemExit(main())
