"""`liftguard bench`: runs the benchmarks of the source tree. They are for engineers and not part of a box."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from vision.errors import ConfigError

ALL: Final = (
    "accuracy",
    "latency",
    "idle",
    "start",
    "inference",
    "peers",
    "api",
    "throughput",
    "end_to_end",
)
"""What `all` runs, quickest first. `endurance` and `false_holds` take hours: they are run by name."""
_NOT_RUN: Final = frozenset({"__init__", "report", "machine", "compare", "peer_worker", "inference_worker"})
COMPARE: Final = "--compare"


def benchmarks_dir() -> Path:
    """The folder of the benchmarks. Raises: ConfigError where there is only the installed package."""
    folder = Path(__file__).resolve().parents[1] / "benchmarks"
    if not (folder / "report.py").is_file():
        raise ConfigError(
            "the benchmarks are in the source tree, not in the installed package; "
            "clone the repository, `make dev`, and run .venv/bin/liftguard bench there"
        )
    return folder


def available(folder: Path) -> dict[str, str]:
    """Name -> first line of what it says of itself, of every benchmark that can be run."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        text = path.read_text("utf-8")
        if path.stem not in _NOT_RUN and "def main(" in text:
            found[path.stem] = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return found


def bench(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(help="latency, throughput, accuracy, idle, api, all, or another; `list` shows them"),
    ] = "list",
) -> None:
    """Run a benchmark: one JSON line on stdout, a table and a plot beside it.

    What follows the name goes to the benchmark; `liftguard bench NAME --help` says what it takes, and
    `--compare FILE` compares with an earlier run.
    """
    if name in {"--help", "-h"}:  # not a benchmark's: there is no name before it
        typer.echo(context.get_help())
        return
    folder = benchmarks_dir()
    known = available(folder)
    if name == "list":
        table = Table("benchmark", "what it measures")
        for key, what in known.items():
            table.add_row(key, what)
        Console().print(table)
        return
    names = [key for key in ALL if key in known] if name == "all" else [name]
    unknown = [key for key in names if key not in known]
    if unknown:
        raise ConfigError(f"there is no benchmark {unknown[0]!r}; there are {', '.join(known)} and all")
    worst = 0
    for key in names:
        command = [sys.executable, "-m", *_module(folder, key, context.args)]
        worst = max(worst, subprocess.run(command, cwd=folder.parent, check=False).returncode)
    raise typer.Exit(worst)


def _module(folder: Path, name: str, arguments: list[str]) -> list[str]:
    """What to run: the benchmark, or, if it cannot compare by itself, what compares for it."""
    own = "emit(" in (folder / f"{name}.py").read_text("utf-8")
    if own or COMPARE not in arguments:
        return [f"benchmarks.{name}", *arguments]
    at = arguments.index(COMPARE)
    if at + 1 == len(arguments):
        raise ConfigError(f"{COMPARE} needs the file of an earlier run")
    rest = [*arguments[:at], *arguments[at + 2 :]]
    return ["benchmarks.compare", name, arguments[at + 1], *rest]
