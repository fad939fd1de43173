"""What every benchmark does with its figures: one JSON line, a table for people, a plot, a comparison.

The JSON line goes to stdout and nothing else does; the table and the comparison go to stderr. Figures may be
nested; a nested figure is named by its path, such as ``ratio.p50``.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.machine import Usage, before, where_measured
from vision.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUT: Final = Path(__file__).parent / "out"
PERCENTILES: Final = {"p50": 50.0, "p95": 95.0, "p99": 99.0}
_begun: list[tuple[dict[str, float | int | str], Usage]] = []  # of `run`: what else ran before it
Draw = Callable[["Figure"], object]
"""Draws onto an empty figure."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should reach, as the project's goals say."""

    figure: str  # its path
    what: str
    most: float | None = None
    least: float | None = None

    def met(self, value: float) -> bool:
        """Whether ``value`` is within it."""
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    @property
    def text(self) -> str:
        """Such as ``≤ 1.1``."""
        return " ".join(
            f"{sign} {bound:g}" for sign, bound in (("≤", self.most), ("≥", self.least)) if bound is not None
        )


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes; its help begins with the first line of ``doc``."""
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    made.add_argument("--out", type=Path, default=OUT, help="folder for the plot (default: benchmarks/out)")
    made.add_argument("--no-plot", action="store_true", help="draw nothing")
    made.add_argument(
        "--compare", type=Path, metavar="FILE", help="an earlier run (its JSON line) to compare with"
    )
    return made


def spread(values: Sequence[float] | np.ndarray[Any, Any]) -> dict[str, float]:
    """p50, p95 and p99, rounded to three digits behind the point. Raises: ValueError if there are none."""
    if len(values) == 0:
        raise ValueError("no value was measured, so there is nothing to report")
    found = np.percentile(np.asarray(values, np.float64), list(PERCENTILES.values()))
    return {name: round(float(value), 3) for name, value in zip(PERCENTILES, found, strict=True)}


def emit(
    name: str,
    figures: Mapping[str, Any],
    options: argparse.Namespace,
    *,
    targets: Sequence[Target] = (),
    draw: Draw | None = None,
) -> None:
    """Print the JSON line and the table, draw the plot, compare. Raises: ConfigError for a bad --compare."""
    line = {"benchmark": name, **figures, **where_measured()}
    for said, since in _begun:
        line |= said | {"others_during": Usage.now().others_share(since)}
    flat = flatten(line)
    line["targets_met"] = {t.figure: t.met(flat[t.figure]) for t in targets if t.figure in flat}
    earlier = _earlier(options.compare, name) if options.compare else None
    print(json.dumps(line, ensure_ascii=False), flush=True)
    console = Console(stderr=True, highlight=False)
    console.print(table(name, flat, targets, flatten(earlier) if earlier else None))
    if earlier:
        for key in ("machine", "model_sha256"):
            if key in line and earlier.get(key) != line[key]:
                was, now = escape(str(earlier.get(key))), escape(str(line[key]))
                console.print(f"[yellow]Compare with care:[/] {key} was {was}, is {now}.")
    if draw is not None and not options.no_plot:
        path = plot(options.out, name, draw)
        console.print(f"Plot: {path}")


def plot(folder: Path, name: str, draw: Draw) -> Path:
    """Draw into ``folder/name.svg``. Raises: ConfigError if matplotlib is not installed."""
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise ConfigError(
            "matplotlib is not installed: `make dev`, or `pip install 'liftguard[eval]'`, or --no-plot"
        ) from exc
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    draw(figure)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.svg"
    figure.savefig(path)
    return path


def flatten(node: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Every number in it by its path; rows of a list go by their name, or their place."""
    found: dict[str, float] = {}
    for key, value in node.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            found |= flatten(value, path)
        elif isinstance(value, list):
            rows = [row for row in value if isinstance(row, Mapping)]
            named = {str(row.get("name", row.get("what", at))): row for at, row in enumerate(rows)}
            found |= flatten(named, path)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[path] = float(value)
    return found


def _earlier(path: Path, name: str) -> dict[str, Any]:
    """The last line of that benchmark in a file."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as exc:
        raise ConfigError(
            f"cannot read {path}: {exc.strerror or exc}; --compare names an earlier run"
        ) from exc
    found: dict[str, Any] | None = None
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:
            continue  # logs and tables beside it
        if isinstance(line, dict) and line.get("benchmark") == name:
            found = line
    if found is None:
        raise ConfigError(f"{path} has no JSON line of the benchmark {name!r}; was it another one?")
    return found


def table(
    name: str, flat: Mapping[str, float], targets: Sequence[Target], earlier: Mapping[str, float] | None
) -> Table:
    """The figures for people, beside their targets and an earlier run's."""
    shown = Table(title=escape(name), title_justify="left")
    for column in ("figure", "value", "target", *(("earlier", "now / earlier") if earlier else ())):
        shown.add_column(column, justify="left" if column in {"figure", "target"} else "right")
    wanted = {target.figure: target for target in targets}
    for key, value in flat.items():
        target = wanted.get(key)
        said = ""
        if target is not None:
            colour = "green" if target.met(value) else "red"
            said = f"[{colour}]{target.text}[/] {escape(target.what)}"
        row = [escape(key), f"{value:,.3f}".rstrip("0").rstrip("."), said]
        if earlier:
            was = earlier.get(key)
            row += ["–", "–"] if was is None else [f"{was:,.3f}", f"{value / was:.2f}" if was else "–"]
        shown.add_row(*row)
    return shown


def run(main: Callable[[], None]) -> None:
    """Run a benchmark's main; an error of ours ends with its message and code 2."""
    from vision.errors import LiftguardError

    logging.basicConfig(level=logging.ERROR)  # figures, not the story of every camera
    _begun[:] = [before()]
    try:
        main()
    except LiftguardError as exc:
        Console(stderr=True, highlight=False).print(f"[bold red]{escape(str(exc))}[/]", soft_wrap=True)
        sys.exit(2)
