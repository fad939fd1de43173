"""What is to be seen when: ground truth of the sample clip, from the renderer's own object masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

PARTLY_PX = 60  # fewer visible pixels (of 480 x 360) than this count as nothing
FULLY_SHARE = 0.96  # of the vehicle's projected box, in width and height


@dataclass(frozen=True, slots=True)
class Sight:
    """How much of a vehicle one picture shows. Boxes are x0, y0, x1, y1 as shares of width and height."""

    name: str
    box: tuple[float, float, float, float] | None
    fully: bool


def sight(
    name: str, mask: NDArray[np.uint8], index: int, whole: tuple[float, float, float, float] | None
) -> Sight:
    """Compare the visible pixels of an object (mask == index) with its whole projected box (pixels)."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask == index)
    if len(rows) < PARTLY_PX or whole is None:
        return Sight(name, None, fully=False)
    x0, y0, x1, y1 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    wide, high = (x1 - x0) / (whole[2] - whole[0]), (y1 - y0) / (whole[3] - whole[1])
    box = tuple(round(float(v), 4) for v in (x0 / width, y0 / height, x1 / width, y1 / height))
    return Sight(name, (box[0], box[1], box[2], box[3]), fully=bool(min(wide, high) >= FULLY_SHARE))


def intervals(sights: Sequence[Sight | None], fps: int) -> dict[str, dict[str, float]]:
    """Return for each vehicle the seconds at which it is first and last in view, partly and fully.

    A time is that of the frame's beginning (frame number / fps); "last" is the last frame that shows it.
    """
    seen: dict[str, dict[str, float]] = {}
    for number, one in enumerate(sights):
        if one is None or one.box is None:
            continue
        at = round(number / fps, 3)
        entry = seen.setdefault(one.name, {"first_partly_s": at})
        entry["last_partly_s"] = at
        if one.fully:
            entry.setdefault("first_fully_s", at)
            entry["last_fully_s"] = at
    return seen


def as_rows(sights: Sequence[Sight | None]) -> list[dict[str, object]]:
    """Return one row per frame that shows a vehicle, for the description file."""
    rows: list[dict[str, object]] = []
    for number, one in enumerate(sights):
        if one is not None and one.box is not None:
            row = asdict(one)
            rows.append({"frame": number, "class": row["name"], "box": list(one.box), "fully": one.fully})
    return rows
