"""Lets a teacher (a COCO model) box what nobody labelled: riders, their bicycles, people, mopeds.

``python -m datasets.relabel OUT.json --data DATA --model yolov8s-coco --manifest my/manifest.toml`` writes
{picture: [[canonical class, confidence, x1, y1, x2, y2 relative], ...]}, which `datasets.build` reads. Look
at contact sheets of what it says before trusting it: a teacher calls strollers motorcycles now and then.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path

import cv2
from rich.console import Console
from rich.progress import track

from models.detector import OnnxDetector
from models.manifest import load_manifest
from vision.errors import LiftguardError
from vision.types import Detections, Detector, Image

FOLDERS = (
    "bicycle_with_rider/images",
    "street_mopeds/images",
    "wheelchair/images",
    "negatives/general",
    "photos/emoped",
    "photos/ebike_pedal",
    "photos/bicycle",
    "photos/kick_scooter",
)
"""Folders of the data folder where something is unlabelled, or labelled roughly."""
FLOOR = 0.2
"""Confidence below which a teacher's box is not even doubtful."""


def rows(found: Detections, image: Image) -> list[list[float]]:
    """Detections as JSON rows, relative to the picture, rounded to 0.1 thousandth."""
    h, w = image.shape[:2]
    return [
        [
            int(c),
            round(float(p), 3),
            *(round(float(v) / s, 4) for v, s in zip(box, (w, h, w, h), strict=True)),
        ]
        for box, p, c in zip(found.xyxy, found.conf, found.class_id, strict=True)
    ]


def relabel(detector: Detector, data: Path, folders: Iterable[str] = FOLDERS) -> dict[str, list[list[float]]]:
    """Boxes of every readable picture in ``folders``, by path relative to ``data``."""
    out: dict[str, list[list[float]]] = {}
    paths = [path for folder in folders for path in sorted((data / folder).iterdir())]
    for path in track(paths, "looking", console=Console(stderr=True)):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is not None:
            eight = image.astype("uint8")
            out[str(path.relative_to(data))] = rows(detector.detect(eight, FLOOR), eight)
    return out


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description="Box what nobody labelled, with a COCO model.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LIFTGUARD_DATA", "../shared/data")))
    parser.add_argument("--model", help="name in the manifest")
    parser.add_argument("--manifest", type=Path, help="manifest that describes the COCO model")
    args = parser.parse_args()
    try:
        manifest = load_manifest(args.manifest)
        detector = OnnxDetector(manifest.get(args.model), manifest.weights_dir)
    except LiftguardError as exc:
        raise SystemExit(f"error: {exc}") from exc
    args.out.write_text(json.dumps(relabel(detector, args.data)))


if __name__ == "__main__":
    main()
