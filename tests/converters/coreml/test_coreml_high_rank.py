"""Values of more than five axes inside a program, and outputs that no operation makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest
from coreml_models import graph
from onnx import helper

from edgebench.converters.coreml import target
from edgebench.converters.coreml.convert import convert_all
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph

node = helper.make_node


def run_both(made: OnnxGraph) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What ONNX Runtime and the saved package compute."""
    sample = reference.noise(made.model, seed=1)
    opened = target.open_converted(made, convert_all(made, ["fp32"])["fp32"])
    return reference.run(made.model, [sample])[0], opened.run(sample)


def through_six(
    nodes: Sequence[onnx.NodeProto], weights: Mapping[str, np.ndarray], end: Sequence[int]
) -> OnnxGraph:
    """(2, 4, 6, 8) seen as `a` (2, 4, 3, 2, 4, 2), then these nodes, whose `b` is reshaped."""
    shapes = {"six": np.array([2, 4, 3, 2, 4, 2]), "end": np.array(end)}
    around = [node("Reshape", ["x", "six"], ["a"]), *nodes, node("Reshape", ["b", "end"], ["y"])]
    return graph(around, {"x": (2, 4, 6, 8)}, ["y"], {**weights, **shapes})


SPACE_TO_DEPTH = through_six(
    [node("Transpose", ["a"], ["b"], perm=[0, 1, 3, 5, 2, 4])], {}, [2, 16, 3, 4]
)
SHUFFLED = through_six(
    [node("Transpose", ["a"], ["t"], perm=[5, 2, 0, 4, 1, 3]), node("Relu", ["t"], ["b"])],
    {},
    [12, 32],
)
POOLED = through_six(
    [
        node("ReduceMax", ["a", "axes"], ["top"]),
        node("Sub", ["a", "top"], ["s"]),
        node("ReduceMean", ["s", "axes"], ["b"], keepdims=0),
    ],
    {"axes": np.array([3, 5])},
    [2, 4, 12],
)
ATTENTION = through_six(
    [
        node("Transpose", ["a"], ["k"], perm=[0, 1, 2, 3, 5, 4]),
        node("MatMul", ["a", "k"], ["scores"]),
        node("Softmax", ["scores"], ["p"]),
        node("MatMul", ["p", "a"], ["b"]),
    ],
    {},
    [2, 4, 48],
)
PARTS = through_six(
    [
        node("Slice", ["a", "one", "three", "four"], ["s"]),
        node("Split", ["s"], ["l", "r"], axis=1, num_outputs=2),
        node("Concat", ["r", "l"], ["c"], axis=4),
        node("Gather", ["c", "index"], ["g"], axis=2),
        node("Mul", ["g", "scale"], ["b"]),
    ],
    {
        **{"one": np.array([1]), "three": np.array([3]), "four": np.array([4])},
        "index": np.array(1),
        "scale": np.array([[0.5, 2.0]], np.float32),
    },
    [2, 32],
)
REPEATED = graph(
    [
        node("Unsqueeze", ["x", "axes"], ["u"]),
        node("Expand", ["u", "wide"], ["e"]),
        node("Reshape", ["e", "end"], ["y"]),
    ],
    {"x": (1, 3, 4, 5)},
    ["y"],
    {
        "axes": np.array([3, 5]),
        "wide": np.array([1, 3, 4, 2, 5, 3]),
        "end": np.array([1, 3, 8, 15]),
    },
)


@pytest.mark.parametrize(
    "made",
    [SPACE_TO_DEPTH, SHUFFLED, POOLED, ATTENTION, PARTS, REPEATED],
    ids=["space to depth", "shuffled", "pooled", "attention", "parts", "repeated"],
)
def test_six_axes_inside_compute_what_they_should(made: OnnxGraph) -> None:
    (wanted,), (found,) = run_both(made)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_an_output_may_be_a_constant_a_shape_or_the_input() -> None:
    nodes = [
        node("Relu", ["x"], ["y"]),
        node("Shape", ["x"], ["size"]),
        node("Identity", ["k"], ["again"]),
        node("Identity", ["x"], ["copy"]),
    ]
    weights = {"k": np.array([[10, 13], [16, 30]], np.float32)}
    made = graph(nodes, {"x": (1, 3, 4, 4)}, ["y", "k", "again", "size", "copy"], weights)
    known = helper.make_tensor_value_info("k", onnx.TensorProto.FLOAT, [2, 2])
    made.model.graph.output[1].CopyFrom(known)
    wanted, found = run_both(made)
    assert [array.dtype for array in found] == [array.dtype for array in wanted]
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(got, want)
