"""Guard and web meet in the same folder, whether the disk can be written or not."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from api.load import load_settings
from api.run_dir import current_run_dir, guard_run_dir, spare_run_dir
from api.settings import Settings


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    spare = tmp_path / "tmp"
    spare.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    return load_settings(env={"LIFTGUARD_DATA_DIR": str(tmp_path / "var")})


def worn_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)


def opened(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "guard-live.sock").touch()


def test_with_a_disk_both_meet_in_the_data_folder(box: Settings) -> None:
    assert guard_run_dir(box) == box.data_dir / "run" == current_run_dir(box)


def test_without_a_disk_both_meet_in_memory(
    box: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worn_out(monkeypatch)
    spare = guard_run_dir(box)
    assert spare == spare_run_dir(box)
    assert "the door is guarded all the same" in caplog.text
    opened(spare)
    assert current_run_dir(box) == spare


def test_with_the_disk_back_web_does_not_look_where_guard_was(
    box: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        worn_out(patched)
        opened(guard_run_dir(box))
    assert guard_run_dir(box) == box.data_dir / "run"
    assert current_run_dir(box) == box.data_dir / "run"


def test_a_disk_that_breaks_later_moves_nobody(box: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(guard_run_dir(box))
    worn_out(monkeypatch)
    assert current_run_dir(box) == box.data_dir / "run"


def test_a_folder_that_somebody_else_has_put_there_is_not_used(
    box: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(spare_run_dir(box))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    elsewhere = spare_run_dir(box)
    opened(elsewhere)
    assert current_run_dir(box) == box.data_dir / "run"


def test_two_boxes_on_one_machine_do_not_meet(box: Settings, tmp_path: Path) -> None:
    other = load_settings(env={"LIFTGUARD_DATA_DIR": str(tmp_path / "other")})
    assert spare_run_dir(box) != spare_run_dir(other)


def test_a_folder_in_the_settings_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"LIFTGUARD_DATA_DIR": str(tmp_path / "var"), "LIFTGUARD_RUNTIME_DIR": str(tmp_path / "run")}
    box = load_settings(env=env)
    worn_out(monkeypatch)
    assert guard_run_dir(box) == tmp_path / "run" == current_run_dir(box)


def test_looking_where_guard_is_removes_nothing(box: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        worn_out(patched)
        spare = guard_run_dir(box)
    opened(spare)
    for _ in range(2):  # the disk can be written again, and guard is still where it was
        assert current_run_dir(box) == spare
    assert (spare / "guard-live.sock").exists()
    assert not box.data_dir.exists()
