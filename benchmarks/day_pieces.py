"""What may enter the car on a synthetic day: held-out cut-outs, and empty cabins to lay them into.

The cut-outs are those that `datasets.split` keeps out of training; people and wheelchair users are those that
somebody has looked at (`datasets.whole`). The cabins are the hand-corrected ceiling
frames in which nothing is labelled, most of them seen in training: held-out ones are too few. No local set
holds suitcases or carts, so those are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.choosing import chosen_pieces
from datasets.composite import fit
from datasets.shapes import Cutout
from datasets.sources import cutouts, mosaics
from datasets.split import is_val
from datasets.whole import KINDS as KINDS_WHOLE
from datasets.whole import SET
from vision.errors import ConfigError
from vision.sources import iter_frames
from vision.types import BICYCLE, E_BIKE, PERSON, STROLLER, WHEELCHAIR, Image

NO_CLASS: Final = -1
"""Class of what has none: a suitcase, a cart."""
KINDS: Final = {"person": PERSON, "stroller": STROLLER, "wheelchair": WHEELCHAIR, "bicycle": BICYCLE}


@dataclass(frozen=True, slots=True)
class Material:
    """What the day is made of."""

    pieces: dict[str, list[Cutout]]  # by kind; e_bike only for the control
    cabins: list[Image]  # (H, W, 3) uint8 BGR, longer side 416 px, without e-bikes
    passages: dict[str, list[Image]]  # frames of the bundled clip, 10 per second


def gather(data: Path, chosen: Path) -> Material:
    """Everything held out in the local data folder, and the people that somebody has chosen.

    Args: chosen: a folder of `datasets.whole`. Raises: ConfigError if a kind has nothing.
    """
    try:
        pieces = list(cutouts(data, is_val))
        empty = [frame.image for frame in mosaics(data, {}) if not frame.boxes]
    except OSError as exc:
        raise ConfigError(
            f"{data}: no cut-outs to make a day of ({exc}); set LIFTGUARD_DATA, see datasets/README.md"
        ) from exc
    pieces += chosen_pieces(chosen, KINDS_WHOLE, SET)
    by_kind = {kind: [p for p in pieces if p.class_id == number] for kind, number in KINDS.items()}
    by_kind["e_bike"] = [p for p in pieces if p.class_id == E_BIKE]
    lacking = [kind for kind, found in by_kind.items() if not found]
    if lacking:
        raise ConfigError(f"{data}: no held-out cut-out of {lacking[0]}; is the folder complete?")
    clip = [frame.image for frame in iter_frames("sample")]
    # Seconds of vision/samples/elevator.json in which each is at least partly in view.
    passages = {"wheelchair": clip[236:337], "stroller": clip[367:474]}
    return Material(by_kind, [fit(image, ())[0] for image in (*empty, clip[0])], passages)


def drawn(rng: np.random.Generator) -> Cutout:
    """A suitcase or a hand cart with boxes, drawn: shape and shading only."""
    w, h = int(rng.integers(90, 150)), int(rng.integers(150, 220))
    image, alpha = np.zeros((h, w, 3), np.uint8), np.zeros((h, w), np.uint8)
    top = int(h * rng.uniform(0.25, 0.4))

    def paint(what: tuple[int, int, int, int], colour: NDArray[np.int64], thickness: int = -1) -> None:
        x1, y1, x2, y2 = what
        cv2.rectangle(image, (x1, y1), (x2, y2), [int(c) for c in colour], thickness)
        cv2.rectangle(alpha, (x1, y1), (x2, y2), 255, thickness)

    metal = rng.integers(60, 160, size=3)
    paint((int(w * 0.3), 4, int(w * 0.7), top), metal, max(3, w // 25))  # the handle
    if rng.random() < 0.5:
        body = rng.integers(10, 220, size=3)
        paint((6, top, w - 7, h - 14), body)
        for x in np.linspace(16, w - 16, 5).astype(int):  # ribs of the shell
            cv2.line(image, (int(x), top + 8), (int(x), h - 22), [int(c * 0.7) for c in body], 2)
    else:
        low = h - 14
        while low > top + 20:  # cartons, one on another
            high = max(top, low - int(rng.integers(30, 70)))
            inset = int(rng.integers(4, 20))
            paint((inset, high, w - inset, low), rng.integers(70, 200, size=3))
            low = high - 1
        paint((2, h - 18, w - 3, h - 12), metal)
    for x in (14, w - 15):
        cv2.circle(image, (x, h - 9), 8, (25, 25, 25), -1)
        cv2.circle(alpha, (x, h - 9), 8, 255, -1)
    shade = np.linspace(rng.uniform(0.7, 1.0), rng.uniform(0.7, 1.2), w)[None, :, None]
    lit = np.clip(image * shade, 0, 255).astype(np.uint8)
    return Cutout(lit, alpha, NO_CLASS, "drawn")
