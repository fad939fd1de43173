"""Rewrites of a YOLOv8 graph that change its speed, not its answer. Needs `onnx` (extra ``train``)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from vision.errors import ConfigError

BINS: Final = 16
"""Distances per box side in YOLOv8's head (ultralytics/nn/modules/head.py, ``reg_max``)."""
_SIDES: Final = 4

EARLY: Final = ("/model.0/", "/model.1/", "/model.2/")
"""Ultralytics' names of the layers at a half and a quarter of the input's resolution (yolov8.yaml)."""

_LOGIT_LIMIT: Final = 40.0
"""exp(40) is 2e17 and 64 of them still fit a float32; trained logits stay below 20."""


def faster_box_distances(model: Any) -> bool:
    """Replace the head's softmax over distance bins by one matrix product, in place.

    Ultralytics' graph transposes (1, 4, 16, N) and takes a softmax along an axis that is not the last, which
    ONNX Runtime does row by row: 5 to 7 % of the time of a YOLOv8n. The expected bin is the same as
    ``sum(k exp(x_k)) / sum(exp(x_k))``, and both sums of all four sides are one (8, 64) x (64, N) product.

    Returns: whether such a head was found. Raises: ConfigError if one was found that looks different.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    expected = next((n for n in graph.node if _is_expectation(n, arrays)), None)
    if expected is None:
        return False
    softmax = makers.get(expected.input[0])
    transpose = makers.get(softmax.input[0]) if softmax is not None else None
    fold = makers.get(transpose.input[0]) if transpose is not None else None
    unfold = next(
        (n for n in graph.node if n.op_type == "Reshape" and n.input[0] == expected.output[0]), None
    )
    chain = (fold, transpose, softmax, expected, unfold)
    ops = [None if n is None else n.op_type for n in chain]
    if fold is None or unfold is None or ops != ["Reshape", "Transpose", "Softmax", "Conv", "Reshape"]:
        raise ConfigError(
            f"the box head is {ops}, not ultralytics' Reshape, Transpose, Softmax, Conv, Reshape; "
            "export with a tested ultralytics (the extra train), or add its form to models/graph.py"
        )
    names = {
        key: f"{expected.name}/{key}" for key in ("low", "high", "clip", "exp", "sums", "w", "num", "den")
    }
    weights = np.zeros((2 * _SIDES, _SIDES * BINS), np.float32)
    for side in range(_SIDES):
        weights[side, side * BINS : (side + 1) * BINS] = np.arange(BINS)
        weights[_SIDES + side, side * BINS : (side + 1) * BINS] = 1
    new = [
        helper.make_node(
            "Clip", [fold.input[0], names["low"], names["high"]], [names["clip"]], names["clip"]
        ),
        helper.make_node("Exp", [names["clip"]], [names["exp"]], names["exp"]),
        helper.make_node("MatMul", [names["w"], names["exp"]], [names["sums"]], names["sums"]),
        helper.make_node("Split", [names["sums"]], [names["num"], names["den"]], names["num"], axis=1),
        helper.make_node("Div", [names["num"], names["den"]], [unfold.output[0]], names["den"]),
    ]
    at = list(graph.node).index(unfold)
    for offset, node in enumerate(new):
        graph.node.insert(at + 1 + offset, node)
    for node in (unfold, expected):
        graph.node.remove(node)
    for name, value in (
        ("low", np.array(-_LOGIT_LIMIT, np.float32)),
        ("high", np.array(_LOGIT_LIMIT, np.float32)),
        ("w", weights),
    ):
        graph.initializer.append(numpy_helper.from_array(value, names[name]))
    drop_unused(model)
    return True


def _is_expectation(node: Any, arrays: dict[str, Any]) -> bool:
    """Whether this is the convolution with the weights 0 … 15 that takes the expected bin."""
    weight = arrays.get(node.input[1]) if node.op_type == "Conv" and len(node.input) > 1 else None
    return (
        weight is not None
        and weight.shape == (1, BINS, 1, 1)
        and bool((weight.ravel() == np.arange(BINS)).all())
    )


def drop_unused(model: Any) -> None:
    """Remove nodes and constants that no output depends on, in place."""
    graph = model.graph
    wanted = {o.name for o in graph.output}
    kept = []
    for node in reversed(graph.node):
        if any(name in wanted for name in node.output):
            kept.append(node)
            wanted.update(node.input)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    constants = [t for t in graph.initializer if t.name in wanted]
    del graph.initializer[:]
    graph.initializer.extend(constants)


def float_tail(model: Any) -> list[str]:
    """Names of the head's last convolutions and of all nodes behind them: boxes and class scores, in float.

    They are what no output of an 8-bit tensor can carry: one scale would have to serve pixels and
    probabilities alike, and class scores in 8 bits came in steps of 0.25 of their log-odds. Found by walking
    back from the output until convolutions are met (or a shape, which is no value).
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    waiting, seen = [o.name for o in model.graph.output], dict[str, None]()
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or node.op_type == "Shape" or node.name in seen:
            continue
        seen[node.name] = None
        if node.op_type != "Conv":
            waiting.extend(node.input)
    return list(seen)


def silu_inputs(model: Any) -> list[str]:
    """Names of the tensors that convolutions give and x sigmoid(x) alone takes."""
    readers: dict[str, list[str]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node.op_type)
    outputs = [node.output[0] for node in model.graph.node if node.op_type == "Conv"]
    return [name for name in outputs if sorted(readers.get(name, [])) == ["Mul", "Sigmoid"]]


def early_nodes(model: Any) -> list[str]:
    """Names of the nodes of the first three layers (``/model.0/`` to ``/model.2/``), and of any convolution
    that takes the picture itself.

    Kept in float: their rounding is what every later layer sees. On ceiling frames, quantising them moved the
    log-odds of a vehicle by -0.31 on average (0.72 root mean square), leaving them by -0.01 (0.35), for 5 %
    more processor time of the whole model (YOLOv8n at 416 x 256).
    """
    inputs = {i.name for i in model.graph.input}
    return [
        node.name
        for node in model.graph.node
        if node.name.startswith(EARLY) or (node.op_type == "Conv" and node.input[0] in inputs)
    ]
