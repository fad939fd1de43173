"""How long a door stays held after a fault: real processes, and a Modbus board played by this program.

Prints a table and one JSON line with the seconds from the fault until the board's contact opened. Without a
charge pump and without the board's own fail-safe timer: what the program alone gives. A run can be cut into
pieces: ``--report FILE`` puts each row into a file as soon as it is measured, beside those that are there.

    python -m benchmarks.faults [--times N] [--only NAME ...] [--report FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.fault_acts import FAULTS, Fault
from benchmarks.machine import where_measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="how often each (default: 5)")
    parser.add_argument("--only", nargs="+", choices=list(FAULTS), metavar="NAME", help=", ".join(FAULTS))
    parser.add_argument("--report", type=Path, help="a JSON file that keeps the rows of several runs")
    arguments = parser.parse_args()
    rounds = [name for name in arguments.only or FAULTS for _ in range(arguments.times)]
    took: dict[str, list[float]] = {name: [] for name in rounds}
    quietly = not sys.stderr.isatty()
    rows: dict[str, Any] = {}
    for name in track(rounds, "faults", console=Console(stderr=True), disable=quietly):
        took[name].append(once(FAULTS[name]))
        rows[name] = row(name, took[name])
        if arguments.report:
            rows = kept(arguments.report, rows)
    print("| fault | times | p50 s | longest s |\n|---|---|---|---|")
    for one in rows.values():
        print(f"| {one['what']} | {len(one['seconds'])} | {one['p50']:.2f} | {one['longest']:.2f} |")
    print(json.dumps({"benchmark": "faults", "rows": rows}))


def row(name: str, all_s: list[float]) -> dict[str, Any]:
    """What is told of one fault."""
    return {
        "what": FAULTS[name].what,
        "seconds": [round(s, 3) for s in all_s],
        "p50": round(float(np.median(all_s)), 3),
        "longest": round(max(all_s), 3),
        "load": round(os.getloadavg()[0], 1),
        **where_measured(),
    }


def once(fault: Fault) -> float:
    """Seconds from the fault until the contact opened."""
    with tempfile.TemporaryDirectory() as folder:
        return fault.measure(Path(folder))


def kept(report: Path, rows: dict[str, Any]) -> dict[str, Any]:
    """Put the rows into the file. Returns: all that it has now, in the order of `FAULTS`."""
    old = json.loads(report.read_text("utf-8"))["rows"] if report.exists() else {}
    merged = {**old, **rows}
    ordered = {name: merged[name] for name in FAULTS if name in merged}
    text = json.dumps({"benchmark": "faults", "rows": ordered}, indent=2, ensure_ascii=False)
    report.write_text(text + "\n", "utf-8")
    return ordered


if __name__ == "__main__":
    main()
