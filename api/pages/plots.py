"""Plots as values: where bars, grid lines and labels go. A template draws them as SVG, a table says the same.

Pure. Units of a drawing are those of its ``viewBox``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LEFT: Final = 34.0
RIGHT: Final = 6.0
TOP: Final = 10.0
BOTTOM: Final = 24.0
BAR_MAX: Final = 46.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A drawing of bars of ``width`` by ``height``."""

    width: float
    height: float
    base: float  # y of zero
    bars: tuple[Bar, ...]
    levels: tuple[tuple[float, str], ...]  # y and label of the grid lines
    labels: tuple[tuple[float, str], ...]  # x and text below the bars; only some, so that none touches


def bars(
    values: Sequence[float],
    labels: Sequence[str],
    *,
    width: float = 480,
    height: float = 200,
    chars: int = 46,
) -> Bars:
    """Vertical bars from zero. Args: chars: how many characters fit below the drawing."""
    if len(values) != len(labels):
        raise ValueError(f"{len(values)} values need as many labels; got {len(labels)}")
    top = nice_top(max(values, default=0))
    base, slot = height - BOTTOM, (width - LEFT - RIGHT) / max(1, len(values))
    thick = min(BAR_MAX, slot * 0.72)

    def y(value: float) -> float:
        return round(base - value / top * (base - TOP), 1)

    placed = tuple(
        Bar(
            round(LEFT + i * slot + (slot - thick) / 2, 1),
            y(value),
            round(thick, 1),
            round(base - y(value), 1),
            label,
            value,
        )
        for i, (value, label) in enumerate(zip(values, labels, strict=True))
    )
    longest = max((len(label) for label in labels), default=1) + 2
    every = max(1, math.ceil(len(labels) * longest / chars))
    step = top / 2 if top > 1 else 1
    levels = tuple((y(v), f"{v:g}") for v in (0, step, top) if v == int(v) or top <= 2)
    shown = tuple((round(b.x + b.width / 2, 1), b.label) for b in placed[::every])
    return Bars(width, height, base, placed, tuple(dict.fromkeys(levels)), shown)


def nice_top(highest: float) -> float:
    """A round number at or above ``highest``: 1, 2, 4, 6, 10, 20, 40, 60, 100, …"""
    if highest <= 1:
        return 1
    size: float = 10 ** math.floor(math.log10(highest))
    return next(step * size for step in (1, 2, 4, 6, 10) if step * size >= highest)
