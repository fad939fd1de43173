"""Resident memory over hours of frames: read it, its slope and figures, and draw it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.day_entries import FPS
from benchmarks.report import Target
from vision.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVERY: Final = 500  # frames between two readings
WARM_UP_SHARE: Final = 0.1  # of the frames: buffers, caches and the allocator's arenas fill
TARGETS: Final = (
    Target("memory.slope_mib_per_h.value", "MiB per hour: flat", most=1.0),
    Target("memory.frames", "frames", least=300_000),
)


class Readings:
    """(frames played, MiB) at the start and every `EVERY` frames."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, float]] = [(0, resident_mib())]

    def read(self, frames: int) -> bool:
        """Read if it is time, ``frames`` into it. Returns: whether it was."""
        due = frames - self.taken[-1][0] >= EVERY
        if due:
            self.taken.append((frames, resident_mib()))
        return due


def memory_figures(readings: list[tuple[int, float]], took_s: float) -> dict[str, Any]:
    """What (frames played, MiB) come to. Args: took_s: how long playing took."""
    played = readings[-1][0]
    after = [one for one in readings if one[0] >= played * WARM_UP_SHARE]
    return {
        "frames": played,
        "simulated_hours": round(played / FPS / 3600, 2),
        "frames_per_s": round(played / max(took_s, 1e-9), 1),
        "first_mib": round(readings[0][1], 1),
        "warm_mib": round(after[0][1], 1),
        "last_mib": round(after[-1][1], 1),
        "most_mib": round(max(mib for _, mib in readings), 1),
        "slope_mib_per_h": slope(after),
    }


def slope(readings: list[tuple[int, float]]) -> dict[str, float]:
    """MiB per simulated hour by least squares, with its 95 % interval (normal errors, as many readings)."""
    if len(readings) < 3:
        return {}
    hours = np.array([frames / FPS / 3600 for frames, _ in readings])
    mib = np.array([value for _, value in readings])
    centred = hours - hours.mean()
    value = float((centred * mib).sum() / (centred**2).sum())
    left = mib - mib.mean() - value * centred
    error = math.sqrt(float((left**2).sum()) / (len(mib) - 2) / float((centred**2).sum()))
    return {
        "value": round(value, 3),
        "low": round(value - 1.96 * error, 3),
        "high": round(value + 1.96 * error, 3),
    }


def resident_mib() -> float:
    """Resident memory of this process. Raises: ConfigError where there is no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError as exc:
        raise ConfigError(f"resident memory is read from /proc: {exc}; run this on Linux") from exc
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def draw_memory(figure: Figure, readings: list[tuple[int, float]], title: str) -> None:
    """Resident memory over simulated hours."""
    axes = figure.subplots()
    axes.plot([frames / FPS / 3600 for frames, _ in readings], [mib for _, mib in readings])
    axes.set(xlabel="simulated hours at 10 frames/s", ylabel="resident memory, MiB", ylim=(0, None))
    axes.set_title(f"{readings[-1][0]} frames, {title}")
