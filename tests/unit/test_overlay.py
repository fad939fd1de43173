"""What was set on the page: above the settings file, below the environment, in versions that nobody loses."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import overlay
from api.load import load_settings
from api.overlay import Changes, ElevatorChange, Kept, VisionChange
from api.preview import Thresholds, confirmed_at, judge
from api.records import Evidence
from api.settings import Settings
from api.settings_camera import ZoneSettings
from api.settings_hold import HoldSettings, ScheduleSettings
from vision.errors import ConfigError, ConflictError

T0 = datetime(2026, 3, 1, tzinfo=UTC)
ZONE = ZoneSettings(kind="ignore", polygon=((0, 0), (0.5, 0), (0, 0.5)))


def keep(data_dir: Path, changes: Changes, version: int = 1) -> None:
    overlay.write(data_dir, Kept(version=version, at=T0, by="ann", changes=changes), before=version - 1)


def test_the_order_is_environment_then_page_then_file(tmp_path: Path) -> None:
    config = tmp_path / "liftguard.toml"
    config.write_text(
        f'data_dir = "{tmp_path}"\n[[elevators]]\nid = "a"\n[[elevators]]\nid = "b"\nname = "B"\n'
        "[elevators.hold]\npulse_s = 10\n[vision]\nconfirm_hits = 5\n"
    )
    change = ElevatorChange(
        zones=(ZONE,), hold=HoldSettings(pulse_s=12, pause_s=4), schedule=ScheduleSettings(off=("Sat,Sun",))
    )
    keep(tmp_path, Changes(elevators={"b": change}, vision=VisionChange(confirm_prob=0.95)))
    found = load_settings(config, env={"LIFTGUARD_ELEVATORS__1__HOLD__PULSE_S": "14"})
    a, b = found.elevators
    assert (a.zones, a.hold) == ((), HoldSettings())
    assert b.name == "B"
    assert b.zones == (ZONE,)
    assert b.hold == HoldSettings(pulse_s=14, pause_s=4)
    assert b.schedule.off == ("Sat,Sun",)
    assert (found.vision.confirm_prob, found.vision.confirm_hits) == (0.95, 5)


def test_a_box_without_a_file_has_its_default_elevator(tmp_path: Path) -> None:
    keep(tmp_path, Changes(elevators={"car-1": ElevatorChange(zones=(ZONE,))}))
    env = {"LIFTGUARD_DATA_DIR": str(tmp_path), "LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE": "0"}
    (only,) = load_settings(env=env).elevators
    assert (only.id, only.zones, only.camera.source) == ("car-1", (ZONE,), "0")
    keep(tmp_path, Changes(elevators={"gone": ElevatorChange(zones=(ZONE,))}), version=2)
    (only,) = load_settings(env=env).elevators
    assert only.zones == ()


def test_versions_are_kept_and_nobody_overwrites_what_another_has_just_set(tmp_path: Path) -> None:
    keep(tmp_path, Changes())
    keep(tmp_path, Changes(vision=VisionChange(confirm_hits=4)), version=2)
    with pytest.raises(ConflictError, match="ann changed the settings"):
        overlay.write(tmp_path, Kept(version=2, at=T0, by="bo", changes=Changes()), before=1)
    now = overlay.read(tmp_path)
    assert now is not None
    assert now.changes.vision.confirm_hits == 4
    assert [kept.version for kept in overlay.history(tmp_path)] == [2, 1]
    assert not list((tmp_path / overlay.FOLDER).rglob("*.part"))


def test_a_file_that_is_wrong_stops_with_its_name_and_what_to_do(tmp_path: Path) -> None:
    keep(tmp_path, Changes())
    path = tmp_path / overlay.FOLDER / overlay.FILE
    path.write_text('{"version": 1}')
    with pytest.raises(ConfigError, match=r"page\.json.*at: Field required.*history"):
        load_settings(env={"LIFTGUARD_DATA_DIR": str(tmp_path)})


def test_changes_add_up_and_are_checked_like_the_settings() -> None:
    first = Changes(elevators={"car-1": ElevatorChange(zones=(ZONE,))})
    both = first.with_(Changes(elevators={"car-1": ElevatorChange(hold=HoldSettings(cap_s=60))}))
    found = overlay.applied(Settings(), both).elevators[0]
    assert (found.zones, found.hold.cap_s) == ((ZONE,), 60)
    without = both.with_(Changes(elevators={"car-1": ElevatorChange(zones=())}))
    assert overlay.applied(Settings(), without).elevators[0].zones == ()
    with pytest.raises(ValueError, match="pulse_s"):
        ElevatorChange.model_validate({"hold": {"pulse_s": 60}})


# --- a look ahead ------------------------------------------------------------------------------------------


def rows(*scores: float, step_s: float = 0.1, first_s: float = -0.5) -> list[Evidence]:
    return [
        Evidence(first_s + n * step_s, score, 0.6 if score else 0.0, (0, 0, 1, 1), "HOLDING")
        for n, score in enumerate(scores)
    ]


NOW = Thresholds(0.9, 0.3, 3)


def test_a_hold_begins_when_score_time_and_pictures_are_all_there() -> None:
    rising = rows(0.6, 0.7, 0.8, 0.92, 0.95, 0.97)
    assert confirmed_at(rising, NOW) == pytest.approx(-0.2)
    assert confirmed_at(rising, Thresholds(0.96, 0.3, 3)) == pytest.approx(0.0)
    assert confirmed_at(rising, Thresholds(0.9, 0.45, 3)) == pytest.approx(0.0)
    assert confirmed_at(rising, Thresholds(0.9, 0.3, 6)) == pytest.approx(0.0)
    assert confirmed_at(rising, Thresholds(0.99, 0, 1)) is None
    broken = rows(0.6, 0.95, 0.0, 0.95, 0.95, 0.95, 0.95)
    assert confirmed_at(broken, NOW) == pytest.approx(0.1)  # what came before the break does not count
    assert confirmed_at([], NOW) is None


def test_lost_and_later() -> None:
    rising = rows(0.6, 0.7, 0.8, 0.92, 0.95, 0.97)
    assert judge("e", rising, NOW, Thresholds(0.99, 0.3, 3)).lost
    later = judge("e", rising, NOW, Thresholds(0.96, 0.3, 3))
    assert not later.lost
    assert later.later_s == pytest.approx(0.2)
    assert not judge("e", [], NOW, NOW).lost


@given(
    st.lists(st.floats(0, 1), max_size=60),
    st.floats(0.5, 0.99),
    st.floats(0, 3),
    st.integers(1, 30),
)
def test_stricter_never_holds_sooner(scores: list[float], prob: float, min_s: float, hits: int) -> None:
    evidence = rows(*scores)
    loose = confirmed_at(evidence, Thresholds(prob, min_s, hits))
    for strict in (
        Thresholds(prob + 0.005, min_s, hits),
        Thresholds(prob, min_s + 0.2, hits),
        Thresholds(prob, min_s, hits + 1),
    ):
        found = confirmed_at(evidence, strict)
        assert found is None or (loose is not None and found >= loose)
