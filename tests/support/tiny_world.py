"""A world in black and white for tests of the whole command: white is an e-bike, black is an empty car.

The detector is a real ONNX model of a few hundred bytes, run by the real runtime.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from tests.support.clips import write_clip
from tests.support.tiny_onnx import cells, entry_for, make_head, write_model
from vision.types import E_BIKE, Image

WHITE, BLACK = 255, 0
SIZE_WH = (64, 64)
CONF = 0.9


def picture(level: int, size_wh: tuple[int, int] = SIZE_WH) -> Image:
    """(H, W, 3) uint8 in one grey."""
    return np.full((size_wh[1], size_wh[0], 3), level, np.uint8)


def write_picture(path: Path, level: int) -> Path:
    """A PNG in one grey."""
    ok, data = cv2.imencode(".png", picture(level))
    assert ok
    path.write_bytes(data.tobytes())
    return path


def tiny_manifest(folder: Path, name: str = "tiny", conf: float = CONF) -> Path:
    """A manifest with the tiny model as its default: an e-bike of 32 x 32 px in the middle of white.

    Another ``conf`` makes another file, of another hash.
    """
    weights = folder / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    head = make_head([(32, 32, 32, 32, E_BIKE, conf)], 6, cells(SIZE_WH))
    entry = entry_for(write_model(weights, head, size_wh=SIZE_WH), name=name)
    lines = ["[[models]]"]
    for key, value in entry.model_dump(
        mode="json", exclude={"class_map", "operating_conf"}, exclude_none=True
    ).items():
        lines.append(f"{key} = {json.dumps(value)}")
    lines += ["operating_conf = { e_bike = 0.4 }"]
    path = folder / "manifest.toml"
    path.write_text("\n".join(lines), "utf-8")
    return path


def visit_clip(path: Path, *, empty_s: float = 2.0, visit_s: float = 4.0, after_s: float = 8.0) -> Path:
    """A clip at 10 frames/s: empty, an e-bike, empty again."""
    fps = 10
    first, last = round(empty_s * fps), round((empty_s + visit_s) * fps)

    def draw(number: int, size_wh: tuple[int, int]) -> Image:
        return picture(WHITE if first <= number < last else BLACK, size_wh)

    return write_clip(path, last + round(after_s * fps), size_wh=SIZE_WH, fps=fps, draw=draw)
