"""Pictures of measured figures, by matplotlib (extra ``eval``): numbers only, never a photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vision.errors import LiftguardError

BINS: Final = 10
_DPI: Final = 110


def _pyplot() -> Any:
    try:
        import matplotlib as mpl
    except ImportError as exc:
        raise LiftguardError(
            "plots need matplotlib, which is not installed; missing extra eval: "
            "try `pip install 'liftguard[eval]'`"
        ) from exc
    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot


def reliability(conf: NDArray[np.float64], right: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """(mean confidence, share right, boxes) per bin that holds any."""
    place = np.minimum((conf * BINS).astype(int), BINS - 1)
    return [
        (float(conf[place == b].mean()), float(right[place == b].mean()), int((place == b).sum()))
        for b in np.unique(place)
    ]


def draw_reliability(panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]], path: Path) -> None:
    """One panel per title, one line per label: share right over mean confidence, from `reliability`."""
    plt = _pyplot()
    figure, row = plt.subplots(
        1, len(panels), figsize=(3.6 * len(panels), 3.9), layout="constrained", sharey=True, squeeze=False
    )
    for axes, (title, lines) in zip(row[0], panels.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle=":")
        for label, points in lines.items():
            x, y, counts = zip(*points, strict=True) if points else ((), (), ())
            axes.plot(
                x, y, marker="o", markersize=3, linewidth=1.3, label=f"{label} ({int(sum(counts))} boxes)"
            )
        axes.set(title=title, xlim=(0, 1), ylim=(0, 1), xlabel="confidence", aspect="equal")
        axes.legend(fontsize=7, loc="upper left")
    row[0][0].set_ylabel("share that is right")
    _save(plt, figure, path)


def draw_pareto(points: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    """Recall over milliseconds.

    Args: ``points`` with ``family``, ``label``, ``ms``, ``recall``, ``low`` and ``high`` (95 % interval).
    """
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
    for family in dict.fromkeys(p["family"] for p in points):
        own = sorted((p for p in points if p["family"] == family), key=lambda p: float(p["ms"]))
        x, y = [p["ms"] for p in own], [p["recall"] for p in own]
        spread = [[p["recall"] - p["low"] for p in own], [p["high"] - p["recall"] for p in own]]
        axes.errorbar(x, y, yerr=spread, marker="o", capsize=2, linewidth=1.2, elinewidth=0.5, label=family)
        for p in own:
            axes.annotate(
                p["label"], (p["ms"], p["recall"]), xytext=(4, -10), textcoords="offset points", fontsize=7
            )
    axes.set(xlabel="milliseconds per picture, all stages", ylabel="recall", title=title)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend()
    _save(plt, figure, path)


def _save(plt: Any, figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI, metadata={"Software": None} if path.suffix == ".png" else None)
    plt.close(figure)
