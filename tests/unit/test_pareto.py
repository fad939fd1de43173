"""The comparison of configurations: one share of false holds for all; a report can be drawn again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import pytest

from benchmarks import inference, pareto
from models.manifest import load_manifest
from models.threshold import Scored


def test_every_configuration_gets_the_same_share_of_false_holds() -> None:
    others = [Scored("empty", 0.01 * n) for n in range(100)]
    conf = pareto.conf_for([*others, Scored("e_bike", 0.5)], 0.02)
    assert sum(s.score >= conf for s in others) == 2
    assert pareto.conf_for(others[:1], 1.0) == 0.01


def test_a_report_is_drawn_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    point = {"family": "INT8", "label": "416", "ms": 12.0, "recall": 0.9, "low": 0.8, "high": 0.95}
    stored = tmp_path / "report.json"
    stored.write_text(
        json.dumps({"false_holds": 0.02, "points": [point, {**point, "family": "FP32", "ms": 20.0}]})
    )
    assert pareto.main(["--from", str(stored), "--plot", str(tmp_path / "plot.png")]) == 0
    assert json.loads(capsys.readouterr().out)["points"][0] == point
    assert cv2.imread(str(tmp_path / "plot.png")) is not None


def test_the_picture_is_of_the_steady_recall_where_there_is_one() -> None:
    point = {"family": "INT8", "label": "416", "ms": 12.0, "recall": 0.9, "low": 0.8, "high": 0.95}
    assert pareto.drawn({"false_holds": 0.02, "points": [point]}) == (
        [point],
        "e_bike recall at 2% false holds",
    )
    report = {
        "false_holds": 0.02,
        "steady_false_holds": [0.01, 0.05],
        "points": [{**point, "steady_recall": [0.7, 0.6, 0.75]}],
    }
    ((shown,), title) = pareto.drawn(report)
    assert (shown["recall"], shown["low"], shown["high"], shown["ms"]) == (0.7, 0.6, 0.75, 12.0)
    assert title == "e_bike recall, mean over 1% to 5% false holds"


def test_every_file_is_compared_once_and_the_two_precisions_are_of_one_network() -> None:
    """The manifest has a larger one, too, in 8 bits only."""
    found = pareto.families(load_manifest(), None)
    assert {stem: entry.file for stem, entry in found.items()} == {
        stem: f"{stem}.onnx" for stem in ("liftguard-n", "liftguard-n-int8", "liftguard-s-int8")
    }
    assert {name: entry.file for name, entry in inference.precisions(load_manifest()).items()} == {
        "FP32": "liftguard-n.onnx",
        "INT8": "liftguard-n-int8.onnx",
    }


def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    stored = tmp_path / "report.json"
    stored.write_text(json.dumps({"false_holds": 0.02, "points": []}))
    assert pareto.main(["--from", str(stored), "--plot", str(tmp_path / "plot.png")]) == 2
    assert "missing extra eval" in capsys.readouterr().err


def test_a_set_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pareto.main([str(tmp_path / "gone")]) == 2
    assert "no folder" in capsys.readouterr().err
