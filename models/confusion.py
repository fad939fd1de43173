"""The confusion matrix of a model, as counts and as a picture that shows numbers only.

``python -m models.confusion OUT.png VAL_SET [VAL_SET ...]``. Rows are what is there, columns what was called;
boxes match at an IoU of 0.5.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.command import tells_errors
from models.detector import OnnxDetector
from models.evaluate import MATCH_IOU, at_operating_point
from models.looks import Look, look
from models.manifest import load_manifest
from models.sets import read_set
from vision.geometry import box_iou
from vision.types import CLASS_NAMES, Image

CELL_PX, LEFT_PX, TOP_PX = 92, 130, 60


def confusion(looks: Iterable[Look], confs: Sequence[float]) -> NDArray[np.int64]:
    """(C + 1, C + 1) counts, true class by called class; the last row and column mean "nothing there".

    Pictures whose boxes are not all known are left out.
    """
    size = len(CLASS_NAMES) + 1
    table = np.zeros((size, size), np.int64)
    for truth, found in ((one.truth, at_operating_point(one.found, confs)) for one in looks):
        if not truth.boxed:
            continue
        overlap = np.asarray(box_iou(found.xyxy, truth.xyxy), np.float64)
        for row in range(len(found)):
            best = int(overlap[row].argmax()) if overlap.shape[1] else 0
            if overlap.shape[1] and overlap[row, best] >= MATCH_IOU:
                table[truth.class_id[best], found.class_id[row]] += 1
                overlap[:, best] = -1.0  # each true box is counted once
            else:
                table[-1, found.class_id[row]] += 1
        missed = (overlap >= 0).all(axis=0)  # also true for every box where nothing was found
        for class_id in truth.class_id[missed]:
            table[class_id, -1] += 1
    return table


def _write(canvas: Image, text: str, at_xy: tuple[int, int], size: float) -> None:
    cv2.putText(canvas, text, at_xy, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 1, cv2.LINE_AA)


def draw(table: NDArray[np.int64]) -> Image:
    """The table as a picture: darker is a larger share of its row."""
    names = (*CLASS_NAMES, "nothing")
    size = len(names)
    shape = (TOP_PX + CELL_PX * size + 10, LEFT_PX + CELL_PX * size + 10, 3)
    canvas: Image = np.full(shape, 255, np.uint8)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    _write(canvas, "there: rows, called: columns", (8, 18), 0.42)
    for i, name in enumerate(names):
        y, x = TOP_PX + CELL_PX * i, LEFT_PX + CELL_PX * i
        _write(canvas, name, (8, y + CELL_PX // 2), 0.45)
        _write(canvas, name, (x + 4, TOP_PX - 10), 0.42)
        for j in range(size):
            left = LEFT_PX + CELL_PX * j
            tone = int(255 - 190 * share[i, j])
            cv2.rectangle(canvas, (left, y), (left + CELL_PX - 2, y + CELL_PX - 2), (255, tone, tone), -1)
            _write(canvas, str(table[i, j]), (left + 10, y + CELL_PX // 2), 0.55)
    return canvas


@tells_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Command line, see the module's docstring. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Draw the confusion matrix of a model.")
    parser.add_argument("out", type=Path)
    parser.add_argument("data", type=Path, nargs="+", help="folders in YOLO form")
    parser.add_argument("--model", help="name in the manifest; default: the manifest's default")
    parser.add_argument("--manifest", type=Path, help="another manifest.toml")
    args = parser.parse_args(argv)
    manifest = load_manifest(args.manifest)
    entry = manifest.get(args.model)
    detector = OnnxDetector(entry, manifest.weights_dir)
    pictures = (item for folder in args.data for item in read_set(folder))
    table = confusion(look(detector, pictures), entry.operating_confs)
    cv2.imwrite(str(args.out), draw(table))
    print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
