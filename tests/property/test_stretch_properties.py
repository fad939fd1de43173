"""Batches stretched along one side: whole strides, one side at a time, no further than asked."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from models.stretch import stretched_hw, stretching

cells = st.integers(1, 20)


@given(cells, cells, st.floats(0, 0.5), st.integers(0, 99))
@example(10, 10, 0.2, 0)
def test_one_side_changes_in_whole_strides_and_by_no_more_than_asked(
    rows: int, columns: int, share: float, seed: int
) -> None:
    before = (32 * rows, 32 * columns)
    after = stretched_hw(before, 32, share, np.random.default_rng(seed))
    assert sum(a != b for a, b in zip(after, before, strict=True)) <= 1
    for a, b in zip(after, before, strict=True):
        assert a % 32 == 0
        assert a >= 32
        assert abs(a - b) <= share * b + 16, "half a stride of rounding"


def test_either_side_gets_shorter_and_longer() -> None:
    rng = np.random.default_rng(3)
    made = {stretched_hw((320, 320), 32, 0.2, rng) for _ in range(200)}
    assert made == {
        (320, 320),
        *((h, 320) for h in (256, 288, 352, 384)),
        *((320, w) for w in (256, 288, 352, 384)),
    }


class Images:
    """What is asked of a batch that keeps its size."""

    shape = (2, 3, 64, 96)


class Trainer:
    """Ours needs its stride only."""

    stride = 32


def test_what_the_trainer_did_before_is_done_first_and_without_a_stretch_nothing_else() -> None:
    told: list[str] = []

    def before(self: Trainer, batch: dict[str, object]) -> dict[str, object]:
        told.append(f"stride {self.stride}")
        return {**batch, "seen": True}

    images = Images()
    made = stretching(before, 0.0, 7)(Trainer(), {"img": images})
    assert told == ["stride 32"]
    assert made == {"img": images, "seen": True}
