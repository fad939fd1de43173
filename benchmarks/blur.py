"""How many heads the covering of faces misses, on labelled pictures of people, and what it costs.

A person's head is taken to be the upper fifth of the labelled box; it counts as missed when less than nine
tenths of it are covered. Single pictures: in clips the neighbours of a frame help (not counted here). Also:
how much of the pictures is covered, and milliseconds per picture.

    python -m benchmarks.blur [FOLDER …]      YOLO folders with person boxes; default: those of LIFTGUARD_DATA
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from api.load import load_settings
from api.main import build_detector, build_head_detector
from api.privacy.heads import FOUND_CONF, cover, regions
from benchmarks.report import Target, emit, parser, run, spread
from models.sets import read_set
from vision.errors import ConfigError
from vision.types import PERSON

HEAD: Final = 0.2  # of a standing person's height, hair and chin included: 1/7.5 and some more
HIDDEN: Final = 0.9
SMALLEST_PX: Final = 24  # a person this small has a head of five pixels, which nobody recognises
SETS: Final = ("elevator_photos", "elevator_cctv_val", "elevator_cctv_mosaics", "coco128")


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("folders", nargs="*", type=Path)
    made.add_argument("--model", help="model of the manifest (default: the one for heads)")
    options = made.parse_args()
    settings = load_settings(overrides={"detector.model": options.model} if options.model else {})
    folders = options.folders or [settings.data / name for name in SETS if (settings.data / name).is_dir()]
    if not folders:
        raise ConfigError(f"no labelled pictures in {settings.data}; name folders, or set LIFTGUARD_DATA")
    detector = build_detector(settings) if options.model else build_head_detector(settings)
    sets: dict[str, Any] = {}
    took_ms: list[float] = []
    for folder in folders:
        heads = missed = pictures = 0
        covered: list[float] = []
        for labelled, image in read_set(folder):
            boxes = labelled.xyxy[labelled.class_id == PERSON]
            boxes = boxes[(boxes[:, 3] - boxes[:, 1]) >= SMALLEST_PX]
            if not len(boxes):
                continue
            height, width = image.shape[:2]
            start = time.perf_counter()
            where = regions(detector.detect(image, FOUND_CONF), (width, height))
            cover(image, where)
            took_ms.append((time.perf_counter() - start) * 1000)
            hidden = np.zeros((height, width), bool)
            for x1, y1, x2, y2 in where:
                hidden[y1:y2, x1:x2] = True
            pictures += 1
            covered.append(float(hidden.mean()))
            for x1, y1, x2, y2 in boxes.round().astype(int):
                head = hidden[max(0, y1) : y1 + max(1, round(HEAD * (y2 - y1))), max(0, x1) : x2]
                heads += 1
                missed += head.size > 0 and float(head.mean()) < HIDDEN
        if heads:
            sets[folder.name] = {
                "pictures": pictures,
                "heads": heads,
                "missed": missed,
                "miss_rate": round(missed / heads, 4),
                "covered_share_of_picture": round(float(np.mean(covered)), 3),
            }
    if not sets:
        raise ConfigError(f"no person is labelled in {', '.join(map(str, folders))}")
    figures = {
        "sets": sets,
        "ms": spread(took_ms),
        "model": detector.name,
        "model_sha256": detector.sha256,
    }
    targets = [Target(f"sets.{name}.miss_rate", "heads that stay recognisable", most=0.05) for name in sets]
    emit("blur", figures, options, targets=targets)


if __name__ == "__main__":
    run(main)
