"""Small ONNX graphs in the shape of attention blocks, for the tests of the passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.passes.pipelines import Formed, Pass, Pipeline, formed

Node = tuple[str, Sequence[str], Sequence[str], Mapping[str, Any]]


def build(
    nodes: Sequence[Node],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Sequence[str],
    constants: Mapping[str, np.ndarray],
    opset: int = 18,
) -> onnx.ModelProto:
    """A checked model of float inputs; each node is named after its first output."""
    made = [
        helper.make_node(op, list(given), list(out), name=f"n_{out[0]}", **attributes)
        for op, given, out, attributes in nodes
    ]
    graph = helper.make_graph(
        made,
        "block",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(w), n) for n, w in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    onnx.checker.check_model(inferred)
    return inferred


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(0, 0.5, shape).astype(np.float32)


def coordinate(
    channels: int = 12, squeezed: int = 6, height: int = 5, width: int = 7, batch: int | str = 1
) -> onnx.ModelProto:
    """Coordinate attention as torch's exporter writes it, and the projection behind it."""
    constants = {
        "three": np.array([3]),
        "two": np.array([2]),
        "sizes": np.array([height, width]),
        "squeeze": weights(squeezed, channels, 1, 1),
        "squeeze_bias": weights(squeezed),
        "rows_weight": weights(channels, squeezed, 1, 1, seed=1),
        "rows_bias": weights(channels, seed=1),
        "columns_weight": weights(channels, squeezed, 1, 1, seed=2),
        "columns_bias": weights(channels, seed=2),
        "project": weights(4, channels, 1, 1),
    }
    nodes: list[Node] = [
        ("Relu", ["x"], ["map"], {}),
        ("ReduceMean", ["map", "three"], ["rows"], {"keepdims": 1}),
        ("ReduceMean", ["map", "two"], ["lying"], {"keepdims": 1}),
        ("Transpose", ["lying"], ["columns"], {"perm": [0, 1, 3, 2]}),
        ("Concat", ["rows", "columns"], ["strips"], {"axis": 2}),
        ("Conv", ["strips", "squeeze", "squeeze_bias"], ["squeezed"], {}),
        ("HardSwish", ["squeezed"], ["active"], {}),
        ("Split", ["active", "sizes"], ["rows2", "columns2"], {"axis": 2}),
        ("Conv", ["rows2", "rows_weight", "rows_bias"], ["rows3"], {}),
        ("Sigmoid", ["rows3"], ["gate_h"], {}),
        ("Transpose", ["columns2"], ["lying2"], {"perm": [0, 1, 3, 2]}),
        ("Conv", ["lying2", "columns_weight", "columns_bias"], ["columns3"], {}),
        ("Sigmoid", ["columns3"], ["gate_w"], {}),
        ("Mul", ["map", "gate_h"], ["half"], {}),
        ("Mul", ["half", "gate_w"], ["gated"], {}),
        ("Conv", ["gated", "project"], ["y"], {}),
    ]
    return build(nodes, {"x": (batch, channels, height, width)}, ["y"], constants)


def squeeze_excite(channels: int = 12, squeezed: int = 3) -> onnx.ModelProto:
    """Squeeze-and-excitation with a clipped activation."""
    constants = {
        "axes": np.array([2, 3]),
        "zero": np.array(0, np.float32),
        "six": np.array(6, np.float32),
        "down": weights(squeezed, channels, 1, 1),
        "up": weights(channels, squeezed, 1, 1),
    }
    nodes: list[Node] = [
        ("Relu", ["x"], ["map"], {}),
        ("ReduceMean", ["map", "axes"], ["mean"], {"keepdims": 1}),
        ("Conv", ["mean", "down"], ["squeezed"], {}),
        ("Clip", ["squeezed", "zero", "six"], ["active"], {}),
        ("Conv", ["active", "up"], ["wide"], {}),
        ("Sigmoid", ["wide"], ["gate"], {}),
        ("Mul", ["gate", "map"], ["y"], {}),
    ]
    return build(nodes, {"x": (1, channels, 5, 7)}, ["y"], constants)


def plain() -> onnx.ModelProto:
    """A network without anything that a pass looks for."""
    nodes: list[Node] = [
        ("Conv", ["x", "w"], ["a"], {"pads": [1, 1, 1, 1]}),
        ("Relu", ["a"], ["b"], {}),
        # A node without inputs, and one whose first input after the data is left out.
        ("Constant", [], ["k"], {"value_float": 2.0}),
        ("Clip", ["b", "", "k"], ["d"], {}),
        ("Add", ["d", "x"], ["c"], {}),
        ("ReduceMean", ["c", "axes"], ["y"], {"keepdims": 0}),
    ]
    constants = {"w": weights(8, 8, 3, 3), "axes": np.array([2, 3])}
    return build(nodes, {"x": (1, 8, 6, 6)}, ["y"], constants)


def form(model: onnx.ModelProto, *passes: Pass) -> Formed:
    return formed(OnnxGraph(model, "block", "file", ""), Pipeline(passes))


def ops(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def error(before: onnx.ModelProto, after: onnx.ModelProto) -> float:
    """The largest difference of the outputs, as a share of the largest output."""
    onnx.checker.check_model(after, full_check=True)
    samples = [reference.noise(before, seed) for seed in range(2)]
    worst = 0.0
    for wanted, found in zip(
        reference.run(before, samples), reference.run(after, samples), strict=True
    ):
        for a, b in zip(wanted, found, strict=True):
            assert a.shape == b.shape
            worst = max(worst, float(np.abs(a - b).max() / (np.abs(a).max() or 1.0)))
    return worst
