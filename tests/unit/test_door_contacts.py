"""Door and floor contacts on mock pins: what they mean, when they contradict, and that they move nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.load import load_settings
from hardware.door_contacts import NEITHER_S, DoorContacts, DoorReading, FloorCode, Steady, floor_of
from hardware.hold import Inputs
from hardware.relay_gpio import pin_factory
from tests.support.fakes import FakeClock
from tests.support.waiting import eventually
from vision.errors import ConfigError, RelayError

SETTLE_S = 0.2


class Bench:
    """Contacts on mock pins, looked at 20 times a second of a clock of ours."""

    def __init__(self, floor: tuple[int, ...] = (), **more: Any) -> None:
        self.factory = pin_factory("mock")
        self.clock = FakeClock()
        self.contacts = DoorContacts(
            door=(20, 21), floor=floor, settle_s=SETTLE_S, pin_factory=self.factory, clock=self.clock, **more
        )

    def set(self, **pins: bool) -> None:
        """``p20=True``: the contact on GPIO 20 is closed, to ground."""
        for name, closed in pins.items():
            pin: Any = self.factory.pin(int(name[1:]))
            (pin.drive_low if closed else pin.drive_high)()

    def look(self, for_s: float) -> DoorReading:
        end_s = self.clock.now_s + for_s
        while self.clock.now_s < end_s:
            self.clock.now_s += 0.05
            self.contacts.look()
        return self.contacts.reading


def test_the_door_opens_and_closes() -> None:
    bench = Bench()
    assert bench.contacts.reading == DoorReading("unknown", None), "nothing has settled yet"
    seen = []
    for open_, closed in ((False, True), (False, False), (True, False), (False, False), (False, True)):
        bench.set(p20=open_, p21=closed)
        seen.append(bench.look(2.0))
    assert [r.position for r in seen] == ["closed", "moving", "open", "moving", "closed"]
    assert not any(r.detail for r in seen)


def test_both_contacts_closed_is_a_fault_that_goes_away() -> None:
    bench = Bench()
    bench.set(p20=True, p21=True)
    reading = bench.look(1.0)
    assert reading.position == "fault"
    assert "both closed" in reading.detail
    bench.set(p21=False)
    assert bench.look(1.0) == DoorReading("open", None)


def test_neither_contact_for_long_is_a_fault() -> None:
    bench = Bench()
    bench.set(p21=True)
    bench.look(1.0)
    bench.set(p21=False)  # its wire is cut
    assert bench.look(NEITHER_S - 1.0).position == "moving"
    reading = bench.look(2.0)
    assert reading.position == "fault"
    assert "wire may be cut" in reading.detail


def test_a_contact_that_chatters_does_not_count_until_it_is_steady() -> None:
    bench = Bench()
    bench.set(p21=True)
    bench.look(1.0)
    for n in range(20):
        bench.set(p21=bool(n % 2))
        assert bench.look(0.1).position == "closed"
    bench.set(p21=False)
    assert bench.look(0.5).position == "moving"


def test_contacts_that_cannot_be_read_are_a_fault() -> None:
    bench = Bench()
    bench.contacts.close()
    reading = bench.contacts.look()
    assert reading.position == "fault"
    assert "cannot be read" in reading.detail


def test_floor_contacts_beside_the_door() -> None:
    bench = Bench(floor=(22, 23, 24), floors=(-1, 1, 2))
    bench.set(p21=True, p23=True)
    assert bench.look(1.0) == DoorReading("closed", 1)
    bench.set(p23=False)
    assert bench.look(1.0) == DoorReading("closed", None), "between two floors"
    bench.set(p22=True)
    assert bench.look(1.0) == DoorReading("closed", -1)
    bench.set(p24=True)
    reading = bench.look(1.0)
    assert reading.floor is None
    assert "read 101, which is no floor" in reading.detail


def test_a_code_that_changes_bit_by_bit_shows_no_floor_in_between() -> None:
    bench = Bench(floor=(22, 23, 24), code="binary")
    bench.set(p22=True, p23=True)  # 3
    assert bench.look(1.0).floor == 3
    for pin in ("p24", "p23", "p22"):  # by way of 7 and 5 to 4, 0.1 s each
        bench.set(**{pin: pin == "p24"})
        assert bench.look(0.1).floor == 3
    assert bench.look(0.5).floor == 4


@pytest.mark.parametrize(
    ("code", "on", "floors", "floor"),
    [
        ("each", "010", (), 2),
        ("each", "010", (-1, 1, 2), 1),
        ("each", "110", (), None),
        ("each", "000", (), None),
        ("binary", "1011", (), 13),
        ("binary", "01", (-2, -1, 1, 2), 1),
        ("binary", "11", (-1, 1, 2), None),
        ("bcd", "001000001", (), 104),
        ("bcd", "01001000", (), 12),
        ("bcd", "0101", (), None),  # 10 is no digit
        ("gray", "110", (), 2),
        ("gray", "010", (), 3),
        ("gray", "011", (), 4),
    ],
)
def test_what_floor_contacts_mean(
    code: FloorCode, on: str, floors: tuple[int, ...], floor: int | None
) -> None:
    """``on`` is written lowest floor or least significant bit first."""
    assert floor_of([bit == "1" for bit in on], code, floors) == floor


@given(st.integers(0, 255))
def test_codes_are_undone(number: int) -> None:
    def bits(value: int, count: int) -> list[bool]:
        return [bool(value >> place & 1) for place in range(count)]

    assert floor_of(bits(number, 8), "binary") == number
    assert floor_of(bits(number ^ (number >> 1), 8), "gray") == number
    assert floor_of(bits(int(str(number), 16), 12), "bcd") == number


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 0.5)), max_size=40), st.floats(0.05, 1.0))
def test_steady_shows_only_what_lasted(story: list[tuple[bool, float]], settle_s: float) -> None:
    steady: Steady[bool] = Steady(settle_s)
    now_s, since_s, last = 0.0, 0.0, None
    for raw, pass_s in story:
        now_s += pass_s
        if raw != last:
            since_s, last = now_s, raw
        before = steady.value
        shown = steady.see(raw, now_s)
        assert shown == (raw if now_s - since_s >= settle_s else before)


def test_one_pin_twice_and_no_pin_at_all_are_refused() -> None:
    with pytest.raises(ConfigError, match="its own pin"):
        DoorContacts(door=(5, 6), floor=(6,), pin_factory=pin_factory("mock"))
    with pytest.raises(ConfigError, match="its own pin"):
        DoorContacts(pin_factory=pin_factory("mock"))
    with pytest.raises(RelayError, match="GPIO 99"):
        DoorContacts(door=(5, 99), pin_factory=pin_factory("mock"))


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"door_open_pin": 5}, "go together"),
        ({"floor_pins": [5, 6], "floors": [1]}, "one per pin"),
        ({"fire_pin": 5, "door_open_pin": 5, "door_closed_pin": 6}, "GPIO 5 is used twice"),
        ({"floor_pins": [5, 5]}, "GPIO 5"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_settings(env={}, overrides={f"elevators.0.inputs.{k}": v for k, v in inputs.items()})


def test_on_its_own_thread() -> None:
    factory = pin_factory("mock")
    contacts = DoorContacts(door=(20, 21), settle_s=0.05, pin_factory=factory)
    pin: Any = factory.pin(20)
    pin.drive_low()
    contacts.start()
    eventually(lambda: contacts.reading.position == "open")
    contacts.close()
    contacts.close()


def test_the_hold_cannot_hear_of_them() -> None:
    """What inhibits and what is shown are different values: no field of `Inputs` speaks of door or floor."""
    assert not {name for name in Inputs.__dataclass_fields__ if "door" in name or "floor" in name}
