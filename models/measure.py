"""Measures models on validation and check pictures, for `models.card`: plain values for one JSON file.

Validation pictures may choose thresholds and calibration; check pictures may not, and are only reported.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnxruntime as ort

from models.calibration import boxes_of, cross_validated, expected_error, fit_all
from models.confusion import confusion
from models.decode import calibrated
from models.detector import OnnxDetector
from models.evaluate import Rate, SetReport, evaluate
from models.looks import FLOOR, Look, look
from models.manifest import Manifest, ModelEntry
from models.plots import reliability
from models.precision import average_precision
from models.sets import count_pictures, load_picture, picture_paths, read_set
from models.threshold import CANDIDATES, LIMITS, choose, operating_point, score
from models.timing import race
from vision.errors import ConfigError
from vision.types import CLASS_NAMES

Progress = Callable[[str, int, int], None]

TIMED_WH: Final = {"16:9": (1280, 720), "4:3": (960, 720), "1:1": (720, 720)}
"""Shapes of camera whose pictures are timed."""
THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class CheckSet:
    """One set of pictures that nothing was chosen on."""

    name: str
    folder: Path
    expect: int | None = None  # class that every picture holds, where labels are missing


def sets_in(folder: Path) -> list[Path]:
    """The folder itself if it is a set, else the sets right inside it. Raises: ConfigError if it is none."""
    if not folder.is_dir():
        raise ConfigError(
            f"no folder {folder}; give a folder in YOLO form, of pictures, or with judged.jsonl"
        )
    inside = sorted(p for p in folder.iterdir() if (p / "images").is_dir() or (p / "judged.jsonl").is_file())
    if (folder / "images").is_dir() or (folder / "judged.jsonl").is_file() or not inside:
        return [folder]
    return inside


def look_at(
    detector: OnnxDetector, folder: Path, expect: int | None, progress: Progress | None, title: str
) -> list[Look]:
    """One pass over a set."""
    looks: list[Look] = []
    total = count_pictures(folder)
    for one in look(detector, read_set(folder, expect)):
        looks.append(one)
        if progress is not None:
            progress(title, len(looks), total)
    return looks


def plain(report: SetReport) -> dict[str, Any]:
    """A report as JSON values. Rates carry their share."""

    def with_share(rates: Mapping[str, Rate]) -> dict[str, Any]:
        return {k: {**_rounded(asdict(r)), "share": round(r.share, 4)} for k, r in rates.items()}

    return {
        "name": report.name,
        "pictures": report.pictures,
        "image_recall": with_share(report.image_recall),
        "box_recall": with_share(report.box_recall),
        "box_precision": with_share(report.box_precision),
        "false_hold": with_share(report.false_hold),
        "average_precision": {k: _rounded(asdict(v)) for k, v in report.average_precision.items()},
        "median_ms": round(report.median_ms, 2),
    }


def measure_model(
    entry: ModelEntry,
    manifest: Manifest,
    validation: Sequence[Path],
    checks: Sequence[CheckSet],
    *,
    resamples: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """All figures of one model. Raises: LiftguardError for what is missing."""
    detector = OnnxDetector(entry, manifest.weights_dir, intra_op_threads=THREADS)
    raw = OnnxDetector(
        entry.model_copy(update={"calibration": None}), manifest.weights_dir, intra_op_threads=THREADS
    )
    unmade = [one for f in validation for one in look_at(raw, f, None, progress, f"{entry.name} {f.name}")]
    seen = [replace(o, found=calibrated(o.found, *entry.calibration_lines, FLOOR)) for o in unmade]
    confs = entry.operating_confs
    boxes, scored = boxes_of(unmade), score(seen)
    fits, after = fit_all(boxes), cross_validated(boxes)
    strict, shown = choose(scored), choose(scored, shown=True)
    return {
        "name": entry.name,
        "origin": entry.origin,
        "file": entry.file,
        "sha256": entry.sha256,
        "bytes": entry.weights_path(manifest.weights_dir).stat().st_size,
        "size_wh": list(entry.size_wh),
        "trim": entry.trim,
        "trim_slack": entry.trim_slack,
        "default": entry.default,
        "operating_conf": {n: confs[i] for i, n in enumerate(CLASS_NAMES)},
        "validation": plain(
            evaluate("validation", seen, confs, average_precision(seen, resamples=resamples))
        ),
        "checks": [
            plain(
                evaluate(
                    c.name, look_at(detector, c.folder, c.expect, progress, f"{entry.name} {c.name}"), confs
                )
            )
            for c in checks
        ],
        "confusion": confusion(seen, confs).tolist(),
        "calibration": {
            "lines": None
            if entry.calibration is None
            else {k: list(v) for k, v in entry.calibration.items()},
            "fits": {k: _rounded(asdict(v)) for k, v in fits.items()},
            "ece_before": round(expected_error(boxes.conf, boxes.right), 4),
            "ece_after": round(expected_error(after, boxes.right), 4),
            "before": [list(p) for p in reliability(boxes.conf, boxes.right)],
            "after": [list(p) for p in reliability(after, boxes.right)],
            "e_bike_before": [list(p) for p in _e_bike_bins(boxes.class_id, boxes.conf, boxes.right)],
            "e_bike_after": [list(p) for p in _e_bike_bins(boxes.class_id, after, boxes.right)],
        },
        "threshold": {
            "limits": dict(LIMITS),
            "lowest_within_limits": None if strict is None else strict.conf,
            "lowest_not_shown_above": None if shown is None else shown.conf,
            "sweep": [
                {
                    "conf": p.conf,
                    "recall": round(p.recall.share, 4),
                    "false_hold": {k: [r.hits, r.tries] for k, r in p.false_hold.items()},
                }
                for p in (operating_point(scored, conf) for conf in CANDIDATES)
            ],
        },
    }


def measure_times(
    entries: Sequence[ModelEntry],
    manifest: Manifest,
    pictures: Sequence[Path],
    rounds: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Milliseconds of each model on pictures of each camera shape, in turn; ratios are to the first model."""
    detectors = {e.name: OnnxDetector(e, manifest.weights_dir, intra_op_threads=THREADS) for e in entries}
    out: dict[str, Any] = {}
    for shape, size_wh in TIMED_WH.items():
        images = [cv2.resize(load_picture(p), size_wh).astype(np.uint8, copy=False) for p in pictures[:16]]
        out[shape] = {
            name: asdict(t) for name, t in race(detectors, images, rounds, progress=progress).items()
        }
    return {
        "threads": THREADS,
        "runtime": f"ONNX Runtime {ort.__version__}",
        "machine": f"{platform.machine()} {processor()}",
        "load_1min": round(os.getloadavg()[0], 1),
        "frames": out,
    }


def processor() -> str:
    """Name, cores and the instruction sets that matter to INT8, from /proc/cpuinfo where there is one."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor()
    rows = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    facts = {key.strip(): value.strip() for key, value in rows}
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    known = [f for f in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "asimddp", "i8mm") if f in flags]
    name = facts.get("model name", platform.processor())
    return f"{name}, {os.cpu_count()} cores, {' '.join(known) or 'no known SIMD'}"


def measure(
    manifest: Manifest,
    names: Sequence[str],
    validation: Sequence[Path],
    checks: Sequence[CheckSet],
    *,
    data: Mapping[str, Any] | None = None,
    resamples: int = 200,
    rounds: int = 60,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Everything that a card says in figures, as JSON values.

    Args: ``validation`` folders in YOLO form; ``data`` the manifest that `datasets.build` wrote.
    """
    entries = [manifest.get(name) for name in names]
    folders = [found for folder in validation for found in sets_in(folder)]
    timed = [path for folder in folders for path in picture_paths(folder)]
    return {
        "models": [
            measure_model(e, manifest, folders, checks, resamples=resamples, progress=progress)
            for e in entries
        ],
        "times": measure_times(entries, manifest, timed[:: max(1, len(timed) // 16)], rounds, progress),
        "data": dict(data or {}),
        "resamples": resamples,
    }


def _e_bike_bins(
    class_id: np.ndarray[Any, Any], conf: np.ndarray[Any, Any], right: np.ndarray[Any, Any]
) -> list[tuple[float, float, int]]:
    mine = class_id == 0
    return reliability(conf[mine], right[mine])


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}
