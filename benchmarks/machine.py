"""Where a figure was measured: processor and commit, for the JSON line of every benchmark."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path


def where_measured() -> dict[str, str]:
    """``machine`` and ``commit`` of this run; a tree with changes is marked."""
    return {"machine": f"{platform.machine()} {_processor()}", "commit": _commit()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
