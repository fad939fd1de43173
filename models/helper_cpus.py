"""On which CPUs the helper threads of an inference stay.

A picture wakes each helper some eighty times, and Linux likes to wake a thread on the CPU of whoever wakes
it: then both take turns on one core. On two cores of an AMD EPYC, a picture every 60 ms
(`liftguard-s-352-int8`, 352 x 224 px), one thread took 24.5 ms, two 25.3, and two of which the helper stays
on a CPU of its own 17.5, with hardly more processor time; beside a busy program 22.6, 24.7 and 17.8. Another
hour: 6 to 25 % less (`models/quantize.md`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

FAST: Final = 0.85
"""Share of the fastest CPU's speed from which another counts as fast: favoured cores of one kind differ by a
tenth, kinds of cores by a third and more (RK3588: capacity 414 beside 1024). Ours."""
_SYSFS: Final = Path("/sys/devices/system/cpu")
_SPEED_FILES: Final = ("cpu_capacity", "cpufreq/cpuinfo_max_freq")  # of which only the ratio counts


def helper_cpus(threads: int, place: int = 0, speed: Callable[[int], int] | None = None) -> tuple[int, ...]:
    """A CPU for each of the ``threads - 1`` helpers; empty where they had better be left free.

    That is: with one thread, where CPUs cannot be chosen (not Linux), or with fewer fast ones than threads.

    Args:
        place: number of the inference among those of the process: neighbours get other CPUs.
        speed: of a CPU, in any unit, 0 if unknown (default: what the kernel tells).
    """
    if threads < 2 or not hasattr(os, "sched_getaffinity"):
        return ()
    fast = fast_ones(os.sched_getaffinity(0), speed or speed_of)
    if len(fast) < threads:
        return ()
    helpers = threads - 1
    # From the far end: the first CPU is where interrupts are mostly served.
    return tuple(fast[-1 - (place * helpers + i) % len(fast)] for i in range(helpers))


def fast_ones(cpus: Iterable[int], speed: Callable[[int], int]) -> list[int]:
    """Those of the CPUs that are about as fast as the fastest, in ascending order."""
    speeds = {cpu: speed(cpu) for cpu in sorted(cpus)}
    best = max(speeds.values(), default=0)
    return [cpu for cpu, own in speeds.items() if own >= FAST * best]


def speed_of(cpu: int, root: Path = _SYSFS) -> int:
    """What the kernel tells of a CPU's speed, to compare with others of the same machine; 0 if nothing."""
    for name in _SPEED_FILES:
        try:
            return int((root / f"cpu{cpu}" / name).read_text())
        except (OSError, ValueError):
            continue
    return 0
