"""Opens an ONNX Runtime session and checks that the model in it is the one that the manifest describes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, Final

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from models.manifest import ModelEntry
from vision.errors import ModelError

_ERRORS_ONLY: Final = 3
"""ONNX Runtime's severity: its warnings (for instance about missing GPUs) would fill the log at start-up."""

ORT_ERRORS: Final = (
    ort_errors.EPFail,
    ort_errors.EngineError,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,
    ValueError,
)
"""What onnxruntime raises: classes without a common root, and Python's own from its wrapper."""


def check_providers(providers: Sequence[str]) -> None:
    """Raises: ModelError if one is not built into the installed ONNX Runtime, or none is given."""
    available = ort.get_available_providers()
    missing = [p for p in providers if p not in available]
    if missing or not providers:
        raise ModelError(
            f"ONNX Runtime {ort.__version__} has no provider {', '.join(missing) or '(none given)'}; it has "
            f"{', '.join(available)}. Correct detector.providers, or install the ONNX Runtime build for it"
        )


def open_session(
    entry: ModelEntry,
    data: bytes,
    providers: Sequence[str],
    intra_op_threads: int,
    spinning: bool,
    helper_cpus: Sequence[int] = (),
) -> Any:
    """A session with explicit threads (onnxruntime.ai/docs/performance/tune-performance/threading.html).

    Args: helper_cpus: where each thread but the first stays; empty: wherever the system puts it.
    Raises: ModelError if ONNX Runtime cannot load it or the first provider does not start.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1  # the graph is a chain; parallel branches would only fight for cores
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
    if helper_cpus:  # ONNX Runtime counts CPUs from 1
        places = ";".join(str(cpu + 1) for cpu in helper_cpus)
        options.add_session_config_entry("session.intra_op_thread_affinities", places)
    try:
        session = ort.InferenceSession(data, options, providers=list(providers))
    except ORT_ERRORS as exc:
        raise ModelError(
            f"model {entry.name}: ONNX Runtime {ort.__version__} cannot load {entry.file} "
            f"with {', '.join(providers)}: {exc}; try an export with opset 17"
        ) from exc
    if providers[0] not in session.get_providers():  # it falls back to the CPU without an error
        raise ModelError(
            f"model {entry.name}: provider {providers[0]} did not start, ONNX Runtime offers "
            f"{', '.join(session.get_providers())}; check its driver, or put another provider first"
        )
    return session


def check_model(entry: ModelEntry, session: Any) -> tuple[str, str]:
    """Compare classes, input and output with the manifest. Returns: names of the input and the output.

    Raises: ModelError naming what was seen and what to change.
    """
    _check_class_names(entry, session)
    return _check_input(entry, session), _check_output(entry, session)


def _check_input(entry: ModelEntry, session: Any) -> str:
    """The name of the one input. Symbolic sides (exported as dynamic) fit anything."""
    inputs = session.get_inputs()
    w, h = entry.size_wh
    if (
        len(inputs) != 1
        or inputs[0].type != "tensor(float)"
        or not _shape_fits(inputs[0].shape, (1, 3, h, w))
    ):
        seen = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
        raise ModelError(
            f"model {entry.name} takes {seen}, the manifest says one float input (1, 3, {h}, {w}); "
            "correct size_wh, or export float32 with this imgsz"
        )
    if entry.trim and any(isinstance(side, int) for side in inputs[0].shape[2:]):
        raise ModelError(
            f"model {entry.name} takes {inputs[0].shape} only, but the manifest says trim; "
            "drop trim, or export with free sides (`liftguard model export`)"
        )
    return str(inputs[0].name)


def _check_output(entry: ModelEntry, session: Any) -> str:
    outputs = session.get_outputs()
    if len(outputs) != 1 or not _shape_fits(outputs[0].shape, entry.head_shape):
        raise wrong_head(entry, *(f"{o.name} {o.shape}" for o in outputs))
    return str(outputs[0].name)


def wrong_head(entry: ModelEntry, *seen: object) -> ModelError:
    """The error for an output that is not the head the manifest promises."""
    w, h = entry.size_wh
    return ModelError(
        f"model {entry.name} gives {', '.join(map(str, seen)) or 'nothing'}; the {len(entry.class_names)} "
        f"classes at {w} x {h} need one raw YOLOv8 head {entry.head_shape}. Correct class_names or size_wh, "
        "or export without NMS and without an end-to-end head"
    )


def _check_class_names(entry: ModelEntry, session: Any) -> None:
    """Compare with the ``names`` that ultralytics writes into the file, where there are any."""
    text = session.get_modelmeta().custom_metadata_map.get("names")
    if text is None:
        return
    try:
        listed = ast.literal_eval(text)
        seen = (
            tuple(str(listed[key]) for key in sorted(listed)) if isinstance(listed, dict) else tuple(listed)
        )
    except (ValueError, SyntaxError, TypeError) as exc:
        raise ModelError(
            f"model {entry.name}: its class names cannot be read ({text!r:.80}); export it again"
        ) from exc
    if seen != entry.class_names:
        differ = [
            f"{index}: {a} is {b}"
            for index, (a, b) in enumerate(zip(entry.class_names, seen, strict=False))
            if a != b
        ]
        raise ModelError(
            f"model {entry.name} was trained for {len(seen)} classes ({', '.join(seen[:8])}"
            f"{', …' if len(seen) > 8 else ''}), the manifest lists {len(entry.class_names)} "
            f"({'; '.join(differ[:3]) or 'another number'}); correct class_names"
        )


def _shape_fits(seen: Sequence[int | str | None], wanted: Sequence[int]) -> bool:
    return len(seen) == len(wanted) and all(
        not isinstance(a, int) or a == b for a, b in zip(seen, wanted, strict=True)
    )
