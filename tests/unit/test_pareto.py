"""The comparison of configurations: one share of false holds for all; a report can be drawn again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import pytest

from benchmarks import pareto
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
