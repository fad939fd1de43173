"""Every command of the models' room says on stderr what is wrong, so that its figures can be piped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models import confusion, evaluate, folds, quantize, threshold


@pytest.mark.parametrize(
    ("main", "before"),
    [
        (evaluate.main, []),
        (threshold.main, []),
        (folds.main, []),
        (confusion.main, ["out.png"]),
        (quantize.main, ["a.onnx", "b.onnx"]),
    ],
    ids=["evaluate", "threshold", "folds", "confusion", "quantize"],
)
def test_pictures_that_are_not_there_are_named(
    main: Callable[..., int], before: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = str(tmp_path / "gone")
    assert main([*before, gone]) == 2
    told = capsys.readouterr()
    assert gone in told.err
    assert told.err.startswith("error: ")
    assert told.out == ""
