"""A manifest entry for a model file, and any entry as the TOML text that stands in the manifest."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import onnxruntime as ort
from pydantic import ValidationError

from models.manifest import DEFAULT_CONF, ModelEntry, first_errors
from models.session import ORT_ERRORS
from vision.errors import ModelError
from vision.types import CLASS_NAMES

_HEIGHT_WIDTH = slice(2, 4)  # of an input (1, 3, h, w)


def entry_of_file(path: Path, imgsz: int) -> ModelEntry:
    """The entry of an exported file as it is: not calibrated, and called from `DEFAULT_CONF` on.

    Args: ``imgsz``: side in pixels for a file whose sides are free; one with a side of its own keeps it.
    Raises: ModelError if the file is missing, ONNX Runtime cannot load it, or a side is no multiple of 32.
    """
    try:
        data = path.read_bytes()
        inputs = ort.InferenceSession(data, providers=["CPUExecutionProvider"]).get_inputs()
    except OSError as exc:
        raise ModelError(
            f"cannot read {path} ({exc.strerror or exc}); give an .onnx that `liftguard model export` wrote"
        ) from exc
    except ORT_ERRORS as exc:
        raise ModelError(
            f"ONNX Runtime cannot load {path}: {exc}; give an .onnx that `liftguard model export` wrote"
        ) from exc
    sides = [side for side in inputs[0].shape[_HEIGHT_WIDTH] if isinstance(side, int)]
    height, width = (sides * 2)[:2] or (imgsz, imgsz)
    words = re.sub(r"[^a-z0-9_.-]+", "-", path.stem.lower()).strip("-_.")
    try:
        return ModelEntry(
            name=f"{words or 'model'}-{width}"[:64],
            file=path.name,
            sha256=hashlib.sha256(data).hexdigest(),
            size_wh=(width, height),
            trim=not sides,
            class_names=CLASS_NAMES,
            licence="AGPL-3.0-or-later",
            origin=f"exported from {path.stem}",
            operating_conf={"e_bike": DEFAULT_CONF},
        )
    except ValidationError as exc:
        raise ModelError(f"{path} makes no entry for the manifest: {first_errors(exc)}") from exc


def as_toml(entry: ModelEntry) -> str:
    """The ``[[models]]`` table, without the keys that are as they would be if left out."""
    given = {
        key: value
        for key, value in entry.model_dump(mode="json").items()
        if ModelEntry.model_fields[key].is_required() or value != ModelEntry.model_fields[key].default
    }
    return "\n".join(["[[models]]", *(f"{key} = {_value(value)}" for key, value in given.items())])


def _value(value: Any) -> str:
    """One TOML value. Strings, numbers and truth are written as in JSON (toml.io, v1.0.0)."""
    if isinstance(value, dict):
        pairs = (f"{_key(key)} = {_value(one)}" for key, one in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        # TOML knows no \/, and JSON leaves DEL as it is, which TOML forbids
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)
