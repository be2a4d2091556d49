"""Where quantisation stops: what computes the gate of a map, and the product with it.

    int8:    Conv -> map -> ...                                               -> Mul -> Conv
    float:           map -> mean -> Conv -> activation -> Conv -> Sigmoid -> Mul

The gate is small, and computing it in float costs nothing. OpenVINO's CPU plugin runs the products
as one kernel that reads what the depthwise convolution leaves in float and writes the projection's
int8; quantised, each step between would round to int8 and back by itself. Nothing is rewritten, so
nothing can change.
"""

from __future__ import annotations

import onnx

from edgebench.converters.passes.gates import gate_nodes
from edgebench.converters.passes.graph import Graph, gated, named


def gates_in_float(model: onnx.ModelProto) -> frozenset[str]:
    """The names of the nodes that make and apply the gates which a map is given by itself."""
    graph = Graph(model)
    found: set[str] = set()
    for node in model.graph.node:
        pair = gated(graph, node)
        if pair is not None:
            made_by = gate_nodes(graph, *pair)
            if made_by:
                found |= {named(node), *map(named, made_by)}
    return frozenset(found)
