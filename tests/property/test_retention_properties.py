"""Retention takes the oldest first, no more than it must, and always until the limits hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from api.evidence.retention import Eviction, Kept, Limits, plan

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SIZES = st.integers(0, 50)


def limits(
    days: int = 3650, elevator: int | None = None, box: int | None = None, min_free: int = 0
) -> Limits:
    return Limits(timedelta(days=days), elevator, box, min_free)


def kept(number: int, elevator: str, size: int, days_old: float) -> Kept:
    return Kept(f"{number:04}", elevator, NOW - timedelta(days=days_old), size, f"{elevator}/{number}")


@given(
    files=st.lists(st.tuples(st.sampled_from(["a", "b"]), SIZES, st.floats(0, 60)), max_size=40),
    locked=st.dictionaries(st.sampled_from(["a", "b", "c"]), SIZES, max_size=3),
    free=st.integers(0, 400),
    days=st.integers(1, 60),
    elevator=st.none() | SIZES,
    box=st.none() | SIZES,
    min_free=st.integers(0, 400),
)
def test_the_limits_hold_afterwards_or_nothing_more_may_go(
    files: list[tuple[str, int, float]],
    locked: dict[str, int],
    free: int,
    days: int,
    elevator: int | None,
    box: int | None,
    min_free: int,
) -> None:
    all_files = sorted((kept(i, *file) for i, file in enumerate(files)), key=lambda f: (f.started_at, f.id))
    used = dict(locked)
    for file in all_files:
        used[file.elevator_id] = used.get(file.elevator_id, 0) + file.size_bytes
    rules = limits(days, elevator, box, min_free)
    gone = list(plan(all_files, used, free, rules, NOW))

    order = [all_files.index(e.file) for e in gone]
    assert order == sorted(order), "oldest first"
    left = [f for f in all_files if f not in {e.file for e in gone}]
    assert all(f.started_at >= NOW - rules.keep for f in left)

    def holds(gone: list[Eviction], name: str | None = None) -> bool:
        after = dict(used)
        for e in gone:
            after[e.file.elevator_id] -= e.file.size_bytes
        freed = sum(e.file.size_bytes for e in gone)
        ok_elevator = elevator is None or all(
            size <= elevator for who, size in after.items() if name in {None, who}
        )
        return ok_elevator and (box is None or sum(after.values()) <= box) and free + freed >= min_free

    for name in ("a", "b"):
        assert holds(gone, name) or not [f for f in left if f.elevator_id == name]
    for i, eviction in enumerate(gone):  # nothing went that need not have gone
        if eviction.cause != "age":
            assert not holds(gone[:i])


def test_reasons_say_which_limit() -> None:
    files = [kept(1, "a", 10, 40), kept(2, "a", 10, 3), kept(3, "b", 10, 2), kept(4, "b", 10, 1)]
    used = {"a": 20, "b": 20}

    def causes(rules: Limits, free: int = 100) -> list[tuple[str, str]]:
        return [(e.file.id, e.cause) for e in plan(files, used, free, rules, NOW)]

    assert causes(limits(30)) == [("0001", "age")]
    assert causes(limits(box=25)) == [("0001", "box"), ("0002", "box")]
    assert causes(limits(elevator=10)) == [("0001", "elevator"), ("0003", "elevator")]
    assert causes(limits(min_free=15), free=0) == [("0001", "disk"), ("0002", "disk")]
    assert causes(limits(30, elevator=10)) == [("0001", "age"), ("0003", "elevator")]
    gib = limits(min_free=1 << 30)
    first = next(plan(files, used, 0, gib, NOW))
    assert first.reason == "the disk had less than 1 GiB free"
