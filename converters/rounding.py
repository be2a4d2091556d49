"""How coarsely each precision keeps numbers, and an ONNX graph with its weights rounded like that.

This bounds what a layer of a right file may be off by itself (`edgebench.converters.layers`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from edgebench.converters.onnx.reference import Array


@dataclass(frozen=True)
class Rounding:
    """The bits of weights and of activations that are rounded at run time; None: float32.

    Sixteen bits are half precision. Weights have a scale for each output channel, or one for all.
    What a file rounds by scales of its own is not in here: the file tells it. With
    `biases_corrected` the tool moves the biases of convolutions and linear layers, to make up for
    what rounding does to their mean.
    """

    weights: int | None = None
    per_channel: bool = True
    activations: int | None = None
    biases_corrected: bool = False


ROUNDINGS: dict[str, Rounding] = {
    "fp32": Rounding(),
    "fp16": Rounding(16),
    "dynamic": Rounding(8, per_channel=False, activations=8),
    "int8": Rounding(8),
    "int8f": Rounding(8),
    "int8r": Rounding(7),
    "int16x8": Rounding(8),
    "int8w": Rounding(8),
    "w8a8": Rounding(8),
    "palettized6": Rounding(6, per_channel=False),
    "palettized4": Rounding(4, per_channel=False),
}

HALF = 16

# The axis of the output channels in the weights of an op.
_CHANNELS = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0, "MatMul": -1}
# Ops whose other constants are operands like activations; those of Resize, say, are settings.
_OPERANDS = frozenset(
    (*_CHANNELS, "Add", "Sub", "Mul", "Div", "Concat", "PRelu", "Gather", "LSTM", "GRU", "RNN")
)
BIASED = frozenset(("Conv", "ConvTranspose", "Gemm"))
_BIAS = 2


def rounded(model: onnx.ModelProto, rounding: Rounding) -> onnx.ModelProto:
    """A copy of the graph whose constants are rounded; biases keep more bits in every format."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if rounding.weights is None:
        return copy
    axes = dict(_constants(model, half=rounding.weights == HALF))
    for tensor in copy.graph.initializer:
        if tensor.name in axes and tensor.data_type == onnx.TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor)
            axis = axes[tensor.name] if rounding.per_channel and array.ndim > 1 else None
            made = _half(array) if rounding.weights == HALF else _steps(array, rounding, axis)
            tensor.CopyFrom(numpy_helper.from_array(made, tensor.name))
    return copy


def _constants(model: onnx.ModelProto, half: bool) -> Iterator[tuple[str, int | None]]:
    """Constants that are rounded, each with the axis of its channels where it has one."""
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            bias = index == _BIAS and node.op_type in BIASED
            if half or (node.op_type in _OPERANDS and not bias):
                yield name, _axis(node)


def _axis(node: onnx.NodeProto) -> int | None:
    if node.op_type == "Gemm" and not any(a.name == "transB" and a.i for a in node.attribute):
        return 1
    return _CHANNELS.get(node.op_type)


def _half(array: Array) -> Array:
    """In half precision; what that cannot hold stays as it is: that is no matter of rounding."""
    with np.errstate(over="ignore"):
        made = array.astype(np.float16).astype(np.float32)
    return np.where(np.isfinite(made), made, array)


def _steps(array: Array, rounding: Rounding, axis: int | None) -> Array:
    """The array in as many symmetric steps as the bits give."""
    assert rounding.weights is not None
    others = None if axis is None else tuple(i for i in range(array.ndim) if i != axis % array.ndim)
    largest = np.abs(array).max(axis=others, keepdims=True, initial=0.0)
    step = largest / (2 ** (rounding.weights - 1) - 1)
    step = np.where(step > 0, step, 1)
    return np.asarray(np.round(array / step) * step, np.float32)
