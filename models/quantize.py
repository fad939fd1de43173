"""FP32 ONNX to static INT8 (QDQ), calibrated on training pictures. Needs `onnx` (extra ``train``).

``python -m models.quantize liftguard-n.onnx liftguard-n-int8.onnx TRAIN_FOLDER --imgsz 416``

What was tried, with figures, is in models/quantize.md. What it came to:
- 8-bit activations, signed 8-bit weights with a scale per output channel, ranges by plain minimum and
  maximum. Percentiles and entropy were no better and take longer.
- What goes into x sigmoid(x) is cut off at `SILU_FLOOR`: below it the answer is nearly 0, and more than half
  of the 256 steps used to be spent there.
- Weights use all 8 bits. Without VNNI, x86 adds pairs of products in 16 bits, which such weights can overflow
  (onnxruntime.ai, "Quantize ONNX models"); measured on a processor without VNNI, it costs less than the lost
  bit did. Scores may differ in the third digit between processors.
- Not only convolutions: their neighbours too, so that tensors stay 8-bit between them. The head's last
  convolutions and what is behind them stay float (`models.graph.float_tail`), and so do the first three
  layers (`models.graph.early_nodes`), where rounding costs most.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.blob import blob_of
from models.command import tells_errors
from models.graph import early_nodes, float_tail, silu_inputs
from models.sets import load_picture, picture_paths
from vision.errors import ConfigError, LiftguardError
from vision.geometry import trimmed

QUANTISED_OPS: Final = ("Conv", "Mul", "Sigmoid", "Concat", "MaxPool", "Resize", "Split", "Add")
"""Of a YOLOv8: convolutions, their SiLU (x sigmoid(x)) and what moves tensors between them."""
SILU_FLOOR: Final = -5.0
"""x sigmoid(x) is -0.03 there. Of -4, -5, -6 and -8 it left the least error (models/quantize.md)."""
PICTURES: Final = 200
"""Calibration pictures, spread evenly over the folder; 100 gave the same ranges to within a step."""
_STRIDE: Final = 32

Progress = Callable[[str, int, int], None]
"""Called with what is done, how many are done, and of how many."""


def quantise(
    source: Path, target: Path, pictures: Sequence[Path], imgsz: int, progress: Progress | None = None
) -> str:
    """Write the INT8 model to ``target`` and return its sha256.

    Args: ``source`` FP32, with fixed or free sides; ``pictures`` to calibrate on, from training data only;
    ``imgsz`` longest side, pixels, at which they are shown (a fixed model: its own).
    Raises: LiftguardError without the train extra; ConfigError for a missing file or no pictures.
    """
    onnx, tools = _library()
    if not source.is_file():
        raise ConfigError(f"model not found: {source}; export it first (`liftguard model export`)")
    if not pictures:
        raise ConfigError("no pictures to calibrate on; give a folder with training pictures")
    with tempfile.TemporaryDirectory() as folder:
        ready, made = Path(folder) / "ready.onnx", Path(folder) / "int8.onnx"
        tools.shape_inference.quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        model = onnx.load(str(ready))
        shape = model.graph.input[0].type.tensor_type.shape.dim
        fixed = (shape[3].dim_value, shape[2].dim_value) if shape[2].dim_value else None
        blobs = _blobs(pictures, fixed or (imgsz, imgsz), trim=fixed is None, progress=progress)
        _quantise(tools, ready, made, _reader(tools, model.graph.input[0].name, blobs))
        quantised = onnx.load(str(made))
        data = _with_metadata_of(onnx.load(str(source)), quantised)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _quantise(tools: Any, ready: Path, made: Path, reader: Any) -> None:
    """Calibrate, cut ranges, write QDQ. `quantize_static` would not let the ranges be cut."""
    import onnx
    from onnxruntime.quantization import calibrate
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model = onnx.load(str(ready))
    method = calibrate.CalibrationMethod.MinMax
    calibrator = calibrate.create_calibrator(
        str(ready),
        list(QUANTISED_OPS),
        augmented_model_path=str(made.with_name("watched.onnx")),
        calibrate_method=method,
        extra_options={},
    )
    calibrator.collect_data(reader)
    seen = {
        name: tuple(np.float32(np.asarray(end).reshape(-1)[0]) for end in data.range_value)
        for name, data in calibrator.compute_data().data.items()
    }
    for name in silu_inputs(model):
        low, high = seen[name]
        seen[name] = (max(low, np.float32(SILU_FLOOR)), max(high, np.float32(0)))
    ranges = calibrate.TensorsData(method, {k: (np.array(a), np.array(b)) for k, (a, b) in seen.items()})
    quantizer = QDQQuantizer(
        model,
        True,  # a scale per output channel
        False,  # all 8 bits of the weights
        tools.QuantType.QInt8,  # weights
        tools.QuantType.QUInt8,  # activations
        ranges,
        [],  # all nodes, but
        float_tail(model) + early_nodes(model),
        list(QUANTISED_OPS),
        {},
    )
    quantizer.quantize_model()
    quantizer.model.save_model_to_file(str(made), False)


def spread(paths: Sequence[Path], count: int) -> list[Path]:
    """At most ``count`` of the paths, evenly over their order."""
    if len(paths) <= count:
        return list(paths)
    return [paths[int(i)] for i in np.linspace(0, len(paths) - 1, count)]


def _library() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime.quantization as tools
    except ImportError as exc:
        raise LiftguardError(
            "quantising needs onnx, which is not installed; missing extra train: "
            "try `pip install 'liftguard[train]'`"
        ) from exc
    return onnx, tools


def _blobs(
    pictures: Sequence[Path], size_wh: tuple[int, int], *, trim: bool, progress: Progress | None
) -> Iterator[NDArray[np.float32]]:
    """(1, 3, h, w) tensors as the detector makes them."""
    for number, path in enumerate(pictures, 1):
        image = load_picture(path)
        wh = trimmed((image.shape[1], image.shape[0]), size_wh, _STRIDE) if trim else size_wh
        yield blob_of(image, wh)
        if progress is not None:
            progress("calibrating", number, len(pictures))


def _reader(tools: Any, name: str, blobs: Iterator[NDArray[np.float32]]) -> Any:
    """The blobs as onnxruntime's quantiser asks for them: one feed at a time, then None."""

    def get_next(_self: object) -> dict[str, NDArray[np.float32]] | None:
        blob = next(blobs, None)
        return None if blob is None else {name: blob}

    return type("Reader", (tools.CalibrationDataReader,), {"get_next": get_next})()


def _with_metadata_of(source: Any, model: Any) -> bytes:
    """The quantised model with the class names and licence of the FP32 one, without the tool's own marks."""
    del model.metadata_props[:]
    model.metadata_props.extend(source.metadata_props)
    model.producer_name, model.producer_version, model.doc_string = source.producer_name, "", ""
    data: bytes = model.SerializeToString(deterministic=True)
    return data


@tells_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Command line, see the module's docstring. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Quantise an exported model to INT8.")
    parser.add_argument("source", type=Path, help="FP32 ONNX file")
    parser.add_argument("target", type=Path, help="INT8 ONNX file to write")
    parser.add_argument("pictures", type=Path, help="folder of training pictures")
    parser.add_argument("--imgsz", type=int, default=416, help="longest side in pixels (default: 416)")
    parser.add_argument("--count", type=int, default=PICTURES, help=f"pictures (default: {PICTURES})")
    args = parser.parse_args(argv)
    chosen = spread(picture_paths(args.pictures), args.count)
    print(quantise(args.source, args.target, chosen, args.imgsz), args.target)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
