"""Turns: nobody is passed over, nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from tests.support.waiting import eventually
from vision.errors import ConfigError
from vision.perceive import Perceiver
from vision.turns import Turns, look_in_turn, places_for, threads_for
from vision.types import E_BIKE, Detections, Frame, Image, Observation, SourceStatus


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
    assert order == list(range(6)) or places > 1  # who is in beside another writes himself down as he likes
    assert sorted(order) == list(range(6))
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


def wait_for_turns(turns: Turns, urgencies: list[int], order: list[int]) -> list[threading.Thread]:
    """Threads that wait in this order, each writing down its urgency when its turn comes."""

    def look(urgency: int) -> None:
        with turns.taken(urgency):
            order.append(urgency)

    threads, already = [], len(turns._waiting)
    for count, urgency in enumerate(urgencies, start=already + 1):
        threads.append(start(lambda urgency=urgency: look(urgency)))  # type: ignore[misc]
        eventually(lambda count=count: len(turns._waiting) == count)  # type: ignore[misc]
    return threads


def test_a_car_with_a_vehicle_comes_before_one_with_people_and_that_before_a_still_one() -> None:
    turns, order = Turns(1, patience_s=60, clock=lambda: 0.0), list[int]()
    with turns.taken():
        threads = wait_for_turns(turns, [2, 1, 2, 0, 1], order)
    for thread in threads:
        thread.join(30)
    assert order == [0, 1, 1, 2, 2]


def test_who_has_waited_long_enough_comes_before_the_urgent() -> None:
    now_s = [0.0]
    turns, order = Turns(1, patience_s=60, age_s=0.15, clock=lambda: now_s[0]), list[int]()
    with turns.taken():
        threads = wait_for_turns(turns, [2], order)
        now_s[0] = 0.31
        threads += wait_for_turns(turns, [0], order)
    for thread in threads:
        thread.join(30)
    assert order == [2, 0]


class OneNewer:
    """A source with one more frame, and who read it."""

    def __init__(self, frame: Frame) -> None:
        self.left = [frame]

    def read(self, timeout_s: float) -> Frame | None:
        return self.left.pop() if self.left else None

    def status(self) -> SourceStatus:
        return SourceStatus("live", "", 0.0)

    def close(self) -> None:
        pass


def test_a_still_car_takes_no_turn_and_a_moving_one_takes_the_newest_frame() -> None:
    car, moved = np.full((180, 320, 3), 120, np.uint8), np.full((180, 320, 3), 120, np.uint8)
    moved[60:140, 40:130] = 20

    class Blind:
        def detect(self, image: Image, conf: float | None = None) -> Detections:
            return Detections.empty()

    perceiver = Perceiver(Blind(), operating_conf={E_BIKE: 0.5})
    for number in range(22):  # the gate lingers for two seconds
        perceiver.look(Frame(car, number / 10, number))
    turns = Turns(1, patience_s=60)
    with turns.taken():  # the only place
        seen = look_in_turn(OneNewer(Frame(moved, 2.3, 23)), perceiver, turns, Frame(car, 2.2, 22))
        assert (seen.frame.seq, seen.detections) == (22, None)
        newer = OneNewer(Frame(moved, 2.4, 24))
        found: list[Observation] = []
        thread = start(lambda: found.append(look_in_turn(newer, perceiver, turns, Frame(moved, 2.3, 23))))
        eventually(lambda: len(turns._waiting) == 1)
    thread.join(30)
    assert found[0].frame.seq == 24
    assert found[0].detections is not None
