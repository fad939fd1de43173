"""What is committed shows no real person: pictures and weights only where they are known to be ours."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".mp4", ".avi", ".mkv", ".npy", ".npz"}
WEIGHTS = {".pt", ".onnx"}
OURS = {
    "benchmarks/reports": "plots",
    "docs/images": "pages and the rendered sample clip",
    "docs/screenshots": "pages with simulated cars and rendered clips",
    "models/weights": "trained by us, and plots of them",
    "tests/unit": "drawn by the test beside it",
    "vision/samples": "rendered, from meshes whose licence allows it",
}
"""Folders that may hold such files, and what they show. Look at a picture before it goes there."""
MOST_BYTES = 25 * 2**20  # of weights


def committed() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout: what is committed cannot be told")
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]  # also where another user cloned it
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"git cannot list what is committed: {done.stderr.strip()}")
    return [Path(name) for name in done.stdout.split("\0") if name]


def test_pictures_and_weights_lie_only_where_they_are_known_to_be_ours() -> None:
    found = [path for path in committed() if path.suffix.lower() in PICTURES | WEIGHTS]
    strange = [str(path) for path in found if path.parent.as_posix() not in OURS]
    assert strange == []
    assert {path.parent.as_posix() for path in found} == set(OURS)  # no folder is allowed that has none


def test_weights_fit_their_limit() -> None:
    weights = [path for path in committed() if path.suffix in WEIGHTS]
    assert weights
    assert [str(path) for path in weights if (ROOT / path).stat().st_size > MOST_BYTES] == []
