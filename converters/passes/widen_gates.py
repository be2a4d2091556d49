"""A gate spread to the size of the map that it multiplies.

    before:  map (N, C, H, W), gate (N, C, H, 1) -> Mul -> (N, C, H, W)

    after:   gate (N, C, H, 1) -> Resize(1 x W, nearest) -> (N, C, H, W)
             map (N, C, H, W), that -> Mul -> (N, C, H, W)

On x86 ONNX Runtime keeps maps in blocks of channels from one convolution to the next. It knows a
product of two equal shapes there and a nearest upsampling, but no broadcast: each gate made it
put the whole map back in order, twice. Writing the gate out costs less than that.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from edgebench.converters.onnx.opset import opset_of
from edgebench.converters.passes.graph import Graph, gated, replace_nodes

OPSET = 13
"""The first in which Resize may leave its region of interest out."""


def widen_gates(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite the products with a gate that is one wide or one high and has the map's channels."""
    if opset_of(model) < OPSET:
        return model
    graph = Graph(model)
    replacements = {}
    for node in model.graph.node:
        pair = gated(graph, node)
        if pair is None:
            continue
        name, gate = pair
        whole, part = graph.shape(name) or (), graph.shape(gate) or ()
        if whole[:2] != part[:2]:
            continue
        factors = [w / p for w, p in zip(whole, part, strict=True)]
        scales = graph.add_constant(f"{gate}_factors", np.asarray(factors, np.float32))
        wide = graph.fresh(f"{gate}_wide")
        replacements[node.output[0]] = [
            helper.make_node(
                "Resize",
                [gate, "", scales],
                [wide],
                name=graph.fresh_node(f"{node.name or node.output[0]}_wide"),
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            ),
            helper.make_node("Mul", [name, wide], [node.output[0]], name=node.name),
        ]
    return replace_nodes(model, replacements) if replacements else model
