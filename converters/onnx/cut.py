"""Parts of an ONNX graph: any of its values, and layers that read values from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from edgebench.converters.onnx.reference import Array, Sample, session

Ports = Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]
"""Type and shape by name."""

_OUTSIDE = "@outside"


def made(model: onnx.ModelProto) -> list[str]:
    """The names of all that the nodes compute, in the graph's order."""
    return [name for node in model.graph.node for name in node.output if name]


class Watched:
    """A graph whose values can be read. The session for one choice of values is kept."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._names: list[str] = []
        self._opened: onnxruntime.InferenceSession | None = None

    def values(self, names: Sequence[str], sample: Sample) -> dict[str, Array]:
        """The named values for a sample; only these are in memory together."""
        if self._opened is None or self._names != list(names):
            self._opened = None  # Two sessions would hold the weights twice.
            self._names, self._opened = list(names), self._open(names)
        found = self._opened.run(self._names, dict(sample))
        return dict(zip(self._names, found, strict=True))

    def _open(self, names: Sequence[str]) -> onnxruntime.InferenceSession:
        watched = onnx.ModelProto()
        watched.CopyFrom(self._model)
        del watched.graph.output[:]
        watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
        return session(watched)


class Layers:
    """What computes some values of a graph, where each layer reads those of `ports` from outside.

    Constants and nodes that nothing of it needs are left out.
    """

    def __init__(self, model: onnx.ModelProto, ports: Ports, names: Sequence[str]) -> None:
        self._names = list(names)
        self._opened = session(_cut(model, ports, names))

    def run(self, sample: Sample, outside: Callable[[str], Array]) -> dict[str, Array]:
        """The values for a sample; `outside` gives those of `ports`."""
        feed = {}
        for port in self._opened.get_inputs():
            name = port.name.removesuffix(_OUTSIDE)
            feed[port.name] = sample[name] if name == port.name else outside(name)
        return dict(zip(self._names, self._opened.run(self._names, feed), strict=True))


def _cut(
    model: onnx.ModelProto,
    ports: Ports,
    names: Sequence[str],
) -> onnx.ModelProto:
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    for node in cut.graph.node:
        for index, name in enumerate(node.input):
            if name in ports:
                node.input[index] = name + _OUTSIDE
    needed, nodes = set(names), []
    for node in reversed(cut.graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(_read(node))
    kept = [tensor for tensor in cut.graph.initializer if tensor.name in needed]
    given = [info for info in cut.graph.input if info.name in needed]
    given += [
        helper.make_tensor_value_info(
            name + _OUTSIDE, helper.np_dtype_to_tensor_dtype(dtype), shape
        )
        for name, (dtype, shape) in ports.items()
        if name + _OUTSIDE in needed
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in names]
    graph = helper.make_graph(nodes[::-1], "cut", given, outputs, kept)
    return helper.make_model(
        graph,
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
        functions=model.functions,
    )


def _read(node: onnx.NodeProto) -> Iterator[str]:
    """The names that a node reads, in the graphs inside it too."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (*attribute.graphs, attribute.g):
            for inner in graph.node:
                yield from _read(inner)
