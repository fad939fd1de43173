"""Turns: nobody is passed over, nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.support.waiting import eventually
from vision.errors import ConfigError
from vision.turns import Turns, places_for, threads_for


def start(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("places", [1, 2])
def test_never_more_at_once_than_there_are_places_and_in_order_of_arrival(places: int) -> None:
    turns, order = Turns(places, patience_s=60), list[int]()
    go, inside, most = threading.Event(), list[int](), list[int]()

    def look(number: int) -> None:
        with turns.taken():
            order.append(number)
            inside.append(number)
            most.append(len(inside))
            go.wait(30)
            inside.remove(number)

    threads = []
    for number in range(6):  # each arrives when the one before it has
        threads.append(start(lambda number=number: look(number)))  # type: ignore[misc]
        eventually(lambda: len(order) + len(turns._waiting) == len(threads))
    go.set()
    for thread in threads:
        thread.join(30)
    assert order == list(range(6))
    assert max(most) == places


def test_one_that_hangs_in_its_turn_does_not_keep_the_others() -> None:
    turns, end = Turns(1, patience_s=0.05), threading.Event()
    began = threading.Event()

    def hang() -> None:
        with turns.taken():
            began.set()
            end.wait(30)

    thread = start(hang)
    assert began.wait(30)
    with turns.taken() as waited:  # beside the one that hangs
        assert waited
    end.set()
    thread.join(30)
    assert turns._free == 1  # given back once, not twice


def test_a_turn_is_given_back_after_an_error() -> None:
    turns = Turns(1)
    with pytest.raises(ValueError, match="odd"), turns.taken():
        raise ValueError("odd")
    with turns.taken() as waited:
        assert not waited


def test_places_fit_the_cores() -> None:
    assert [places_for(*pair) for pair in ((2, 2), (4, 2), (4, 1), (1, 4))] == [1, 2, 4, 1]
    with pytest.raises(ConfigError, match="place"):
        Turns(0)


def test_threads_are_shared_between_cameras() -> None:
    assert [threads_for(*case) for case in ((2, 1, 2), (2, 2, 2), (2, 8, 2), (4, 2, 2), (8, 2, 3))] == [
        2,
        1,
        1,
        2,
        3,
    ]
