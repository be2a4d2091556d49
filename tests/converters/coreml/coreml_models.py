"""Small graphs for the Core ML tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgebench.content import Content
from edgebench.converters.coreml.mil import ct
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Sample, noise

SIDE, CLASSES = 12, 24
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
LABELS = tuple(f"thing {i}" for i in range(CLASSES))


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int]],
    outputs: Sequence[str],
    weights: Mapping[str, np.ndarray] | None = None,
    opset: int = 18,
) -> OnnxGraph:
    """A graph of float32 inputs, with its shapes inferred."""
    made = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(w), n) for n, w in (weights or {}).items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    return OnnxGraph(inferred, "small", "file", "0" * 64)


def classifier(gain: float = 1.0) -> OnnxGraph:
    """Two convolutions with a hard-swish between, a mean and a linear layer.

    The depthwise convolution makes values `gain` times as large, the linear layer undoes it.
    """
    rng = np.random.default_rng(1)
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["a"], name="first", pads=[1] * 4),
        helper.make_node("HardSwish", ["a"], ["b"], name="swish"),
        helper.make_node("Conv", ["b", "w2"], ["c"], name="wide", pads=[1] * 4, group=32),
        helper.make_node("ReduceMean", ["c", "axes"], ["d"], name="mean", keepdims=0),
        helper.make_node("Gemm", ["d", "w3", "bias"], ["scores"], name="linear", transB=1),
    ]
    weights = {
        "w1": rng.normal(0, 0.3, (32, 3, 3, 3)).astype(np.float32),
        "w2": (rng.normal(0.2, 0.3, (32, 1, 3, 3)) * gain).astype(np.float32),
        "axes": np.array([2, 3]),
        "w3": (rng.normal(0, 1, (CLASSES, 32)) / gain).astype(np.float32),
        "bias": rng.normal(0, 1, CLASSES).astype(np.float32),
    }
    return graph(nodes, {"image": (1, 3, SIDE, SIDE)}, ["scores"], weights)


def samples(of: OnnxGraph, count: int = 4) -> list[Sample]:
    return [noise(of.model, seed) for seed in range(count)]


def specification(content: Content) -> Any:
    """The protobuf message of a package."""
    assert not isinstance(content, bytes)
    message = ct.proto.Model_pb2.Model()
    message.ParseFromString(content["Data/com.apple.CoreML/model.mlmodel"])
    return message


def operations(content: Content) -> list[Any]:
    """The operations of a package's program, constants left out."""
    function = specification(content).mlProgram.functions["main"]
    (block,) = function.block_specializations.values()
    return [operation for operation in block.operations if operation.type != "const"]


def kinds(content: Content) -> list[str]:
    return [operation.type for operation in operations(content)]
