"""`liftguard doctor`: what fails at one elevator hides nothing of the others."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from api.doctor import examine, looks_per_s

CONFIG = """
[[elevators]]
id = "broken"
camera = {{ source = "/nowhere/at/all" }}
relay = {{ driver = "gpio" }}

[[elevators]]
id = "well"
camera = {{ source = "{pictures}" }}
relay = {{ driver = "simulated" }}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pictures"
    folder.mkdir()
    assert cv2.imwrite(str(folder / "a.png"), np.full((48, 64, 3), 200, np.uint8))
    path = tmp_path / "liftguard.toml"
    path.write_text(CONFIG.format(pictures=folder), "utf-8")
    return path


def test_a_bad_camera_and_a_bad_relay_do_not_hide_the_next_elevator(config: Path) -> None:
    found = {finding.check: finding for finding in examine(config, {})}
    assert found["camera broken"].status == "fail"
    assert "/nowhere/at/all" in found["camera broken"].said
    assert found["camera well"].status == "ok"
    assert found["relay broken"].status == "fail"
    assert "relay.pin" in found["relay broken"].said
    assert found["relay well"].status == "ok"
    assert found["voice well"].status == "ok"
    assert "for each of 2 camera(s)" in found["model"].said
    assert not {"cameras", "relays", "voices"} & found.keys()


def test_a_box_is_asked_for_all_of_its_cameras() -> None:
    assert looks_per_s(20.0, 2, 1) == 100.0
    assert looks_per_s(20.0, 2, 16) == 6.25
    assert looks_per_s(0.0, 1, 0) > 0
