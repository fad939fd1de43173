"""Cuts whole people and wheelchair users out of pictures, for somebody to choose from by eye.

Half of what is cut is a jacket without a head, and a detector that takes such a scrap for anything is not at
fault, nor can it learn from it. This writes candidates as RGBA pictures into FOLDER/<kind>/ with a contact
sheet of each kind. Look at the sheets, then say which are good: `--choose person 7-27,30-34 --choose
wheelchair 14,20-27`. Those of held-out pictures play the day of `benchmarks.false_holds`, those of training
pictures stand in the scenes of `datasets.standing`. Real people: never commit them.

    python -m datasets.whole FOLDER --side held|train [--isnet FILE.onnx] [--most N] [--choose KIND NUMBERS]

--isnet names IS-Net (Qin et al., ECCV 2022) exported for 1024 x 1024 px; without it GrabCut cuts.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from datasets.boxes import Box, Sample, overlap_share, read_yolo
from datasets.choosing import choose, sheet
from datasets.pieces import grab
from datasets.shapes import Cutout, cut_out, largest_part
from datasets.split import is_val
from models.sets import load_picture
from vision.errors import LiftguardError
from vision.types import PERSON, WHEELCHAIR, Image

SET: Final = "wheelchair"  # the local set whose pictures have people and sitters boxed
KINDS: Final = {"person": PERSON, "wheelchair": WHEELCHAIR}
LEAST_HIGH_PX: Final = 120
PERSON_SLIM: Final = 1.7  # height over width of somebody who stands or walks, seen whole
MARGIN: Final = (0.15, 0.06)  # around the box, shares of its width and height
IN_PX: Final = 1024  # side of IS-Net's input
FAINT, SOLID = 80, 200
"""Alpha below the first is mist and becomes 0, above the second it becomes 255. Ours, by eye."""
Mask = Callable[[Image, Box], NDArray[np.uint8] | None]


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description="Cut whole people out of pictures, to choose from by eye.")
    parser.add_argument(
        "folder", type=Path, help="where candidates, sheets and the list of the good ones lie"
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LIFTGUARD_DATA", "../shared/data")))
    parser.add_argument("--side", choices=("held", "train"), default="held", help="of datasets.split")
    parser.add_argument("--isnet", type=Path, help="IS-Net as ONNX (default: GrabCut)")
    parser.add_argument("--most", type=int, default=60, help="candidates of a kind (default: 60)")
    parser.add_argument(
        "--choose", nargs=2, action="append", metavar=("KIND", "NUMBERS"), help="by the sheets"
    )
    options = parser.parse_args()
    try:
        if options.choose:
            choose(options.folder, dict(options.choose))
        else:
            cut(options.folder, options.data, options.side == "held", options.isnet, options.most)
    except LiftguardError as exc:
        raise SystemExit(f"error: {exc}") from exc


def cut(folder: Path, data: Path, held: bool, isnet: Path | None, most: int) -> None:
    """Write candidates of each kind, the tallest first, and their contact sheets."""
    mask = _isnet(isnet) if isnet else grab
    console = Console(stderr=True)
    for kind, class_id in KINDS.items():
        into = folder / kind
        into.mkdir(parents=True, exist_ok=True)
        found = sorted(_alone(data / SET, class_id, held), key=lambda one: one[1].y1 - one[1].y2)
        for sample, box in track(found[:most], kind, console=console):
            path = into / f"{sample.name}-{round(box.x1)}-{round(box.y1)}.png"
            piece = None if path.exists() else _piece(sample, box, mask)
            if piece is not None:
                cv2.imwrite(str(path), np.dstack([piece.image, piece.alpha]))
        console.print(f"{kind}: look at {sheet(into)}")


def _alone(folder: Path, class_id: int, held: bool) -> Iterator[tuple[Sample, Box]]:
    """People or wheelchairs of one side that are whole, large and touch nothing else of their picture."""
    for path in sorted((folder / "images").iterdir()):
        source = f"{folder.name}/{path.stem}"
        if is_val(source) != held:
            continue
        image = load_picture(path)
        h, w = image.shape[:2]
        boxes = tuple(read_yolo(folder / "labels" / f"{path.stem}.txt", (w, h)))
        for box in boxes:
            wide, high = box.x2 - box.x1, box.y2 - box.y1
            whole = box.x1 > 1 and box.y1 > 1 and box.x2 < w - 1 and box.y2 < h - 1
            apart = all(b is box or overlap_share(box, b) < 0.12 for b in boxes)
            slim = class_id != PERSON or high >= PERSON_SLIM * wide
            if box.class_id == class_id and whole and apart and slim and high >= LEAST_HIGH_PX:
                yield Sample(image, boxes, path.stem, source), box


def _piece(sample: Sample, box: Box, mask: Mask) -> Cutout | None:
    found = mask(sample.image, box)
    return None if found is None else cut_out(sample.image, found, box.class_id, sample.source)


def _isnet(path: Path) -> Mask:
    """What cuts with IS-Net: a mask (H, W) of what stands out in a box."""
    import onnxruntime as ort

    session: Any = ort.InferenceSession(str(path))
    name = session.get_inputs()[0].name

    def mask(image: Image, box: Box) -> NDArray[np.uint8] | None:
        h, w = image.shape[:2]
        dx, dy = MARGIN[0] * (box.x2 - box.x1), MARGIN[1] * (box.y2 - box.y1)
        x1, y1 = max(0, round(box.x1 - dx)), max(0, round(box.y1 - dy))
        crop = image[y1 : min(h, round(box.y2 + dy)), x1 : min(w, round(box.x2 + dx))]
        side = max(crop.shape[:2])
        bottom, right = side - crop.shape[0], side - crop.shape[1]
        square = cv2.copyMakeBorder(crop, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        fitted = cv2.resize(square, (IN_PX, IN_PX))[..., ::-1].astype(np.float32)
        (out, *_) = session.run(None, {name: ((fitted - 128) / 256).transpose(2, 0, 1)[None]})
        grey = np.clip(np.squeeze(np.asarray(out, np.float32)) * 255, 0, 255)
        alpha = cv2.resize(grey, (side, side))[: crop.shape[0], : crop.shape[1]]
        firm = np.clip((alpha - FAINT) * 255 / (SOLID - FAINT), 0, 255).astype(np.uint8)
        whole = np.zeros((h, w), np.uint8)
        whole[y1 : y1 + crop.shape[0], x1 : x1 + crop.shape[1]] = largest_part(firm)
        return whole

    return mask


if __name__ == "__main__":
    main()
