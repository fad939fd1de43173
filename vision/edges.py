"""Where the edges of a picture run: what a wall, a door and a poster keep when the light changes.

A small grey picture is made of a frame. What is compared are directions of edges, not brightness: a lamp that
is dimmed changes every grey level and no edge, a hand before the lens takes the edges away. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.types import Image

Edges = NDArray[np.float32]
"""(2, h, w): cosine and sine of twice the direction of the edge, times how clear it is (0 to 1).

Twice the direction, so that an edge whose bright side becomes the dark one (infrared) stays the same.
"""

SMALL_WH: Final = (160, 90)  # at this size a car's edges remain and a camera's noise is averaged away
CLEAR_GREY: Final = 6.0  # an edge of this many grey levels per pixel counts half, one of 18 nine tenths
EDGE: Final = 0.5  # from this clearness on a pixel is an edge
# The two figures come from `python -m benchmarks.tamper`, which measures false alarms and delays with them.


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one frame looks like."""

    grey: NDArray[np.uint8]  # (h, w)
    edges: Edges
    bright: float  # grey level that a twentieth of the picture exceeds
    share: float  # of pixels that are edges


def look_at(image: Image) -> Look:
    """The small picture of an (H, W, 3) uint8 BGR image and its edges."""
    grey = cv2.cvtColor(cv2.resize(image, SMALL_WH, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    smooth = cv2.GaussianBlur(grey, (3, 3), 0).astype(np.float32)
    # Scharr weighs 3 + 10 + 3 on either side of two pixels: 32 makes it grey levels per pixel.
    gx = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32)
    gy = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32)
    power = gx * gx + gy * gy
    bright = float(np.partition(grey, int(grey.size * 0.95), axis=None)[int(grey.size * 0.95)])
    # In a dim picture edges are fainter by the same factor; below a tenth of full light noise takes over.
    half = CLEAR_GREY * min(1.0, max(0.1, bright / 128))
    scale = 1 / (power + half * half)
    edges = np.stack(((gx * gx - gy * gy) * scale, 2 * gx * gy * scale)).astype(np.float32, copy=False)
    share = float(np.count_nonzero(power * scale > EDGE)) / power.size
    return Look(grey.astype(np.uint8, copy=False), edges, bright, share)


def strong(edges: Edges) -> NDArray[np.bool_]:
    """(h, w) the pixels that are edges."""
    return np.asarray(np.hypot(edges[0], edges[1]) > EDGE)


def agreement(reference: Edges, edges: Edges) -> float:
    """Share of the reference's lasting edges that are in place: 1 all, 0 what chance gives. 1 without any."""
    lasting = strong(reference)
    if not lasting.any():
        return 1.0
    there = reference[:, lasting]
    return float((there * edges[:, lasting]).sum() / (there * there).sum())


def likeness(a: Edges, b: Edges, bare: float = 0.02) -> float:
    """How alike two views are, edges that only one of them has counting against it: 1 the same, 0 by chance.

    Args: bare: with edges on a smaller share of the pixels than this, in both together, it is a bare wall
    in both, and the answer is 1.
    """
    either = strong(a) | strong(b)
    if np.count_nonzero(either) <= bare * either.size:
        return 1.0
    a, b = a[:, either], b[:, either]
    return float(2 * (a * b).sum() / ((a * a).sum() + (b * b).sum()))
