"""Where a figure was measured, for the JSON line of every benchmark: processor, commit, and what else ran."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_IDLE_FIELDS: Final = (3, 4)
"""Of the ``cpu`` line in /proc/stat, idle and iowait (proc_stat(5))."""
_LOOK_S: Final = 0.5
_ISA: Final = ("avx2", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")
"""Flags of /proc/cpuinfo that decide how fast 8-bit models are."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds up to a moment."""

    at_s: float
    all_s: float  # of the whole machine, what a hypervisor took away included
    own_s: float  # of this process and its children that have ended

    @classmethod
    def now(cls) -> Usage:
        """Read it."""
        own = sum(
            used.ru_utime + used.ru_stime
            for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )
        return cls(time.monotonic(), _machine_s(), own)

    def others_share(self, since: Usage) -> float:
        """Share of the machine that others used since then, 0 to 1."""
        whole = (self.at_s - since.at_s) * (os.cpu_count() or 1)
        used = (self.all_s - since.all_s) - (self.own_s - since.own_s)
        return round(min(max(used / whole, 0.0), 1.0), 3) if whole > 0 else 0.0


def where_measured() -> dict[str, str]:
    """``machine`` and ``commit`` of this run; a tree with changes is marked."""
    return {"machine": f"{platform.machine()} {_processor()}", "commit": _commit()}


def before() -> tuple[dict[str, float | int | str], Usage]:
    """What the machine is doing before a run (this takes half a second), and from when to count.

    ``others_before`` and ``others_during`` (see `report.emit`) are shares of all cores that others used:
    unlike a load average they forget what ended a minute ago.
    """
    start = Usage.now()
    time.sleep(_LOOK_S)
    now = Usage.now()
    said: dict[str, float | int | str] = {
        "cores": os.cpu_count() or 1,
        "isa": " ".join(flag for flag in _ISA if flag in _flags()),
        "others_before": now.others_share(start),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    return said, now


def _machine_s() -> float:
    """Processor seconds that were not idle; 0 where there is no /proc."""
    try:
        ticks = [int(v) for v in Path("/proc/stat").read_text("utf-8").split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return 0.0
    busy = sum(v for field, v in enumerate(ticks) if field not in _IDLE_FIELDS)
    return busy / os.sysconf("SC_CLK_TCK")


def _cpuinfo(*keys: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(keys)), "")


def _flags() -> frozenset[str]:
    return frozenset(_cpuinfo("flags", "Features").split())


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
