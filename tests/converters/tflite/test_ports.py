"""How inputs and outputs lie in the file: images in NHWC, all others as ONNX has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from graphs import interpreted, model, random_sample, reference
from onnx import helper

from edgebench.converters.tflite import inspect
from edgebench.converters.tflite.convert import convert
from edgebench.converters.tflite.ports import image_ports

node = helper.make_node
CONV = {"w": np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)}


def native() -> onnx.ModelProto:
    """What is written for TensorFlow models: NHWC outside, NCHW inside."""
    nodes = [
        node("Mul", ["image", "image"], ["m"]),
        node("Transpose", ["m"], ["t"], perm=[0, 3, 1, 2]),
        node("Conv", ["t", "w"], ["c"]),
        node("Transpose", ["c"], ["r"], perm=[0, 2, 3, 1]),
        node("Relu", ["r"], ["y"]),
    ]
    return model(nodes, {"image": (1, 8, 9, 3)}, ["y"], CONV)


def attention() -> onnx.ModelProto:
    nodes = [
        node("MatMul", ["q", "k"], ["s"]),
        node("Add", ["s", "mask"], ["a"]),
        node("Softmax", ["a"], ["weights"]),
        node("MatMul", ["weights", "v"], ["y"]),
    ]
    shapes = {"q": (1, 2, 5, 8), "k": (1, 2, 8, 7), "v": (1, 2, 7, 8), "mask": (1, 1, 1, 7)}
    return model(nodes, shapes, ["y", "weights"])


def masked() -> onnx.ModelProto:
    nodes = [
        node("Add", ["x", "shift"], ["s"]),
        node("Conv", ["s", "w"], ["c"], pads=[1] * 4),
        node("Mul", ["c", "mask"], ["y"]),
        node("GlobalAveragePool", ["y"], ["pooled"]),
        node("Flatten", ["pooled"], ["z"]),
    ]
    weights = CONV | {"shift": np.ones((1, 3, 1, 1), np.float32)}
    return model(nodes, {"x": (1, 3, 6, 7), "mask": (1, 1, 6, 7)}, ["y", "z"], weights)


def patches() -> onnx.ModelProto:
    """A colour picture that no operator with channels reads."""
    nodes = [node("Reshape", ["x", "shape"], ["y"])]
    return model(nodes, {"x": (1, 3, 8, 8)}, ["y"], {"shape": np.array([1, 48, 2, 2])})


@pytest.mark.parametrize(
    ("made", "images", "inputs", "outputs"),
    [
        (native(), set(), [(1, 8, 9, 3)], [(1, 6, 7, 4)]),
        (
            attention(),
            set(),
            [(1, 2, 5, 8), (1, 2, 8, 7), (1, 2, 7, 8), (1, 1, 1, 7)],
            [(1, 2, 5, 8), (1, 2, 5, 7)],
        ),
        (masked(), {"x", "mask", "y"}, [(1, 6, 7, 3), (1, 6, 7, 1)], [(1, 6, 7, 4), (1, 4)]),
        (patches(), {"x"}, [(1, 8, 8, 3)], [(1, 48, 2, 2)]),
    ],
    ids=["NHWC already", "attention", "masked map", "patches"],
)
def test_images_lie_in_nhwc_and_all_else_as_it_is(
    made: onnx.ModelProto,
    images: set[str],
    inputs: Sequence[tuple[int, ...]],
    outputs: Sequence[tuple[int, ...]],
) -> None:
    assert image_ports(made) == images
    file = convert(made, "fp32")
    found = inspect.summary(file)
    assert [tensor.shape for tensor in found.inputs] == inputs
    assert [tensor.shape for tensor in found.outputs] == outputs
    sample = random_sample(made)
    for got, want in zip(interpreted(file, made, sample), reference(made, sample), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_what_is_nhwc_already_is_never_transposed() -> None:
    interpreter = inspect.interpreter(convert(native(), "fp32"), **inspect.without_delegates())
    kinds = [each["op_name"] for each in inspect.nodes(interpreter)]
    assert "CONV_2D" in kinds and "TRANSPOSE" not in kinds
