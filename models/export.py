"""Turns a trained .pt into the ONNX file that ships. Needs the ``train`` extra; the running product does not.

``python -m models.export runs/one/weights/best.pt models/weights/liftguard-n-320.onnx --imgsz 320``. The
file holds the raw YOLOv8 head (1, 4 + C, N), FP32, no NMS (`models.decode` does that), and metadata without
paths or dates, so that one .pt gives one file.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from vision.errors import ConfigError, LiftguardError
from vision.types import CLASS_NAMES

OPSET = 17
"""Every ONNX Runtime since 1.13 reads it (onnxruntime.ai/docs/reference/compatibility.html)."""
MAX_BYTES = 25_000_000
"""Each shipped model file stays below this, so that the package stays small."""
KEPT_METADATA = ("names", "stride", "task", "imgsz", "batch", "channels")
"""Ultralytics' metadata that is true of the file itself. Dates, versions and arguments are left out."""


def clean_metadata(model: Any, extra: dict[str, str]) -> None:
    """Replace an ONNX model's metadata and doc strings, in place, by what belongs to the file itself."""
    kept = {p.key: p.value for p in model.metadata_props if p.key in KEPT_METADATA} | extra
    del model.metadata_props[:]
    for key in sorted(kept):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, kept[key]
    model.doc_string = ""
    model.graph.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""


def export(weights: Path, target: Path, imgsz: int) -> str:
    """Write ``target`` and return its sha256.

    Raises: LiftguardError without the train extra; ConfigError for missing weights, other classes, an imgsz
    that is not a multiple of 32, or a file too large to ship.
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
        made = yolo.export(format="onnx", imgsz=imgsz, opset=OPSET, simplify=True, dynamic=False, nms=False)
        model = onnx.load(str(made))
    clean_metadata(model, {"license": "AGPL-3.0-or-later", "description": "Liftguard e-bike detector"})
    data = model.SerializeToString()
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"{target.name} would be {len(data)} bytes, more than {MAX_BYTES}; use a smaller model"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description="Export trained weights to ONNX.")
    parser.add_argument("weights", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--imgsz", type=int, default=320)
    args = parser.parse_args()
    try:
        print(export(args.weights, args.target, args.imgsz), args.target)
    except LiftguardError as exc:
        raise SystemExit(f"error: {exc}") from exc


if __name__ == "__main__":
    main()
