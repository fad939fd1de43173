"""When the door is not held: windows, days, summer time, and a clock that cannot be right."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.load import load_settings
from api.relays import with_schedule
from hardware.hold import Inputs
from hardware.inputs import NoInputs
from hardware.schedule import CREDIBLE, DAYS, Schedule, ScheduledInputs, Window
from vision.errors import ConfigError, RelayError

MONDAY = datetime(2026, 3, 2)


def at(text: str) -> datetime:
    """``"Tue 07:30"``, in the first week of March 2026."""
    day, clock = text.split()
    hour, minute = (int(part) for part in clock.split(":"))
    return MONDAY + timedelta(days=DAYS.index(day), hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        ("07:30-09:00", ["Mon 07:30", "Sun 08:59"], ["Mon 07:29", "Mon 09:00"]),
        ("Mon-Fri 07:30-09:00", ["Fri 08:00"], ["Sat 08:00", "Mon 09:00"]),
        ("Fri 22:00-06:00", ["Fri 22:00", "Sat 05:59"], ["Fri 05:00", "Sat 06:00", "Sat 22:00"]),
        ("Sun 22:00-06:00", ["Mon 05:59"], ["Tue 05:59"]),
        ("Sat,Sun", ["Sat 00:00", "Sun 23:59"], ["Fri 23:59", "Mon 00:00"]),
        ("sat-mon", ["Sun 12:00", "Mon 12:00"], ["Tue 00:00"]),
        ("Mon,Wed-Thu 12:00-13:00", ["Wed 12:30", "Mon 12:30"], ["Tue 12:30"]),
    ],
)
def test_what_a_window_means(window: str, inside: list[str], outside: list[str]) -> None:
    parsed = Window.parse(window)
    assert all(at(text) in parsed for text in inside)
    assert not any(at(text) in parsed for text in outside)


@pytest.mark.parametrize(
    "text", ["", "  ", "noon", "Mon-", "Mon 7-9", "25:00-26:00", "12:00-12:00", "Mo 1:00"]
)
def test_what_is_not_understood_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"schedule .*(07:30-09:00|use Mon)"):
        Window.parse(text)


def test_a_zone_that_does_not_exist_and_a_week_without_a_hold_are_refused() -> None:
    with pytest.raises(ConfigError, match="Mars/Base"):
        Schedule.parse(["Sat"], "Mars/Base")
    with pytest.raises(ConfigError, match="kind = 'A'"):
        Schedule.parse(["Mon-Sat", "Sun 00:00-12:00", "Sun 12:00-00:00"])


def test_windows_are_local_time() -> None:
    schedule = Schedule.parse(["07:00-09:00"], "Asia/Shanghai")  # UTC+8, no summer time
    assert schedule.off(datetime(2026, 3, 2, 0, 0, tzinfo=UTC))
    assert not schedule.off(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


def test_summer_time_begins_and_ends() -> None:
    """Berlin 2026: 29 March 02:00 becomes 03:00, 25 October 03:00 becomes 02:00 again."""
    schedule = Schedule.parse(["02:30-06:00"], "Europe/Berlin")

    def off_minutes(day: datetime) -> list[int]:
        return [n for n in range(24 * 60) if schedule.off(day + timedelta(minutes=n))]

    spring = off_minutes(datetime(2026, 3, 28, 23, 0, tzinfo=UTC))
    assert len(spring) == 3 * 60, "from 03:00 on, because there was no 02:30"
    autumn = off_minutes(datetime(2026, 10, 24, 22, 0, tzinfo=UTC))
    assert len(autumn) == 4 * 60, "02:30 to 03:00 comes twice"
    plain = off_minutes(datetime(2026, 6, 30, 22, 0, tzinfo=UTC))
    assert len(plain) == 3.5 * 60


@given(
    st.datetimes(datetime(2026, 1, 3), datetime(2040, 1, 1)),
    st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "America/St_Johns", "Pacific/Apia"]),
)
def test_a_window_and_the_rest_of_its_day_share_the_time_between_them(moment: datetime, zone: str) -> None:
    now = moment.replace(tzinfo=ZoneInfo(zone))
    day, night = Schedule.parse(["06:00-22:00"], zone), Schedule.parse(["22:00-06:00"], zone)
    assert day.off(now.astimezone(UTC)) is not night.off(now.astimezone(UTC))


@pytest.mark.parametrize("year", [1970, 2000, 2025])
def test_a_clock_that_cannot_be_right_holds_nothing(year: int, caplog: pytest.LogCaptureFixture) -> None:
    now = [datetime(year, 6, 1, 12, tzinfo=UTC)]
    reader = ScheduledInputs(NoInputs(), Schedule.parse(["Sat"]), lambda: now[0])
    for _ in range(3):
        assert reader.read().inhibit_reason == "schedule_off"
    assert caplog.text.count("the schedule cannot be followed") == 1
    now[0] = CREDIBLE + timedelta(days=6)  # a Wednesday
    assert reader.read() == Inputs()


def test_without_a_schedule_no_clock_matters() -> None:
    assert not Schedule.parse([]).off(datetime(1970, 1, 1, tzinfo=UTC))
    car = load_settings(env={}).elevators[0]
    inner = NoInputs()
    assert with_schedule(car, inner, lambda: datetime(1970, 1, 1, tzinfo=UTC)) is inner


def test_a_schedule_from_the_settings_reaches_the_inputs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    car = load_settings(
        env={},
        overrides={"elevators.0.schedule.off": ["22:00-06:00"], "elevators.0.schedule.time_zone": "UTC"},
    ).elevators[0]
    now = [datetime(2026, 3, 2, 21, 59, tzinfo=UTC)]
    reader = with_schedule(car, NoInputs(), lambda: now[0])
    assert reader.read() == Inputs()
    now[0] += timedelta(minutes=1)
    assert reader.read() == Inputs(schedule_off=True)
    with pytest.raises(ConfigError, match="schedule"):
        load_settings(env={}, overrides={"elevators.0.schedule.off": ["midnight"]})


def test_other_inputs_and_their_errors_pass_through() -> None:
    class Other(NoInputs):
        def read(self) -> Inputs:
            return Inputs(fire=True)

    class Broken(NoInputs):
        def read(self) -> Inputs:
            raise RelayError("gone")

    def wall() -> datetime:
        return datetime(2026, 3, 7, 12, tzinfo=UTC)  # a Saturday

    everything = ScheduledInputs(Other(), Schedule.parse(["Sat"], "UTC"), wall).read()
    assert everything == Inputs(fire=True, schedule_off=True)
    assert everything.inhibit_reason == "fire"
    with pytest.raises(RelayError, match="gone"):
        ScheduledInputs(Broken(), Schedule.parse(["Sat"]), wall).read()
