"""How often a model is right, and how often it would hold the door for nothing, on labelled pictures.

``python -m models.evaluate DATA [DATA ...] [--model NAME] [--json]``. A set is a folder in YOLO form
(``images/`` and ``labels/``), or a plain folder of pictures with ``--expect e_bike`` (each holds one).

Figures are per picture, as the product decides per frame: an `e_bike` at the operating confidence or above is
a hit in a picture that holds one, and a *false hold* in a picture that does not, told apart by what it shows.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.command import tells_errors
from models.detector import OnnxDetector
from models.looks import Look, look
from models.manifest import load_manifest
from models.precision import AveragePrecision
from models.sets import Labelled, read_set
from vision.geometry import box_iou
from vision.types import (
    BICYCLE,
    CLASS_NAMES,
    E_BIKE,
    PERSON,
    STROLLER,
    WHEELCHAIR,
    Detections,
)

MATCH_IOU = 0.5
"""Overlap from which a box counts as found: the PASCAL VOC convention (Everingham et al., IJCV 2010, 4.2)."""
Z_95 = 1.959964
"""97.5 % quantile of the normal distribution, for two-sided 95 % intervals."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Hits out of tries, with the Wilson 95 % interval."""

    hits: int
    tries: int
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, tries: int) -> Rate:
        """Wilson score interval (Wilson, JASA 1927): sound for few tries and for shares near 0 and 1."""
        if not 0 <= hits <= tries:
            raise ValueError(f"need 0 <= hits <= tries, got {hits} of {tries}")
        if tries == 0:
            return cls(0, 0, 0.0, 1.0)
        p, z2 = hits / tries, Z_95 * Z_95
        middle = (p + z2 / (2 * tries)) / (1 + z2 / tries)
        half = Z_95 / (1 + z2 / tries) * math.sqrt(p * (1 - p) / tries + z2 / (4 * tries * tries))
        return cls(hits, tries, max(0.0, middle - half), min(1.0, middle + half))

    @property
    def share(self) -> float:
        """Hits per try; 0 for no tries."""
        return self.hits / self.tries if self.tries else 0.0

    def __str__(self) -> str:
        if not self.tries:
            return "-"
        return f"{self.hits}/{self.tries} = {self.share:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class SetReport:
    """Figures of one set at the operating confidences."""

    name: str
    pictures: int
    image_recall: Mapping[str, Rate]  # per class: pictures holding it in which it was called
    box_recall: Mapping[str, Rate]  # per class, at MATCH_IOU
    box_precision: Mapping[str, Rate]
    false_hold: Mapping[str, Rate]  # per kind of picture without an e-bike
    median_ms: float  # per picture, all stages
    average_precision: Mapping[str, AveragePrecision]  # per class with true boxes; empty: not asked for


def kind_without_e_bike(truth: Labelled) -> str:
    """Which false-hold rate a picture without an e-bike counts in: what most needs to pass goes first."""
    present = truth.present
    for class_id in (WHEELCHAIR, STROLLER, BICYCLE, PERSON):
        if class_id in present:
            return CLASS_NAMES[class_id] if class_id != PERSON else "person only"
    if present:
        return "other"
    return "unrelated" if truth.unrelated else "empty"


def match_boxes(found: Detections, truth: Labelled, class_id: int) -> tuple[int, int, int]:
    """(matched, found, true) boxes of one class; the best detections choose first, at `MATCH_IOU`."""
    ours, true = found.xyxy[found.class_id == class_id], truth.xyxy[truth.class_id == class_id]
    if not len(ours) or not len(true):
        return 0, len(ours), len(true)
    overlap, matched, taken = box_iou(ours, true), 0, set[int]()
    for row in overlap:  # best first: detections come sorted
        column = int(np.argmax([-1.0 if c in taken else v for c, v in enumerate(row)]))
        if column not in taken and row[column] >= MATCH_IOU:
            taken.add(column)
            matched += 1
    return matched, len(ours), len(true)


def at_operating_point(found: Detections, confs: Sequence[float]) -> Detections:
    """Only what reaches its own class's operating confidence."""
    return found.where(found.conf >= np.asarray(confs, np.float32)[found.class_id])


def evaluate(
    name: str,
    looks: Iterable[Look],
    confs: Sequence[float],
    precision: Mapping[str, AveragePrecision] | None = None,
) -> SetReport:
    """Figures of what a detector said of a set.

    Args: ``confs`` are operating confidences per canonical class id; ``precision`` from
    `models.precision.average_precision`, where wanted. Box figures are left out where not all pictures have
    all their boxes.
    """
    recall: dict[str, list[int]] = {}
    boxes: dict[str, list[int]] = {}
    holds: dict[str, list[int]] = {}
    ms: list[float] = []
    boxed = True
    for one in looks:
        truth, found = one.truth, at_operating_point(one.found, confs)
        ms.append(one.ms)
        boxed &= truth.boxed
        called = frozenset(int(c) for c in found.class_id)
        for class_id in truth.present:
            entry = recall.setdefault(CLASS_NAMES[class_id], [0, 0])
            entry[0] += class_id in called
            entry[1] += 1
        for class_id in range(len(CLASS_NAMES)):
            matched, ours, true = match_boxes(found, truth, class_id)
            counts = boxes.setdefault(CLASS_NAMES[class_id], [0, 0, 0])
            counts[0], counts[1], counts[2] = counts[0] + matched, counts[1] + ours, counts[2] + true
        if E_BIKE not in truth.present:
            entry = holds.setdefault(kind_without_e_bike(truth), [0, 0])
            entry[0] += E_BIKE in called
            entry[1] += 1
    return SetReport(
        name=name,
        pictures=len(ms),
        image_recall={k: Rate.of(*v) for k, v in sorted(recall.items())},
        box_recall={k: Rate.of(v[0], v[2]) for k, v in boxes.items() if v[2] and boxed},
        box_precision={k: Rate.of(v[0], v[1]) for k, v in boxes.items() if v[1] and boxed},
        false_hold={k: Rate.of(*v) for k, v in sorted(holds.items())},
        median_ms=statistics.median(ms) if ms else 0.0,
        average_precision=dict(precision or {}),
    )


def render(report: SetReport) -> str:
    """A report as text for people."""
    lines = [f"{report.name}: {report.pictures} pictures, median {report.median_ms:.1f} ms"]
    for title, rates in (
        ("image recall", report.image_recall),
        ("box recall", report.box_recall),
        ("box precision", report.box_precision),
        ("false hold", report.false_hold),
    ):
        lines += [f"  {title:14s} {key:12s} {rate}" for key, rate in rates.items()]
    lines += [f"  {'AP at IoU 0.5':14s} {key:12s} {value}" for key, value in report.average_precision.items()]
    return "\n".join(lines)


@tells_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Command line, see the module's docstring. Returns the exit status."""
    parser = argparse.ArgumentParser(
        description="Recall and false-hold rates of a model on labelled pictures."
    )
    parser.add_argument(
        "data", type=Path, nargs="+", help="folders in YOLO form, or of pictures with --expect"
    )
    parser.add_argument("--model", help="name in the manifest; default: the manifest's default")
    parser.add_argument("--manifest", type=Path, help="another manifest.toml")
    parser.add_argument("--expect", choices=CLASS_NAMES, help="class that every picture holds")
    parser.add_argument(
        "--conf", type=float, help="operating confidence for e_bike instead of the manifest's"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    manifest = load_manifest(args.manifest)
    entry = manifest.get(args.model)
    detector = OnnxDetector(entry, manifest.weights_dir)
    confs = list(entry.operating_confs)
    if args.conf is not None:
        confs[E_BIKE] = args.conf
    expect = None if args.expect is None else CLASS_NAMES.index(args.expect)
    reports = [evaluate(str(d), look(detector, read_set(d, expect)), confs) for d in args.data]
    print(
        json.dumps([asdict(r) for r in reports], indent=2) if args.json else "\n".join(map(render, reports))
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
