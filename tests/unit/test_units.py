"""The systemd units keep what docs/safety.md promises of them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.relays import let_go_all
from api.settings import ElevatorSettings, Settings
from hardware.relay import FakeRelay
from vision.errors import RelayError

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"


def read(name: str) -> dict[str, list[str]]:
    """Every key of a unit file with its values; units repeat keys, which configparser refuses."""
    keys: dict[str, list[str]] = defaultdict(list)
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            keys[key].append(value)
    return keys


def test_guard_is_watched_restarted_and_lets_go_afterwards() -> None:
    unit = read("liftguard-guard.service")
    assert unit["Type"] == ["notify"]
    assert 0 < int(unit["WatchdogSec"][0]) <= 10
    assert unit["Restart"] == ["always"]
    assert int(unit["RestartSec"][0]) >= 3, "a rest between two holds, as between two pulses"
    assert int(unit["StartLimitBurst"][0]) <= 10
    assert unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert unit["ExecStopPost"][0].endswith("liftguard let-go")
    assert not unit["PrivateDevices"], "guard needs its pins"


def test_web_cannot_end_guard_nor_touch_a_device() -> None:
    unit = read("liftguard-web.service")
    for tie in ("Requires", "BindsTo", "PartOf", "Conflicts", "SupplementaryGroups", "DeviceAllow"):
        assert tie not in unit, tie
    assert unit["PrivateDevices"] == ["true"]
    (refused,) = (set(f[1:].split()) for f in unit["SystemCallFilter"] if f.startswith("~"))
    assert {"kill", "tkill", "tgkill:0", "pidfd_send_signal"} <= refused


@pytest.mark.parametrize("name", ["liftguard-guard.service", "liftguard-web.service"])
def test_both_are_confined(name: str) -> None:
    unit = read(name)
    assert unit["User"] == ["liftguard"]
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["NoNewPrivileges"] == ["true"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["StateDirectory"] == ["liftguard"]
    assert unit["RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6"]


def test_guard_comes_first_on_the_processor() -> None:
    guard, web = read("liftguard-guard.service"), read("liftguard-web.service")
    assert int(guard["Nice"][0]) <= int(web["Nice"][0]) - 10
    weights = [int(unit["CPUWeight"][0]) for unit in (guard, web)]
    assert weights[0] >= 20 * weights[1], "between groups the weight alone counts"
    assert int(guard["OOMScoreAdjust"][0]) < 0 < int(web["OOMScoreAdjust"][0])


def test_letting_go_goes_on_after_a_relay_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.model_validate({"elevators": [{"id": "a"}, {"id": "b"}, {"id": "c"}]})
    relays = {"a": FakeRelay(), "c": FakeRelay()}

    def build(elevator: ElevatorSettings) -> FakeRelay:
        if elevator.id == "b":
            raise RelayError("the board is gone")
        return relays[elevator.id]

    monkeypatch.setattr("api.relays.build_relay", build)
    assert let_go_all(settings) == 1
    assert [relay.closed for relay in relays.values()] == [True, True]


def test_letting_go_is_a_command() -> None:
    assert CliRunner().invoke(app, ["let-go"]).exit_code == 0


def test_both_meet_in_memory_so_that_a_broken_disk_does_not_part_them() -> None:
    for name in ("liftguard-guard.service", "liftguard-web.service"):
        unit = read(name)
        assert unit["RuntimeDirectory"] == ["liftguard"]
        assert unit["RuntimeDirectoryPreserve"] == ["yes"], "either of them may end while the other runs"
        assert "LIFTGUARD_RUNTIME_DIR=/run/liftguard" in unit["Environment"]
