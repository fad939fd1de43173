"""Runs a benchmark that prints JSON lines and compares them with an earlier run's.

`liftguard bench NAME --compare FILE` uses it for benchmarks that do not go through `benchmarks.report.emit`.

    python -m benchmarks.compare NAME FILE [ARGUMENTS …]
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.report import flatten, table
from vision.errors import ConfigError, LiftguardError


def main() -> int:
    """Run it, pass on what it prints, compare. Returns its exit status; 2: nothing to compare with."""
    name, path, *arguments = sys.argv[1:]
    console = Console(stderr=True, highlight=False)
    try:
        earlier = stored(Path(path), name)
    except LiftguardError as exc:
        console.print(f"[bold red]{exc}[/]", soft_wrap=True)
        return 2
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101  asked for above
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    for number, (now, was) in enumerate(zip(results(lines), earlier, strict=False)):
        title = name if number == 0 else f"{name} {number + 1}"
        console.print(table(title, flatten(now), (), flatten(was)))
        if now.get("machine") != was.get("machine"):
            console.print(
                f"[yellow]Compare with care:[/] {was.get('machine')} then, {now.get('machine')} now."
            )
    return process.returncode


def results(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The JSON objects among the lines; logs and tables beside them are passed over."""
    found = []
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            found.append(line)
    return found


def stored(path: Path, name: str) -> list[dict[str, Any]]:
    """The results of an earlier run: JSON lines, or one JSON document. Raises: ConfigError if none."""
    try:
        text = path.read_text("utf-8")
    except OSError as exc:
        raise ConfigError(
            f"cannot read {path}: {exc.strerror or exc}; --compare names an earlier run"
        ) from exc
    found = results([text]) or results(text.splitlines())
    own = [line for line in found if line.get("benchmark", line.get("what", name)) == name]
    if not own:
        raise ConfigError(f"{path} has no JSON line of the benchmark {name!r}; was it another one?")
    return own


if __name__ == "__main__":
    sys.exit(main())
