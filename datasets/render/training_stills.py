"""Render labelled training pictures: ``python datasets/render/training_stills.py --models DIR --out DIR``.

Random cars, lights, corner cameras and one to three vehicles, partly hidden and half outside, with strollers
and wheelchairs most often because real pictures of those in elevators are missing. Meshes of unknown licence
are used here too, so **the pictures are for training only and are never shipped**. Labels are YOLO text from
the renderer's object masks; a wheelchair's box includes its sitter, who gets no box of their own.
With ``--landing`` the vehicles come towards the open door instead (`landing.py`).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a file: find this repository's folders

from datasets.render.blender import RenderSetupError, reset_scene, set_up_cycles
from datasets.render.camera_view import View
from datasets.render.cast import CLASS_IDS, Cast, Item
from datasets.render.landing import LandingCast, camera_to_the_door
from datasets.render.look import random_cabin, random_camera, replace_cabin, worn_by_a_camera
from datasets.render.video import enlarge

RENDER_WH = (352, 264)
PICTURE_WH = (416, 312)
SEEN_SHARE = 0.25  # a box smaller than this share of the whole object's is left out, as hopeless
LEAST_PX = 40  # visible pixels, at render size


@dataclass(frozen=True, slots=True)
class Label:
    """One YOLO label, shares of width and height."""

    class_id: int
    cx: float
    cy: float
    w: float
    h: float

    def __str__(self) -> str:
        return f"{self.class_id} {self.cx:.5f} {self.cy:.5f} {self.w:.5f} {self.h:.5f}"


def label_of(item: Item, mask: NDArray[np.uint8], view: View) -> Label | None:
    """Return the visible box of an item, or None where too little of it is seen."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask == item.index)
    boxes = [b for b in map(view.project, item.objects) if b is not None]
    if len(rows) < LEAST_PX or not boxes:
        return None
    x0, y0, x1, y1 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    whole_w = max(b[2] for b in boxes) - min(b[0] for b in boxes)
    whole_h = max(b[3] for b in boxes) - min(b[1] for b in boxes)
    if (x1 - x0) * (y1 - y0) < SEEN_SHARE * whole_w * whole_h:
        return None
    cx, cy = float(x0 + x1) / 2 / width, float(y0 + y1) / 2 / height
    return Label(CLASS_IDS[item.kind], cx, cy, float(x1 - x0) / width, float(y1 - y0) / height)


def main() -> int:
    """Render until `--count` pictures are in the folder; an interrupted run goes on where it stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="folder with the meshes")
    parser.add_argument("--out", type=Path, required=True, help="gets images/ and labels/")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--samples", type=int, default=4, help="light paths per pixel (default 4)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--landing", action="store_true", help="vehicles before the open door")
    parser.add_argument(
        "--held-out", action="store_true", help="with --landing: the e-bike kept for checks, to measure on"
    )
    args = parser.parse_args()
    images, labels = args.out / "images", args.out / "labels"
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        scene = reset_scene()
        set_up_cycles(scene, RENDER_WH, args.samples)
        scene.cycles.diffuse_bounces = 1
        cast = LandingCast(args.models, held_out=args.held_out) if args.landing else Cast(args.models)
    except (RenderSetupError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    view = View(scene, args.out / "work")
    for number in range(args.count):
        name = f"{'landing' if args.landing else 'render'}_{args.seed:02d}_{number:04d}"
        if (labels / f"{name}.txt").is_file():
            continue
        rng = np.random.default_rng((args.seed, number))
        look = random_cabin(rng)
        ajar = float(rng.uniform(0.3 if args.landing else 0.2, 1.0))
        replace_cabin(scene, look, door=float(rng.choice([1.0 if args.landing else 0.0, 1.0, ajar])))
        (camera_to_the_door if args.landing else random_camera)(scene, look, rng)
        items = cast.arrange(rng, look)
        picture, mask = view.render()
        found = [label for label in (label_of(item, mask, view) for item in items) if label is not None]
        worn = worn_by_a_camera(enlarge(picture, PICTURE_WH), rng)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 93))]
        cv2.imwrite(str(images / f"{name}.jpg"), cv2.cvtColor(worn, cv2.COLOR_RGB2BGR), quality)
        (labels / f"{name}.txt").write_text("".join(f"{label}\n" for label in found), encoding="utf-8")
        print(name, " ".join(str(label.class_id) for label in found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
