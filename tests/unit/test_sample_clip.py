"""The bundled sample clip is what its description says, and small and seekable enough to bundle."""

from __future__ import annotations

import hashlib
import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from datasets.render.motion import FPS, foot, timetable
from datasets.render.stage import PATHS

SAMPLES = Path(__file__).resolve().parents[2] / "vision" / "samples"
CLIP = SAMPLES / "elevator.mp4"


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    described: dict[str, Any] = json.loads((SAMPLES / "elevator.json").read_text(encoding="utf-8"))
    return described


def test_hash_and_size(truth: dict[str, Any]) -> None:
    content = CLIP.read_bytes()
    assert hashlib.sha256(content).hexdigest() == truth["sha256"]
    assert len(content) <= 5_000_000


def test_index_comes_before_the_pictures() -> None:
    content = CLIP.read_bytes()
    assert content.find(b"moov") < content.find(b"mdat")


def test_frames_rate_and_format(truth: dict[str, Any]) -> None:
    with av.open(str(CLIP)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.width, stream.height) == (truth["width"], truth["height"])
        assert stream.average_rate == truth["fps"]
        frames = list(container.decode(stream))
    assert len(frames) == truth["frames"]
    assert 40.0 <= truth["frames"] / truth["fps"] <= 50.0
    keys = [number for number, frame in enumerate(frames) if frame.key_frame]
    assert keys[0] == 0
    assert all(b - a <= truth["fps"] for a, b in pairwise(keys))


def test_story_is_told_in_order(truth: dict[str, Any]) -> None:
    visits = [truth["intervals"][name] for name in ("e_bike", "wheelchair", "stroller")]
    for visit in visits:
        first_partly, first_fully = visit["first_partly_s"], visit["first_fully_s"]
        assert 0.0 < first_partly <= first_fully < visit["last_fully_s"] <= visit["last_partly_s"]
    for earlier, later in pairwise(visits):
        assert earlier["last_partly_s"] < later["first_partly_s"]
    e_bike = visits[0]
    assert e_bike["last_fully_s"] - e_bike["first_fully_s"] >= 8.0


def test_boxes_agree_with_the_intervals(truth: dict[str, Any]) -> None:
    for name, visit in truth["intervals"].items():
        rows = [row for row in truth["boxes"] if row["class"] == name]
        assert rows[0]["frame"] / truth["fps"] == pytest.approx(visit["first_partly_s"])
        assert rows[-1]["frame"] / truth["fps"] == pytest.approx(visit["last_partly_s"])
        for row in rows:
            x0, y0, x1, y1 = row["box"]
            assert 0.0 <= x0 < x1 <= 1.0
            assert 0.0 <= y0 < y1 <= 1.0


def test_every_bought_in_mesh_is_credited() -> None:
    credits = (SAMPLES / "CREDITS.md").read_text(encoding="utf-8")
    for title in ("Electric Scooter", "Wheelchair 3.0"):
        assert title in credits


def test_the_renderer_still_tells_the_same_story(truth: dict[str, Any]) -> None:
    shots = timetable({name: path.end_m for name, path in PATHS.items()})
    assert len(shots) == truth["frames"]
    assert truth["fps"] == FPS
    for name, visit in truth["intervals"].items():
        on_stage = [number / FPS for number, shot in enumerate(shots) if shot.actor == name]
        assert on_stage[0] <= visit["first_partly_s"]
        assert visit["last_partly_s"] <= on_stage[-1]


def test_a_planted_foot_does_not_slide() -> None:
    path, offset = PATHS["e_bike"], (-0.47, 0.0)
    spots = []
    for s_m in (1.0, 1.1, 1.2, 1.3, 1.4):
        right, ahead, lift = foot(path, s_m, -1.0, offset)
        if lift == 0.0:
            spot = path.at(s_m).offset(*offset).offset(right, ahead)
            spots.append((spot.x, spot.y))
    assert len(spots) >= 3
    assert all(math.dist(a, spots[0]) < 0.01 for a in spots)
