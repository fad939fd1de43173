"""What the accuracy, false-hold and endurance benchmarks make of what they counted."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy, false_holds, memory
from benchmarks.day_entries import FPS, SHARES, entry, kind_of
from benchmarks.day_pieces import Material
from benchmarks.day_recorded import Recorded, Recording, Recordings, rules_version
from datasets.shapes import Cutout
from hardware.hold import HoldRules
from tests.support.tiny_world import BLACK, WHITE, tiny_manifest, write_picture
from vision.errors import ConfigError, LiftguardError
from vision.types import E_BIKE, PERSON, Detections


def test_poisson_interval_is_garwoods() -> None:
    assert false_holds.poisson_95(0) == pytest.approx((0.0, 3.689), abs=1e-3)  # Garwood 1936, table
    assert false_holds.poisson_95(3) == pytest.approx((0.619, 8.767), abs=1e-3)
    assert false_holds.poisson_95(10) == pytest.approx((4.795, 18.390), abs=1e-3)


def test_a_part_of_a_day_is_scaled_with_its_interval() -> None:
    told = false_holds.per_day([False] * 199 + [True])
    assert (told["count"], told["per_day"]) == (1, 10.0)
    assert told["low"] < 1
    assert told["high"] > 50


@pytest.mark.parametrize(
    ("recorded", "tells"), [(True, "without --recorded"), (False, "--minutes 0 of --ent")]
)
def test_a_day_of_which_nothing_was_played_is_an_error_and_no_target_met(recorded: bool, tells: str) -> None:
    options = argparse.Namespace(recorded=recorded, minutes=0.0, entries=2000)
    false_holds.require_played(1, options, Path("day"))
    with pytest.raises(LiftguardError, match=tells):
        false_holds.require_played(0, options, Path("day"))


def test_a_slope_is_found_and_flat_is_flat() -> None:
    hour = int(FPS * 3600)
    rising = memory.slope([(n * hour, 100.0 + 2 * n) for n in range(10)])
    assert rising["value"] == pytest.approx(2.0)
    flat = memory.slope([(n * hour, 100.0 + (n % 2)) for n in range(100)])
    assert flat["low"] <= 0 <= flat["high"]


def test_entries_are_the_same_each_time_and_come_and_go() -> None:
    piece = Cutout(np.full((120, 60, 3), 255, np.uint8), np.full((120, 60), 255, np.uint8), PERSON, "made")
    material = Material({"person": [piece]}, [np.full((300, 400, 3), 90, np.uint8)], {})
    one, again = (entry(material, 7, 1, kind="person") for _ in range(2))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(one.frames, again.frames, strict=True))
    first, last = one.frames[0].image.astype(int), one.frames[-1].image.astype(int)
    middle = one.frames[len(one.frames) // 2 - 4].image.astype(int)
    assert np.abs(first - last).mean() < 5  # the same empty car, but for noise
    assert np.abs(first - middle).max() > 40  # somebody stands in it


def test_a_day_has_every_kind_in_its_share_and_no_e_bike() -> None:
    kinds = [kind_of(number, 1) for number in range(2000)]
    assert set(kinds) == set(SHARES)
    assert kinds.count("person") / 2000 == pytest.approx(SHARES["person"], abs=0.03)


def test_accuracy_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "all.white"
    folder.mkdir()
    for number, level in enumerate((WHITE, WHITE, BLACK)):
        write_picture(folder / f"{number}.png", level)
    monkeypatch.setenv("LIFTGUARD_DETECTOR__MANIFEST", str(tiny_manifest(tmp_path)))
    monkeypatch.setattr(sys, "argv", ["accuracy", str(folder), "--expect", "e_bike", "--no-plot"])
    accuracy.main()
    told = json.loads(capsys.readouterr().out)
    recall = told["sets"]["all_white"]["image_recall"]["e_bike"]
    assert (recall["hits"], recall["tries"]) == (2, 3)
    assert told["targets_met"] == {"sets.all_white.image_recall.e_bike.share": False}


def test_accuracy_without_pictures_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFTGUARD_DATA", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "argv", ["accuracy", "--no-plot"])
    with pytest.raises(ConfigError, match=r"none; name folders, or set LIFTGUARD_DATA"):
        accuracy.main()


def test_what_the_detector_said_is_kept_and_judged_again(tmp_path: Path) -> None:
    found = Detections(
        np.array([[10, 20, 110.04, 220]], np.float32), np.array([0.87654], np.float32), np.array([E_BIKE])
    )
    kept = Recordings(tmp_path / "day-seen.jsonl")
    kept.put(7, Recording((160, 240), [found, None, Detections.empty()]))
    with (tmp_path / "day-seen.jsonl").open("a") as file:
        file.write('{"number": 8, "size_wh": [16')  # a run that was killed
    kept = Recordings(tmp_path / "day-seen.jsonl")
    assert 7 in kept
    assert 8 not in kept
    kept.put(9, Recording((160, 240), [found]))
    again = Recordings(tmp_path / "day-seen.jsonl")
    assert 9 in again
    read = again.get(7)
    assert read.size_wh == (160, 240)
    assert [None if one is None else len(one) for one in read.seen] == [1, None, 0]
    recorded = Recorded(read)
    image = np.zeros((240, 160, 3), np.uint8)
    opened = [recorded.gate.open(image, n / 10, False).open for n in range(2)]
    assert opened == [True, False]
    recorded = Recorded(read)
    recorded.gate.open(image, 0.0, False)
    assert recorded.detect(image).conf[0] == pytest.approx(0.8765)
    assert recorded.detect(image).xyxy[0].tolist() == pytest.approx([10, 20, 110, 220])


def test_looks_that_call_an_e_bike_are_counted_once_each_and_skipped_frames_never() -> None:
    box = [10.0, 20.0, 110.0, 220.0]
    two = Detections(np.array([box, box], np.float32), np.array([0.9, 0.4], np.float32), np.full(2, E_BIKE))
    other = Detections(np.array([box], np.float32), np.array([0.9], np.float32), np.array([PERSON]))
    recording = Recording((160, 240), [two, None, other, Detections.empty()])
    assert recording.called(E_BIKE, 0.35) == (1, 3)
    assert recording.called(E_BIKE, 0.91) == (0, 3)


def test_rules_have_a_version_that_changes_with_their_limits() -> None:
    assert rules_version(HoldRules()) == rules_version(HoldRules())
    assert rules_version(HoldRules()) != rules_version(HoldRules(kind="A"))
    assert rules_version(HoldRules(), (0.4, 0.25)) != rules_version(HoldRules(), (0.5, 0.25))
