"""What makes the gate of a map."""

from __future__ import annotations

import math

import onnx

from edgebench.converters.passes.graph import Graph


def gate_nodes(graph: Graph, whole: str, gate: str) -> list[onnx.NodeProto] | None:
    """The nodes between a map and its gate; None where the gate comes from elsewhere.

    All that is smaller than the map belongs to the gate. What it was made of has to have the
    map's own shape: several gates in a row are made of one map.
    """
    shape = graph.shape(whole) or ()
    found: list[onnx.NodeProto] = []
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
        found.append(node)
        inputs = {name for name in node.input if name} - seen
        open_values += inputs
        seen |= inputs
    return found
