"""Each helper thread of an inference has a fast CPU of its own, or none is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.helper_cpus import FAST, fast_ones, helper_cpus, speed_of


def allow(monkeypatch: pytest.MonkeyPatch, cpus: set[int]) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: cpus, raising=False)


def same(_cpu: int) -> int:
    return 1024


@pytest.mark.parametrize(
    ("cpus", "threads", "place", "expected"),
    [
        ({0, 1}, 2, 0, (1,)),
        ({0, 1}, 2, 1, (0,)),  # the neighbour's helper lies elsewhere
        ({0, 1}, 1, 0, ()),  # there is no helper
        ({0, 1}, 3, 0, ()),  # more threads than CPUs
        ({3}, 2, 0, ()),  # a container with one CPU
        ({0, 1, 2, 3}, 3, 0, (3, 2)),
        ({0, 1, 2, 3}, 3, 1, (1, 0)),
        ({2, 5}, 2, 0, (5,)),  # only what this process may use
    ],
)
def test_where_helpers_stay(
    monkeypatch: pytest.MonkeyPatch, cpus: set[int], threads: int, place: int, expected: tuple[int, ...]
) -> None:
    allow(monkeypatch, cpus)
    assert helper_cpus(threads, place, same) == expected


def test_slow_cores_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """RK3588: four Cortex-A55, then four Cortex-A76; and a desktop whose slow cores come last."""
    allow(monkeypatch, set(range(8)))
    rk3588 = dict.fromkeys(range(4), 414) | dict.fromkeys(range(4, 8), 1024)
    assert {helper_cpus(2, place, rk3588.__getitem__)[0] for place in range(9)} == {4, 5, 6, 7}
    hybrid = {0: 5_000_000, 1: 5_200_000, **dict.fromkeys(range(2, 8), 3_800_000)}
    assert helper_cpus(2, 0, hybrid.__getitem__) == (1,)
    assert helper_cpus(3, 0, hybrid.__getitem__) == (), "two fast ones do not do for three threads"


def test_where_cpus_cannot_be_chosen_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert helper_cpus(2, 0, same) == ()


def test_speed_is_what_the_kernel_tells(tmp_path: Path) -> None:
    for cpu, name, text in (
        (0, "cpu_capacity", "414\n"),
        (1, "cpufreq/cpuinfo_max_freq", "2400000\n"),
        (2, "cpu_capacity", "many"),
    ):
        path = tmp_path / f"cpu{cpu}" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert [speed_of(cpu, tmp_path) for cpu in range(4)] == [414, 2400000, 0, 0]


@given(st.dictionaries(st.integers(0, 63), st.integers(0, 6_000_000), min_size=1))
def test_a_fast_one_is_always_found_and_none_is_much_slower(speeds: dict[int, int]) -> None:
    speed: Callable[[int], int] = speeds.__getitem__
    fast = fast_ones(speeds, speed)
    assert fast == sorted(fast)
    assert max(speeds, key=speed) in fast or speed(max(speeds, key=speed)) == speed(fast[-1])
    assert all(speed(cpu) >= FAST * max(speeds.values()) for cpu in fast)
