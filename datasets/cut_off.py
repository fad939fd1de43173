"""Pictures cut so that their border takes part of one object.

Vehicles enter and leave by the border of the picture: a wheel and a bar at its edge are all that is seen of
an e-bike that is pushed in. Views of whole pictures (`datasets.composite.view`) keep at least half of it.
"""

from __future__ import annotations

from datasets.boxes import Box, Sample, cut_boxes
from datasets.composite import Rng
from datasets.drawing import one_of

LEFT_SHARE = (0.35, 0.85)
"""How much of the object's length or height is left. By eye: of less than a third nobody tells what it is."""
LEAST_SIDE = 0.35
"""A cut that leaves less than this of the picture's width or height would be a strip."""


def cut_off(sample: Sample, box: Box, rng: Rng, name: str) -> Sample:
    """The picture with one of its borders through ``box``.

    Objects of which less than a quarter is left lose their label, as with every cut.
    """
    h, w = sample.image.shape[:2]
    bx1, by1, bx2, by2 = max(box.x1, 0.0), max(box.y1, 0.0), min(box.x2, w), min(box.y2, h)
    left = float(rng.uniform(*LEFT_SHARE))
    x = bx1 + left * (bx2 - bx1), bx2 - left * (bx2 - bx1)
    y = by1 + left * (by2 - by1), by2 - left * (by2 - by1)
    frames = ((0, 0, x[0], h), (x[1], 0, w, h), (0, 0, w, y[0]), (0, y[1], w, h))
    # Never empty: left and right of the object cannot both be strips when a third of it goes with them.
    wide = [f for f in frames if f[2] - f[0] >= LEAST_SIDE * w and f[3] - f[1] >= LEAST_SIDE * h]
    x1, y1, x2, y2 = (round(v) for v in one_of(wide, rng))
    return Sample(sample.image[y1:y2, x1:x2], cut_boxes(sample.boxes, (x1, y1, x2, y2)), name, sample.source)
