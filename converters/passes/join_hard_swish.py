"""A HardSigmoid that gates its own input, as the HardSwish it is.

    before:  x -> HardSigmoid(1/6, 1/2) -> Mul(x) -> y

    after:   x -> HardSwish -> y

Exporters wrote it so before opset 14.
"""

from __future__ import annotations

import math

import onnx
from onnx import helper

from edgebench.converters.passes.graph import (
    Graph,
    attribute,
    replace_nodes,
    without_dead_nodes,
)


def join_hard_swish(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite every x * HardSigmoid(x) with HardSwish's constants."""
    graph = Graph(model)
    replacements = {}
    for node in model.graph.node:
        if node.op_type != "Mul":
            continue
        for x, gate in (node.input, reversed(node.input)):
            made = graph.producers.get(gate)
            if made is not None and made.input and made.input[0] == x and _is_gate(made):
                # The lowering reads this op at any opset; no ONNX checker sees the graph again.
                joined = helper.make_node("HardSwish", [x], [node.output[0]], name=node.name)
                replacements[node.output[0]] = [joined]
    return without_dead_nodes(replace_nodes(model, replacements)) if replacements else model


def _is_gate(node: onnx.NodeProto) -> bool:
    return (
        node.op_type == "HardSigmoid"
        and math.isclose(attribute(node, "alpha", 0.2), 1 / 6, rel_tol=1e-4)
        and math.isclose(attribute(node, "beta", 0.5), 0.5)
    )
