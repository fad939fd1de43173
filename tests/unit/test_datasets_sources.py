"""What the teacher called an e-bike, and somebody has seen to be none, is not labelled one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.sources import NOT_E_BIKES, READERS
from vision.types import BICYCLE, E_BIKE, WHEELCHAIR

PLACES = {E_BIKE: [0.2, 0.3, 0.5, 0.9], BICYCLE: [0.6, 0.3, 0.9, 0.9]}
TAUGHT = {"wheelchair": [E_BIKE, BICYCLE], "rider": [E_BIKE, BICYCLE], "negative": [E_BIKE]}


def written(data: Path, key: str) -> None:
    """One grey picture with a labelled wheelchair in its corner."""
    path = data / key
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((80, 100, 3), 120, np.uint8))
    labels = path.parent.parent / "labels"
    labels.mkdir(exist_ok=True)
    (labels / f"{path.stem}.txt").write_text(f"{WHEELCHAIR} 0.05 0.05 0.1 0.1\n")


@pytest.mark.parametrize("name", sorted(TAUGHT))
def test_only_what_was_seen_to_be_wrong_is_left_out(tmp_path: Path, name: str) -> None:
    folder = {"wheelchair": "wheelchair", "rider": "bicycle_with_rider", "negative": "negatives"}[name]
    wrong = next(key for key in sorted(NOT_E_BIKES) if key.startswith(folder))
    right = str(Path(wrong).with_name("another.jpg"))
    teacher = {
        key: [[class_id, 0.9, *PLACES[class_id]] for class_id in TAUGHT[name]] for key in (wrong, right)
    }
    for key in teacher:
        written(tmp_path, key)
    found = {s.name.split("_", 1)[1]: {b.class_id for b in s.boxes} for s in READERS[name](tmp_path, teacher)}
    assert E_BIKE in found["another"]
    assert found[Path(wrong).stem] == found["another"] - {E_BIKE}
