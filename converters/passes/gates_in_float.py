"""Where quantisation stops: what computes the gate of a map, and the product with it.

    int8:    Conv -> map -> ...                                               -> Mul -> Conv
    float:           map -> mean -> Conv -> activation -> Conv -> Sigmoid -> Mul

The gate is small, and computing it in float costs nothing. OpenVINO's CPU plugin runs the products
as one kernel that reads what the depthwise convolution leaves in float and writes the projection's
int8; quantised, each step between would round to int8 and back by itself. Nothing is rewritten, so
nothing can change.
"""

from __future__ import annotations

import math

import onnx

from edgebench.converters.passes.graph import Graph, gated


def gates_in_float(model: onnx.ModelProto) -> frozenset[str]:
    """The names of the nodes that make and apply the gates which a map is given by itself."""
    graph = Graph(model)
    found: set[str] = set()
    for node in model.graph.node:
        pair = gated(graph, node)
        if pair is not None:
            made_by = _between(graph, *pair)
            if made_by:
                found |= {node.name or node.output[0], *made_by}
    return frozenset(found)


def _between(graph: Graph, whole: str, gate: str) -> set[str] | None:
    """The nodes between a map and its gate; None where the gate comes from elsewhere.

    All that is smaller than the map belongs to the gate. What it was made of has to have the
    map's own shape: several gates in a row are made of one map.
    """
    shape = graph.shape(whole) or ()
    found: set[str] = set()
    open_values, seen = [gate], {gate}
    while open_values:
        value = open_values.pop()
        extents = graph.shape(value)
        if extents is None or graph.constant(value) is not None:
            if extents is None:
                return None
            continue
        if math.prod(extents) >= math.prod(shape):
            if extents != shape:
                return None
            continue
        node = graph.producers.get(value)
        if node is None:
            return None
        found.add(node.name or node.output[0])
        inputs = {name for name in node.input if name} - seen
        open_values += inputs
        seen |= inputs
    return found
