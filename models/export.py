"""Turns a trained .pt into the ONNX file that ships. Needs the ``train`` extra; the running product does not.

``python -m models.export runs/one/weights/best.pt models/weights/liftguard-n.onnx``. The file holds the raw
YOLOv8 head (1, 4 + C, N), FP32, no NMS (`models.decode` does that), and metadata without paths or dates, so
that one .pt gives one file. Its height and width are free (multiples of 32), so one file serves every input
size, and a camera's pictures need no grey bars (``trim`` in the manifest). `models.graph` makes its box head
faster; both forms are run on two sizes and must give the same.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from models.decode import BOX_ROWS
from models.graph import faster_box_distances
from vision.errors import ConfigError, LiftguardError
from vision.types import CLASS_NAMES

OPSET = 17
"""Every ONNX Runtime since 1.13 reads it (onnxruntime.ai/docs/reference/compatibility.html)."""
MAX_BYTES = 25_000_000
"""Each shipped model file stays below this, so that the package stays small."""
SAME_PX, SAME_SCORE = 0.01, 1e-4
"""What a rewritten graph may differ by: float32 rounding is a tenth of it."""
KEPT_METADATA = ("names", "stride", "task", "imgsz", "batch", "channels")
"""Ultralytics' metadata that is true of the file itself. Dates, versions and arguments are left out."""


def clean_metadata(model: Any, extra: dict[str, str]) -> None:
    """Replace an ONNX model's metadata and doc strings, in place, by what belongs to the file itself."""
    free = not model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    keys = [k for k in KEPT_METADATA if not (free and k == "imgsz")]  # with free sides it would mislead
    kept = {p.key: p.value for p in model.metadata_props if p.key in keys} | extra
    del model.metadata_props[:]
    for key in sorted(kept):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, kept[key]
    model.doc_string = ""
    model.graph.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""


def export(weights: Path, target: Path, imgsz: int, *, fixed: bool = False, large: bool = False) -> str:
    """Write ``target`` and return its sha256.

    Args: ``imgsz`` the side that is traced, pixels; the only one the file takes if ``fixed``. ``large``: also
    write a file that is too large to ship, such as one that is only to be quantised.
    Raises: LiftguardError without the train extra; ConfigError for missing weights, other classes, an imgsz
    that is not a multiple of 32, or, unless ``large``, a file too large to ship.
    """
    if imgsz % 32 or imgsz <= 0:
        raise ConfigError(f"imgsz {imgsz} must be a positive multiple of 32, the head's coarsest stride")
    if not weights.is_file():
        raise ConfigError(f"weights not found: {weights}")
    try:
        import onnx
        from ultralytics import YOLO
    except ImportError as exc:
        raise LiftguardError(
            "exporting needs ultralytics and onnx, which are not installed; missing extra train: "
            "try `pip install 'liftguard[train]'`"
        ) from exc
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.pt"
        shutil.copyfile(weights, copy)  # ultralytics writes beside the weights
        yolo = YOLO(str(copy))
        names = tuple(yolo.names[i] for i in range(len(yolo.names)))
        if names != CLASS_NAMES:
            raise ConfigError(
                f"{weights} has classes {names[:8]}, need {CLASS_NAMES}; export a run of models.train"
            )
        made = yolo.export(
            format="onnx", imgsz=imgsz, opset=OPSET, simplify=True, dynamic=not fixed, nms=False
        )
        model = onnx.load(str(made))
    plain = model.SerializeToString()
    faster_box_distances(model)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    wide = (imgsz, imgsz) if fixed else (imgsz, max(32, imgsz * 9 // 16 // 32 * 32))
    check_same(plain, model.SerializeToString(), {(imgsz, imgsz), wide})
    clean_metadata(model, {"license": "AGPL-3.0-or-later", "description": "Liftguard e-bike detector"})
    data = model.SerializeToString()
    if len(data) > MAX_BYTES and not large:
        raise ConfigError(
            f"{target.name} would be {len(data)} bytes, and a shipped file may have {MAX_BYTES}; use a "
            "smaller model, or --large for one that is not shipped (its 8-bit form may be)"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def check_same(one: bytes, two: bytes, sizes_wh: Iterable[tuple[int, int]]) -> None:
    """Run both models on noise of each size. Raises: ConfigError if boxes or scores differ."""
    sessions = [ort.InferenceSession(data, providers=["CPUExecutionProvider"]) for data in (one, two)]
    for w, h in sizes_wh:
        noise = np.random.default_rng(w * h).random((1, 3, h, w), np.float32)
        first, second = (np.asarray(s.run(None, {s.get_inputs()[0].name: noise})[0]) for s in sessions)
        apart = (
            np.abs(first - second) if first.shape == second.shape else np.full((1, BOX_ROWS + 1, 1), np.inf)
        )
        if apart[:, :BOX_ROWS].max() > SAME_PX or apart[:, BOX_ROWS:].max(initial=0) > SAME_SCORE:
            raise ConfigError(
                f"at {w} x {h} the rewritten model differs by {apart.max()}; export with a tested "
                "ultralytics (the extra train), and report the version that gave this"
            )


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description="Export trained weights to ONNX.")
    parser.add_argument("weights", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--imgsz", type=int, default=416, help="side that is traced (default: 416)")
    parser.add_argument("--fixed", action="store_true", help="take only pictures of this side")
    args = parser.parse_args()
    try:
        print(export(args.weights, args.target, args.imgsz, fixed=args.fixed), args.target)
    except LiftguardError as exc:
        raise SystemExit(f"error: {exc}") from exc


if __name__ == "__main__":
    main()
