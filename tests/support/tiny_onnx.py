"""ONNX models of a few hundred bytes, written by hand: no training, no `onnx` package, no downloads.

The model multiplies a fixed head by the brightest red value of the picture, so a white or red picture gives
the head back exactly, a black or blue one gives zeros: that shows scaling to [0, 1] and the channel order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import ModelEntry
from vision.types import CLASS_NAMES

_FLOAT, _INT64 = 1, 7  # TensorProto.DataType


def cells(size_wh: tuple[int, int]) -> int:
    """How many columns a YOLOv8 head of this input size has."""
    return sum((size_wh[0] // s) * (size_wh[1] // s) for s in (8, 16, 32))


def make_head(rows: Sequence[Sequence[float]], classes: int, columns: int) -> NDArray[np.float32]:
    """(1, 4 + classes, columns) of zeros with one column per row ``cx, cy, w, h, class, score``."""
    head = np.zeros((1, 4 + classes, columns), np.float32)
    for column, (*box, class_id, score) in enumerate(rows):
        head[0, :4, column] = box
        head[0, 4 + int(class_id), column] = score
    return head


def write_model(
    folder: Path,
    head: NDArray[np.float32],
    *,
    size_wh: tuple[int, int] = (64, 64),
    names: Sequence[str] | str | None = CLASS_NAMES,
    input_shape: Sequence[int | str] | None = None,
    output_shape: Sequence[int | str] | None = None,
) -> Path:
    """Write the model into ``folder``. ``names`` as a string goes into the metadata as it is; None: none."""
    w, h = size_wh
    shape_in = (1, 3, h, w) if input_shape is None else input_shape
    shape_out = head.shape if output_shape is None else output_shape
    graph = b"".join(
        (
            _field(1, _node("Gather", ("images", "zero"), "red", axis=1)),
            _field(1, _node("ReduceMax", ("red",), "brightest", keepdims=1)),
            _field(1, _node("Mul", ("head", "brightest"), "output0")),
            _field(2, b"tiny"),
            _field(5, _tensor("zero", _INT64, (), np.zeros((), np.int64).tobytes())),
            _field(5, _tensor("head", _FLOAT, head.shape, np.ascontiguousarray(head, "<f4").tobytes())),
            _field(11, _value("images", shape_in)),
            _field(12, _value("output0", shape_out)),
        )
    )
    model = _field(1, 8) + _field(7, graph) + _field(8, _field(2, 17))
    if names is not None:
        text = names if isinstance(names, str) else repr(dict(enumerate(names)))
        model += _field(14, _field(1, b"names") + _field(2, text.encode()))
    path = folder / "tiny.onnx"
    path.write_bytes(model)
    return path


def entry_for(path: Path, **changes: Any) -> ModelEntry:
    """A manifest entry for a model of `write_model`, with some values changed."""
    values: Mapping[str, Any] = {
        "name": "tiny",
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size_wh": [64, 64],
        "class_names": list(CLASS_NAMES),
        "licence": "CC0-1.0",
        "origin": "tests",
        "operating_conf": {"e_bike": 0.4},
    }
    return ModelEntry.model_validate({**values, **changes})


def _field(number: int, value: int | bytes) -> bytes:
    """One protobuf field: varint or length-delimited (protobuf.dev/programming-guides/encoding)."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _node(op: str, inputs: Sequence[str], output: str, **attributes: int) -> bytes:
    parts = [_field(1, name.encode()) for name in inputs] + [
        _field(2, output.encode()),
        _field(4, op.encode()),
    ]
    parts += [
        _field(5, _field(1, key.encode()) + _field(3, value) + _field(20, 2))  # AttributeProto.INT
        for key, value in attributes.items()
    ]
    return b"".join(parts)


def _tensor(name: str, kind: int, dims: Sequence[int], raw: bytes) -> bytes:
    return b"".join(_field(1, d) for d in dims) + _field(2, kind) + _field(8, name.encode()) + _field(9, raw)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(
        _field(1, _field(1, side) if isinstance(side, int) else _field(2, side.encode())) for side in shape
    )
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, _FLOAT) + _field(2, dims)))
