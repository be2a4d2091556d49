"""What an ONNX graph's weighted layers are: their weights by channel, and what lies between two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from edgebench.converters.passes.graph import Graph, attribute

Floats = npt.NDArray[np.float32]

_OPS = ("Conv", "Gemm", "MatMul")
_BIASED = 3
"""So many inputs has a convolution or linear layer with a bias."""


@dataclass(frozen=True)
class Weighted:
    """A convolution, or a product with a constant matrix: its weights have no other reader.

    `matrix` is (groups, output channels of a group, inputs of an output), in ONNX's order of
    output channels, and inputs in that of the weights' own axes, input channel first.
    """

    node: onnx.NodeProto
    weights: Floats
    groups: int

    @property
    def matrix(self) -> Floats:
        one = self.weights if self.channels_first else self.weights.T
        return one.reshape(self.groups, one.shape[0] // self.groups, -1)

    @property
    def channels_first(self) -> bool:
        """Whether the first axis of the weights counts the output channels."""
        op = self.node.op_type
        return op == "Conv" or (op == "Gemm" and bool(attribute(self.node, "transB", 0)))

    def as_weights(self, matrix: npt.NDArray[np.floating]) -> Floats:
        """A matrix of the form of `matrix` as the node's weights."""
        if self.channels_first:
            return np.asarray(matrix.reshape(self.weights.shape), np.float32)
        rows = matrix.reshape(-1, self.weights.shape[0])
        return np.ascontiguousarray(rows.T, np.float32)


def weighted(model: onnx.ModelProto) -> Iterator[Weighted]:
    """The layers of a graph that have weights of their own, in the graph's order."""
    graph = Graph(model)
    for node in model.graph.node:
        if (
            node.op_type not in ("Conv", "Gemm", "MatMul")
            or node.input[1] not in graph.initializers
        ):
            continue
        if len(graph.readers[node.input[1]]) != 1 or node.input[0] in graph.initializers:
            continue
        weights = numpy_helper.to_array(graph.initializers[node.input[1]])
        if weights.dtype != np.float32 or (node.op_type != "Conv" and weights.ndim != 2):
            continue
        plain = node.op_type != "Gemm" or (
            attribute(node, "alpha", 1.0) == attribute(node, "beta", 1.0) == 1.0
            and not attribute(node, "transA", 0)
        )
        if plain:
            groups = attribute(node, "group", 1) if node.op_type == "Conv" else 1
            yield Weighted(node, weights, groups)


def bias_of(graph: Graph, layer: Weighted) -> Floats | None:
    """The bias by output channel, zeros where there is none; None where it cannot be had."""
    channels = layer.matrix.shape[0] * layer.matrix.shape[1]
    if layer.node.op_type == "MatMul":
        return None
    if len(layer.node.input) < _BIASED or not layer.node.input[2]:
        return np.zeros(channels, np.float32)
    found = graph.initializers.get(layer.node.input[2])
    if found is None or int(np.prod(found.dims)) != channels:
        return None
    return numpy_helper.to_array(found).reshape(-1)


def set_weights(model: onnx.ModelProto, layer: Weighted, weights: Floats) -> None:
    """Give a layer of the model other weights of the same shape."""
    for tensor in model.graph.initializer:
        if tensor.name == layer.node.input[1]:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(weights), tensor.name))


def set_bias(model: onnx.ModelProto, layer: Weighted, bias: Floats) -> None:
    """Give a layer of the model another bias, of its own."""
    name = Graph(model).add_constant(f"{layer.node.output[0]}/bias", np.asarray(bias, np.float32))
    for node in model.graph.node:
        if node.output[0] == layer.node.output[0]:
            inputs = [*node.input[:2], name]
            del node.input[:]
            node.input.extend(inputs)


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
