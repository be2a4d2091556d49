"""Tiny real models for the converter tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Write = Callable[..., Path]

SIDE = 16
CLASSES = 5

Dim = int | str


def tiny_cnn(dims: Sequence[Dim] = (1, 3, SIDE, SIDE), opset: int = 13) -> onnx.ModelProto:
    """Conv, BatchNormalization, Relu, Dropout, pool, and a linear layer behind a Shape chain."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(0, 0.3, (8, 3, 3, 3)),
        "scale": rng.uniform(0.5, 1.5, 8),
        "bias": rng.normal(0, 1, 8),
        "mean": rng.normal(0, 1, 8),
        "variance": rng.uniform(0.5, 1.5, 8),
        "linear": rng.normal(0, 1, (8, CLASSES)),
    }
    integers = {"zero": np.array(0), "eight": np.array([8]), "minus_one": np.array([-1])}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["conv"], name="the_conv", pads=[1, 1, 1, 1]),
        helper.make_node(
            "BatchNormalization", ["conv", "scale", "bias", "mean", "variance"], ["bn"]
        ),
        helper.make_node("Relu", ["bn"], ["relu"], name="the_relu"),
        helper.make_node("Dropout", ["relu"], ["dropout"]),
        helper.make_node("GlobalAveragePool", ["dropout"], ["pool"]),
        helper.make_node("Shape", ["pool"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"]),
        helper.make_node("Reshape", ["batch", "minus_one"], ["batch_1"]),
        helper.make_node("Concat", ["batch_1", "eight"], ["target"], axis=0),
        helper.make_node("Reshape", ["pool", "target"], ["flat"]),
        helper.make_node("MatMul", ["flat", "linear"], ["y"]),
    ]
    initializers = [
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()
    ] + [numpy_helper.from_array(value.astype(np.int64), n) for n, value in integers.items()]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(dims))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [dims[0], CLASSES])],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
