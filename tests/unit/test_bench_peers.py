"""Whether the peers meet on equal terms: same frames, same session, nobody always behind the same one."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from benchmarks import peer_worker, peers
from tests.support.tiny_world import tiny_manifest
from vision.errors import ConfigError


def test_all_see_the_same_frames_in_changing_order() -> None:
    called: list[tuple[str, int]] = []

    def looking(name: str) -> Callable[[int], float]:
        def look(number: int) -> float:
            called.append((name, number))
            return float(len(called))

        return look

    rests: list[float] = []
    times = peers.in_turns({n: looking(n) for n in "abc"}, 200, 7, random.Random(3), rests.append)
    assert [len(found) for found in times.values()] == [200] * 3
    seen = {name: [number for who, number in called if who == name] for name in "abc"}
    assert seen["a"] == seen["b"] == seen["c"]
    assert set(seen["a"]) == set(range(7))
    assert len(rests) == len(called)
    assert min(rests) > 0.05  # longer than ONNX Runtime's threads spin after a run
    before = Counter((one, two) for (one, _), (two, _) in pairwise(called))
    for name in "abc":  # each comes behind each other one about as often
        behind = [before[other, name] for other in "abc" if other != name]
        assert min(behind) / max(behind) > 0.6


def test_a_factor_says_how_far_they_are_behind() -> None:
    told = peers.factors({"ours": [0.01, 0.01], "theirs": [0.02, 0.04]}, {"theirs": "ours"})
    assert told == {"theirs": {"factor_fps": 3.0, "factor_p95": 3.9}}


@pytest.mark.parametrize("spinning", ["0", "1"])
def test_whoever_opens_a_session_gets_the_same_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spinning: str
) -> None:
    tiny_manifest(tmp_path)
    (model,) = (tmp_path / "weights").glob("*.onnx")
    monkeypatch.setattr(ort, "InferenceSession", ort.InferenceSession)  # put back afterwards
    peer_worker.same_session(3, spinning)
    for named in ({}, {"sess_options": ort.SessionOptions()}):
        session: Any = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"], **named)
        options = session.get_session_options()
        assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == spinning


def test_who_cannot_take_part_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIFTGUARD_DETECTOR__MANIFEST", str(tiny_manifest(tmp_path)))
    monkeypatch.setattr(peers, "REST_S", 0.0)
    bare = tmp_path / "python"  # a Python without any package
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "argv", ["peers", "--frames", "3", "--no-plot", "--python", str(bare)])
    peers.main()
    told = json.loads(capsys.readouterr().out)
    assert "No module named" in told["left_out"]["supervision"]
    assert {"ours", "ours, busy-waiting"} <= set(told["peers"])


def test_without_ours_there_is_nothing_to_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "frames.npy", np.zeros((1, 48, 64, 3), np.uint8))
    ours = peers.Contestant("ours", "liftguard", "no-such-model", sys.executable)
    with pytest.raises(ConfigError, match="no-such-model"):
        peers._start([ours], (64, 1, tmp_path / "frames.npy"))
