"""Graph rewriting and INT8 on small models made by `onnx` itself, run by the real runtime."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models import quantize
from models.detector import OnnxDetector
from models.export import check_same
from models.graph import BINS, early_nodes, faster_box_distances, float_tail, silu_inputs
from tests.support.tiny_onnx import entry_for, write_model
from vision.errors import ConfigError, LiftguardError, ModelError
from vision.types import CLASS_NAMES

CELLS = 21


def box_head(op: str = "Softmax") -> Any:
    """Ultralytics' box head: (1, 64, N) logits to (1, 4, N) expected bins."""
    nodes = [
        helper.make_node("Reshape", ["x", "fold"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3]),
        helper.make_node(op, ["b"], ["c"], **({"axis": 1} if op == "Softmax" else {})),
        helper.make_node("Conv", ["c", "bins"], ["d"], name="dfl"),
        helper.make_node("Reshape", ["d", "unfold"], ["y"]),
    ]
    constants = {
        "fold": np.array([1, 4, BINS, -1]),
        "unfold": np.array([1, 4, -1]),
        "bins": np.arange(BINS, dtype=np.float32).reshape(1, BINS, 1, 1),
    }
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4 * BINS, "n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, "n"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(
        ort.InferenceSession(model.SerializeToString()).run(None, {model.graph.input[0].name: x})[0]
    )


def test_the_faster_box_head_gives_the_same_distances() -> None:
    model = box_head()
    logits = np.random.default_rng(3).normal(0, 6, (1, 4 * BINS, CELLS)).astype(np.float32)
    before = run(model, logits)
    assert faster_box_distances(model)
    assert [n.op_type for n in model.graph.node] == ["Clip", "Exp", "MatMul", "Split", "Div"]
    np.testing.assert_allclose(run(model, logits), before, atol=1e-4)


def test_a_model_without_such_a_head_is_left_alone() -> None:
    model = conv_model()
    before = model.SerializeToString()
    assert not faster_box_distances(model)
    assert model.SerializeToString() == before


def test_a_head_of_another_form_is_named() -> None:
    with pytest.raises(ConfigError, match="Sigmoid"):
        faster_box_distances(box_head("Sigmoid"))


def conv_model(size_hw: tuple[int | str, int | str] = ("h", "w")) -> Any:
    """Two convolutions with SiLU, a third, and a float tail: pictures in, scores in [0, 1] out."""
    rng = np.random.default_rng(5)
    weights = {
        "w1": rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32),
        "w2": rng.normal(0, 0.9, (8, 8, 1, 1)).astype(np.float32),
        "w3": rng.normal(0, 0.3, (4, 8, 1, 1)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["images", "w1"], ["a"], name="one", pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["a"], ["b"], name="gate"),
        helper.make_node("Mul", ["a", "b"], ["c"], name="silu"),
        helper.make_node("Conv", ["c", "w2"], ["d"], name="two"),
        helper.make_node("Sigmoid", ["d"], ["e"], name="gate2"),
        helper.make_node("Mul", ["d", "e"], ["f"], name="silu2"),
        helper.make_node("Conv", ["f", "w3"], ["g"], name="three"),
        helper.make_node("Sigmoid", ["g"], ["y"], name="score"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *size_hw])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, *size_hw])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_the_float_tail_begins_with_the_last_convolutions() -> None:
    assert float_tail(conv_model()) == ["score", "three"]


def test_silu_inputs_are_what_only_a_silu_takes() -> None:
    model = conv_model()
    assert silu_inputs(model) == ["a", "d"]
    model.graph.node[5].input[1] = "d"  # now something else takes it squared
    assert silu_inputs(model) == ["a"]


def test_early_nodes_are_the_picture_s_convolutions_and_the_first_layers() -> None:
    model = conv_model()
    assert early_nodes(model) == ["one"]
    model.graph.node[3].name = "/model.2/cv1/conv/Conv"
    assert early_nodes(model) == ["one", "/model.2/cv1/conv/Conv"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(1)
    paths = [tmp_path / f"{n}.png" for n in range(4)]
    for path in paths:
        cv2.imwrite(str(path), rng.integers(0, 255, (30, 64, 3), np.uint8))
    return paths


@pytest.mark.parametrize("size_hw", [("h", "w"), (64, 64)])
def test_int8_stays_close_and_keeps_what_the_file_says(
    tmp_path: Path, pictures: list[Path], size_hw: tuple[int | str, int | str]
) -> None:
    source, target = tmp_path / "net.onnx", tmp_path / "made" / "int8.onnx"
    model = conv_model(size_hw)
    entry = model.metadata_props.add()
    entry.key, entry.value = "names", "{0: 'e_bike'}"
    onnx.save(model, str(source))
    steps: list[tuple[str, int, int]] = []
    sha = quantize.quantise(source, target, pictures, 64, lambda *step: steps.append(step))
    assert len(sha) == 64
    assert steps[-1] == ("calibrating", 4, 4)
    quantised = onnx.load(str(target))
    assert {n.op_type for n in quantised.graph.node} >= {"QuantizeLinear", "DequantizeLinear"}
    assert [(p.key, p.value) for p in quantised.metadata_props] == [("names", "{0: 'e_bike'}")]
    weights = {n.name: n.input[1] for n in quantised.graph.node if n.op_type == "Conv"}
    assert "Dequantize" in weights["two"]
    assert (weights["one"], weights["three"]) == ("w1", "w3")  # the picture's, and the last: in float
    assert lowest(quantised, "d") >= quantize.SILU_FLOOR - 0.05  # half a step of rounding of its zero
    noise = np.random.default_rng(2).random((1, 3, 64, 64), np.float32)
    apart = np.abs(run(model, noise) - run(quantised, noise))
    assert 0 < apart.max() < 0.1
    assert apart.mean() < 0.02


def lowest(quantised: Any, tensor: str) -> float:
    """The smallest value that the 8-bit form of ``tensor`` can hold."""
    arrays = {t.name: numpy_helper.to_array(t) for t in quantised.graph.initializer}
    node = next(n for n in quantised.graph.node if n.op_type == "QuantizeLinear" and n.input[0] == tensor)
    return -float(arrays[node.input[2]]) * float(arrays[node.input[1]])


def test_quantising_needs_a_model_and_pictures(tmp_path: Path, pictures: list[Path]) -> None:
    with pytest.raises(ConfigError, match=r"gone\.onnx"):
        quantize.quantise(tmp_path / "gone.onnx", tmp_path / "out.onnx", pictures, 64)
    onnx.save(conv_model(), str(tmp_path / "net.onnx"))
    with pytest.raises(ConfigError, match="no pictures"):
        quantize.quantise(tmp_path / "net.onnx", tmp_path / "out.onnx", [], 64)


def test_quantising_without_the_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(LiftguardError, match="missing extra train"):
        quantize.quantise(tmp_path / "a.onnx", tmp_path / "b.onnx", [], 64)


def test_calibration_pictures_are_spread_evenly() -> None:
    paths = [Path(f"{n}.png") for n in range(10)]
    assert quantize.spread(paths, 4) == [paths[0], paths[3], paths[6], paths[9]]
    assert quantize.spread(paths, 50) == paths


def test_models_that_differ_are_told_apart() -> None:
    one, other = conv_model(), conv_model()
    check_same(one.SerializeToString(), other.SerializeToString(), [(32, 32), (64, 32)])
    bias = other.graph.initializer[1]
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) * 1.5, bias.name))
    with pytest.raises(ConfigError, match="differs by"):
        check_same(one.SerializeToString(), other.SerializeToString(), [(32, 32)])


def yolo_like(folder: Path) -> Path:
    """A model with free sides whose head has as many cells as a YOLOv8's, all of them empty but the first."""
    names = repr(dict(enumerate(CLASS_NAMES)))
    rows = 4 + len(CLASS_NAMES)
    first = np.zeros((1, rows, 1), np.float32)
    first[0, :5, 0] = 16, 16, 16, 16, 0.9
    nodes, parts = [], ["first"]
    for stride in (8, 16, 32):
        pooled, flat = f"p{stride}", f"f{stride}"
        nodes += [
            helper.make_node(
                "AveragePool", ["images"], [pooled], kernel_shape=[stride] * 2, strides=[stride] * 2
            ),
            helper.make_node("Conv", [pooled, "zero"], [f"c{stride}"]),
            helper.make_node("Reshape", [f"c{stride}", "flat"], [flat]),
        ]
        parts.append(flat)
    nodes += [
        helper.make_node("Concat", parts, ["all"], axis=2),
        helper.make_node("Slice", ["all", "start", "end", "axis"], ["output0"]),
    ]
    constants = {
        "zero": np.zeros((rows, 3, 1, 1), np.float32),
        "flat": np.array([1, rows, -1]),
        "first": first,
        "start": np.array([0]),
        "end": np.array([-1]),
        "axis": np.array([2]),
    }
    graph = helper.make_graph(
        nodes,
        "yolo",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, rows, "n"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = "names", names
    onnx.save(model, str(folder / "free.onnx"))
    return folder / "free.onnx"


@pytest.mark.parametrize(
    ("picture_wh", "seen_wh"),
    [((160, 90), (128, 96)), ((90, 160), (96, 128)), ((50, 50), (128, 128)), ((400, 10), (128, 32))],
)
def test_a_trimmed_model_sees_no_more_grey_than_a_stride(
    tmp_path: Path, picture_wh: tuple[int, int], seen_wh: tuple[int, int]
) -> None:
    """The box of 16 x 16 px around (16, 16) comes back scaled by the input that was chosen."""
    detector = OnnxDetector(entry_for(yolo_like(tmp_path), size_wh=[128, 128], trim=True), tmp_path)
    w, h = picture_wh
    found = detector.detect(np.zeros((h, w, 3), np.uint8))
    scale = min(seen_wh[0] / w, seen_wh[1] / h)
    top = (seen_wh[1] - h * scale) / 2
    left = (seen_wh[0] - w * scale) / 2
    wanted = np.clip(
        [(8 - left) / scale, (8 - top) / scale, (24 - left) / scale, (24 - top) / scale], 0, [w, h, w, h]
    )
    np.testing.assert_allclose(found.xyxy, [wanted], atol=1.5)


def test_many_shapes_of_picture_do_not_fill_the_memory(tmp_path: Path) -> None:
    detector = OnnxDetector(entry_for(yolo_like(tmp_path), size_wh=[640, 640], trim=True), tmp_path)
    for h in range(20, 641, 20):
        detector.detect(np.zeros((h, 640, 3), np.uint8))
    assert len(detector._makers) <= 16


def test_a_fixed_model_cannot_be_trimmed(tmp_path: Path) -> None:
    path = write_model(tmp_path, np.zeros((1, 10, 84), np.float32))
    with pytest.raises(ModelError, match="drop trim"):
        OnnxDetector(entry_for(path, trim=True), tmp_path)
