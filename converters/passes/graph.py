"""What the passes ask of an ONNX graph."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

SPATIAL = (2, 3)

# Ops of one tensor that treat every element alike, wherever it stands.
POINTWISE = {
    *("Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Relu", "Sigmoid"),
    *("Softplus", "Tanh"),
}

# Ops that draw numbers.
_DRAWING = {"Bernoulli", "Dropout", "Multinomial"}


class Graph:
    """Who makes and who reads each value of a model, at the moment this is made."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self.outputs = {info.name for info in model.graph.output}
        self.initializers = {w.name: w for w in model.graph.initializer}
        self.producers = {name: node for node in model.graph.node for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in model.graph.node:
            for name in node.input:
                self.readers[name].append(node)
        self._shapes = {
            info.name: info.type.tensor_type.shape
            for info in (*model.graph.input, *model.graph.value_info, *model.graph.output)
            if info.type.tensor_type.HasField("shape")
        }
        self._node_names = {node.name for node in model.graph.node}
        self._names = {*self.initializers, *self.producers, *(i.name for i in model.graph.input)}

    def fresh(self, name: str) -> str:
        """A value name that is not taken yet."""
        count, free = 0, name
        while free in self._names:
            count += 1
            free = f"{name}_{count}"
        self._names.add(free)
        return free

    def fresh_node(self, name: str) -> str:
        """A node name that is not taken yet."""
        count, free = 0, name
        while free in self._node_names:
            count += 1
            free = f"{name}_{count}"
        self._node_names.add(free)
        return free

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The extents of a value, None where one of them is not known."""
        if name in self.initializers:
            return tuple(self.initializers[name].dims)
        found = self._shapes.get(name)
        if found is None or not all(dim.dim_value > 0 for dim in found.dim):
            return None
        return tuple(dim.dim_value for dim in found.dim)

    def extent(self, name: str, axis: int) -> int | None:
        """The extent of a value along one axis, None where its shape is not known."""
        shape = self.shape(name)
        return None if shape is None else shape[axis]

    def axes(self, node: onnx.NodeProto) -> tuple[int, ...] | None:
        """The axes of a reduction, an attribute or from opset 18 a second input; None if unsaid."""
        if len(node.input) > 1 and node.input[1]:
            known = self.constant(node.input[1])
            return None if known is None else tuple(int(axis) for axis in known.ravel())
        given = attribute(node, "axes")
        return None if given is None else tuple(given)

    def only_reader(self, name: str) -> onnx.NodeProto | None:
        """The node that alone reads a value; None where there are more or it is an output."""
        readers = self.readers[name]
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def constant(self, name: str) -> NDArray[Any] | None:
        """The elements of an initialiser or of a Constant node, None where it is neither."""
        if name in self.initializers:
            return numpy_helper.to_array(self.initializers[name])
        node = self.producers.get(name)
        if node is not None and node.op_type == "Constant" and node.attribute[0].name == "value":
            return numpy_helper.to_array(node.attribute[0].t)
        return None

    def add_constant(self, name: str, array: NDArray[Any]) -> str:
        """A new initialiser; returns the name it got."""
        free = self.fresh(name)
        tensor = numpy_helper.from_array(np.ascontiguousarray(array), free)
        self._graph.initializer.append(tensor)
        self.initializers[free] = tensor
        return free


def replace_nodes(
    model: onnx.ModelProto, replacements: dict[str, list[onnx.NodeProto]]
) -> onnx.ModelProto:
    """Put nodes in the place of those that make these values (by their first output)."""
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes.extend(replacements.get(node.output[0], [node]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def named(node: onnx.NodeProto) -> str:
    """What a node is called: by its output where it has no name."""
    return node.name or node.output[0]


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """An attribute's value, or the default where the node does not carry it."""
    for each in node.attribute:
        if each.name == name:
            return helper.get_attribute_value(each)
    return default


def is_pointwise_conv(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether this is a 1x1 convolution over all channels, step by step and without padding.

    Its weights, and its bias if it has one, are constants.
    """
    if node.op_type != "Conv" or any(graph.constant(name) is None for name in node.input[1:]):
        return False
    return (
        set((graph.shape(node.input[1]) or (0, 0, 0))[2:]) == {1}
        and attribute(node, "group", 1) == 1
        and set(attribute(node, "strides", [1])) == {1}
        and not any(attribute(node, "pads", []))
        and attribute(node, "auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    )


def spatial_mean(graph: Graph, node: onnx.NodeProto) -> list[int] | None:
    """The window, height and width, that a mean over a map takes in.

    None for all that is no mean over spatial axes with its rank kept, of a (N, C, H, W) map of
    known extents.
    """
    if node.op_type != "ReduceMean" or attribute(node, "keepdims", 1) != 1:
        return None
    shape, axes = graph.shape(node.input[0]), graph.axes(node)
    if shape is None or len(shape) != 4 or not axes:
        return None
    over = {axis % 4 for axis in axes}
    if not over <= set(SPATIAL):
        return None
    return [shape[axis] if axis in over else 1 for axis in SPATIAL]


def gated(graph: Graph, node: onnx.NodeProto) -> tuple[str, str] | None:
    """The map and the gate of a product in which a computed gate is repeated over a 4-D map."""
    if node.op_type != "Mul":
        return None
    for whole, gate in (tuple(node.input), tuple(reversed(node.input))):
        shape, part = graph.shape(whole), graph.shape(gate)
        if shape is None or part is None or len(shape) != 4 or len(part) != 4 or shape == part:
            continue
        fits = all(small in (1, large) for small, large in zip(part, shape, strict=True))
        if fits and graph.constant(gate) is None:
            return whole, gate
    return None


def without_dead_nodes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop nodes and initialisers that nothing reads any more."""
    needed = {info.name for info in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            needed.update(node.input)
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
    initializers = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    if len(initializers) != len(model.graph.initializer):
        del model.graph.initializer[:]
        model.graph.initializer.extend(initializers)
    return model


def without_twins(model: onnx.ModelProto) -> onnx.ModelProto:
    """Merge nodes that compute the same of the same values, the first taking the others' place.

    Rows and columns of a map of one element are the same strip. Converters merge such nodes
    silently, so that the file holds one value where the graph has two, and the second cannot be
    found in it.
    """
    outputs = {info.name for info in model.graph.output}
    first: dict[tuple[object, ...], onnx.NodeProto] = {}
    instead: dict[str, str] = {}
    kept = []
    for node in model.graph.node:
        node.input[:] = [instead.get(name, name) for name in node.input]
        key = _computes(node)
        twin = first.setdefault(key, node) if key is not None else node
        if twin is node or outputs & set(node.output):
            kept.append(node)
        else:
            instead.update(zip(node.output, twin.output, strict=True))
    if instead:
        del model.graph.node[:]
        model.graph.node.extend(kept)
    return model


def _computes(node: onnx.NodeProto) -> tuple[object, ...] | None:
    """What a node computes; None where that is no function of its inputs alone."""
    inner = any(each.type in (each.GRAPH, each.GRAPHS) for each in node.attribute)
    if inner or node.op_type.startswith("Random") or node.op_type in _DRAWING:
        return None
    attributes = sorted(each.SerializeToString() for each in node.attribute)
    made = tuple(bool(name) for name in node.output)
    return node.domain, node.op_type, tuple(node.input), made, tuple(attributes)
