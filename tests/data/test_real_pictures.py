"""`detect` and `replay` on real pictures from the local data folder, where there is one.

The pictures are not ours to ship. Asserted is that the commands work and do not see less than they
did, one picture of slack for the arithmetic of other processors; docs/real-pictures.md says what they see.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api import cli
from api.load import load_settings

DATA = load_settings().data
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not DATA.is_dir(), reason=f"no local data folder at {DATA}; LIFTGUARD_DATA names another"
    ),
]


def lines_of(*args: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(cli.app, [*args, "--json"])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def pictures(folder: Path) -> int:
    return sum(path.suffix.lower() in {".jpg", ".jpeg", ".png"} for path in folder.iterdir())


@pytest.mark.parametrize(
    ("folder", "at_least"),
    [("elevator_photos/images", 7), ("elevator_cctv_val/images", 13), ("elevator_cctv_sequence", 5)],
)
def test_detect_finds_the_e_bikes_that_it_found_before(folder: str, at_least: int) -> None:
    lines = lines_of("detect", str(DATA / folder))
    assert len(lines) == pictures(DATA / folder)
    found = sum(any(d["class"] == "e_bike" for d in line["detections"]) for line in lines)
    assert found >= at_least
    for line in lines:
        for detection in line["detections"]:
            x1, y1, x2, y2 = detection["xyxy"]
            assert 0 <= x1 < x2 <= line["width"]
            assert 0 <= y1 < y2 <= line["height"]


@pytest.mark.parametrize("folder", ["elevator_cctv_sequence", "elevator_photos/images"])
def test_replay_goes_through_every_picture(folder: str) -> None:
    lines = lines_of("replay", str(DATA / folder), "--fps", "5")
    summary = lines[-1]
    assert summary["type"] == "summary"
    assert summary["frames"] == pictures(DATA / folder)
    assert summary["skipped"] == 0
    assert 0 <= summary["hold_s"] <= summary["duration_s"] + 0.2
