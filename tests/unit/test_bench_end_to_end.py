"""What the end-to-end benchmark makes of what it heard, and where its clips say the vehicle is in view."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks.day_pieces import Material
from benchmarks.e2e_clips import composited, load_scene, rendered
from benchmarks.end_to_end import Facts, Heard, Outcome, beside, outcome, summary
from datasets.shapes import Cutout
from vision.types import E_BIKE, PERSON

CLIP = Facts(3, "rendered", frames=60, first=10, full=20, inside=27, last=40)


def heard(
    changes: list[tuple[bool, float]], confirmed: list[float], called: list[int], missing: int | None = None
) -> Heard:
    """Picture N comes from the decoder at N tenths of a second and takes 50 ms to look at."""
    shown = {n: n / 10 for n in range(60) if n != missing}
    return Heard(shown, {n: t + 0.05 for n, t in shown.items()}, called, changes, confirmed, 0)


def test_times_run_from_the_whole_vehicle_and_from_its_last_sight() -> None:
    found = outcome(CLIP, heard([(True, 2.2), (False, 4.5)], [2.6], [22, 23]))
    assert (found.seen_ms, found.pre_hold_ms, found.confirm_ms, found.release_ms) == (250, 200, 600, 500)
    assert found.false_starts == 0
    assert found.looked_ms == pytest.approx(50)
    assert found.jitter_ms == pytest.approx(0)


def test_inside_times_run_from_where_it_holds_the_door() -> None:
    found = outcome(CLIP, heard([(True, 2.2), (False, 4.5)], [2.9], [22, 23]))
    assert (found.pre_hold_inside_ms, found.confirm_inside_ms) == (-500, 200)
    let_go_on_the_landing = outcome(CLIP, heard([(True, 2.2), (False, 2.6), (True, 2.9)], [3.2], [22]))
    assert (let_go_on_the_landing.pre_hold_ms, let_go_on_the_landing.pre_hold_inside_ms) == (200, 200)


def test_a_pre_hold_that_was_let_go_before_does_not_count() -> None:
    found = outcome(CLIP, heard([(True, 1.2), (False, 1.9), (True, 2.5), (False, 4.5)], [2.9], [12, 24]))
    assert found.pre_hold_ms == 500
    assert found.false_starts == 1
    assert found.seen_ms == pytest.approx(-750)


def test_a_pre_hold_under_way_counts_from_its_begin() -> None:
    assert outcome(CLIP, heard([(True, 1.7), (False, 4.5)], [2.1], [17])).pre_hold_ms == -300


def test_of_a_picture_that_was_dropped_the_next_counts() -> None:
    assert outcome(CLIP, heard([(True, 2.2)], [], [22], missing=20)).pre_hold_ms == 100


def test_what_never_came_is_none_and_lowers_the_share() -> None:
    nothing = outcome(CLIP, heard([], [], []))
    assert (nothing.seen_ms, nothing.pre_hold_ms, nothing.confirm_ms, nothing.release_ms) == (None,) * 4
    both = summary([nothing, outcome(CLIP, heard([(True, 2.2), (False, 4.5)], [2.6], [22]))])
    assert both["confirmed_share"] == 0.5
    assert both["pre_hold_ms"]["most"] == 200
    assert both["pre_hold_to_confirm_ms"]["p50"] == 400
    assert isinstance(nothing, Outcome)


def test_clips_that_were_played_with_others_at_once_too_are_compared(tmp_path: Path) -> None:
    alone = outcome(CLIP, heard([(True, 2.2), (False, 4.5)], [2.6], [22]))
    (tmp_path / "sha-commit-1-1.jsonl").write_text(json.dumps(asdict(alone)) + "\n")
    (tmp_path / "sha-other-1-1.jsonl").write_text(json.dumps(asdict(alone)) + "\n")
    late = outcome(CLIP, heard([(True, 2.25), (False, 4.5)], [2.7], [22]))
    told = beside([late], tmp_path, "sha-commit-1-4.jsonl")
    assert list(told) == ["1 at once"]
    assert told["1 at once"]["n"] == 1
    assert told["1 at once"]["pre_hold_ms"]["later_here"]["p50"] == pytest.approx(50)


def test_a_composite_is_fully_in_view_when_no_part_is_outside() -> None:
    bike = Cutout(np.full((80, 120, 3), 250, np.uint8), np.full((80, 120), 255, np.uint8), E_BIKE, "made")
    person = Cutout(np.zeros((90, 40, 3), np.uint8), np.full((90, 40), 255, np.uint8), PERSON, "made")
    cabin = np.full((312, 416, 3), 60, np.uint8)
    material = Material({"e_bike": [bike], "person": [person]}, [cabin], {})
    clips = [composited(material, np.random.default_rng(n), n) for n in range(4)]
    for clip in clips:
        assert clip.first < clip.full < clip.last < len(clip.images)
        level = float(clip.images[0].mean())
        bright = [int((image.mean(axis=2) > level + 25).sum()) for image in clip.images]
        assert bright[clip.first - 2] < 200  # nothing of it yet
        assert bright[clip.full] > 0.6 * max(bright) > 1000  # its size varies a little on the way


def test_a_rendered_clip_keeps_the_renderers_truth_at_any_speed() -> None:
    scene = load_scene()
    one, again = (rendered(scene, np.random.default_rng(5), 0) for _ in range(2))
    assert (one.first, one.full, one.last) == (again.first, again.full, again.last)
    assert all(np.array_equal(a, b) for a, b in zip(one.images, again.images, strict=True))
    assert one.first + 10 <= one.full < one.inside < one.full + 12 <= one.last < len(one.images)
