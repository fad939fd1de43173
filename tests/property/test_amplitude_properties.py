"""Amplitude mixing: whose amplitudes, how much of them, and after what the trainer did before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.amplitude import MOST, mixing_amplitudes, partners


@given(st.integers(0, 64), st.floats(0, 1), st.integers(0, 99))
def test_every_picture_gives_its_amplitudes_once_and_takes_no_more_than_the_most(
    count: int, share: float, seed: int
) -> None:
    others, much = partners(count, share, np.random.default_rng(seed))
    assert sorted(others) == list(range(count))
    assert len(much) == count
    assert all(0 <= m < MOST for m in much)


def test_about_the_share_that_was_asked_for_is_mixed() -> None:
    rng = np.random.default_rng(5)
    mixed = [m > 0 for _ in range(200) for m in partners(16, 0.25, rng)[1]]
    assert abs(float(np.mean(mixed)) - 0.25) < 0.03


class Images:
    """What is asked of a batch of which nothing is mixed."""

    def __len__(self) -> int:
        return 2


def test_what_the_trainer_did_before_is_done_first_and_without_a_share_nothing_else() -> None:
    def before(self: str, batch: dict[str, object]) -> dict[str, object]:
        return {**batch, "by": self}

    images = Images()
    made = mixing_amplitudes(before, 0.0, 7)("trainer", {"img": images})
    assert made == {"img": images, "by": "trainer"}
