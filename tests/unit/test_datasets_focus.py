"""The weighted list of a short last run."""

from __future__ import annotations

from datasets.focus import SHARES, pick


def test_what_the_run_dwells_on_is_kept_whole_and_the_rest_in_part() -> None:
    names = [f"cctv_{n}.jpg" for n in range(50)] + [f"rider_{n}.jpg" for n in range(1000)]
    chosen = pick(names, seed=1)
    assert sum(n.startswith("cctv_") for n in chosen) == 50
    assert 120 < sum(n.startswith("rider_") for n in chosen) < 280


def test_one_seed_gives_one_list_whatever_the_order() -> None:
    names = [f"rider_{n}.jpg" for n in range(100)]
    assert pick(names, 3) == pick(reversed(names), 3)
    assert pick(names, 3) != pick(names, 4)


def test_every_name_has_a_share() -> None:
    assert SHARES[""] > 0
    assert list(SHARES)[-1] == ""  # the first that fits counts, so the rest comes last
