"""The five ops that spell GELU before opset 20, as the one op it is.

before:  x -> Div(sqrt 2) -> Erf -> Add(1) -> Mul(x) -> Mul(1/2) -> y
         (in any association of the three factors x, 1/2 and 1 + erf)

after:   x -> Gelu -> y
"""

from __future__ import annotations

import math

import onnx
from onnx import helper

from edgebench.converters.passes.graph import (
    Graph,
    replace_nodes,
    without_dead_nodes,
)


def fold_gelu(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite every exact GELU (Hendrycks and Gimpel 2016: x (1 + erf(x / sqrt 2)) / 2)."""
    graph = Graph(model)
    replacements = {}
    for erf in model.graph.node:
        found = _match(graph, erf) if erf.op_type == "Erf" else None
        if found is not None:
            x, y, name = found
            # The lowering reads this op at any opset; no ONNX checker sees the graph again.
            replacements[y] = [helper.make_node("Gelu", [x], [y], name=name)]
    return without_dead_nodes(replace_nodes(model, replacements)) if replacements else model


def _match(graph: Graph, erf: onnx.NodeProto) -> tuple[str, str, str] | None:
    """The names of x and y and of the last node around this Erf."""
    scale = graph.producers.get(erf.input[0])
    if scale is None or not _is_root_half(graph, scale):
        return None
    x = next(name for name in scale.input if graph.constant(name) is None)
    plus = _only_reader(graph, erf.output[0], "Add")
    if plus is None or _number(graph, plus) != 1.0:
        return None
    # Climb the products: they must bring in x once and a half once.
    factors = _Factors(graph, x)
    value = plus.output[0]
    node: onnx.NodeProto | None = plus
    while not factors.complete:
        node = _only_reader(graph, value, "Mul")
        if node is None or not factors.take(node, value):
            return None
        value = node.output[0]
    return (x, value, node.name) if node is not None else None


class _Factors:
    """Which of GELU's factors x and 1/2 have been met."""

    def __init__(self, graph: Graph, x: str) -> None:
        self._graph, self._x = graph, x
        self._half = self._met_x = False

    @property
    def complete(self) -> bool:
        return self._half and self._met_x

    def take(self, node: onnx.NodeProto, value: str) -> bool:
        others = [name for name in node.input if name != value]
        return len(others) == 1 and self._take_one(others[0])

    def _take_one(self, name: str) -> bool:
        number = self._graph.constant(name)
        if number is not None:
            fits = number.size == 1 and math.isclose(number.item(), 0.5) and not self._half
            self._half = True
            return fits
        if name == self._x:
            fits = not self._met_x
            self._met_x = True
            return fits
        made = self._graph.producers.get(name)
        if made is None or made.op_type != "Mul":
            return False
        return all(self._take_one(each) for each in made.input)


def _is_root_half(graph: Graph, node: onnx.NodeProto) -> bool:
    number = _number(graph, node)
    if number is None:
        return False
    if node.op_type == "Div":
        return (
            math.isclose(number, math.sqrt(2), rel_tol=1e-4)
            and graph.constant(node.input[0]) is None
        )
    return node.op_type == "Mul" and math.isclose(number, math.sqrt(0.5), rel_tol=1e-4)


def _number(graph: Graph, node: onnx.NodeProto) -> float | None:
    """The one operand of a binary op that is a known scalar."""
    known = [array for array in map(graph.constant, node.input) if array is not None]
    return float(known[0].item()) if len(known) == 1 and known[0].size == 1 else None


def _only_reader(graph: Graph, value: str, op_type: str) -> onnx.NodeProto | None:
    readers = graph.readers[value]
    single = len(readers) == 1 and value not in graph.outputs
    return readers[0] if single and readers[0].op_type == op_type else None
