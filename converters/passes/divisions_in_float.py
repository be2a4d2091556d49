"""Where a gate needs a step that XNNPACK has no int8 kernel for, that step stays in float.

    int8:   map -> mean ->                                -> Mul -> map
    float:                 Add(epsilon) -> Sqrt -> Reciprocal  (N, C, 1, 1)

Inverse deviations and softmax over channels (SimAM, ELA, EMA) would otherwise run in a built-in
int8 kernel, and each would cut the delegate's partition in two. Among a gate's few numbers, going
to float and back costs next to nothing. What is added before a root is so little that XNNPACK takes
no int8 sum with it, so that stays in float too. Elsewhere, such
as the softmax at the end of a classifier, all stays int8: NPUs want it so. Nothing is rewritten, so
nothing can change.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from edgebench.converters.passes.gates import gate_nodes
from edgebench.converters.passes.graph import Graph, gated, named

WITHOUT_INT8_KERNEL = {
    *("Sqrt", "Reciprocal", "Div", "Softmax"),
    *("InstanceNormalization", "GroupNormalization", "LayerNormalization"),
}


def divisions_in_float(model: onnx.ModelProto) -> frozenset[str]:
    """The names of the nodes of gates that XNNPACK has no int8 kernel for."""
    graph = Graph(model)
    pairs = (gated(graph, node) for node in model.graph.node)
    made_by = (gate_nodes(graph, *pair) or [] for pair in pairs if pair is not None)
    steps = (step for nodes in made_by for step in nodes)
    found = [step for step in steps if step.op_type in WITHOUT_INT8_KERNEL]
    return frozenset(named(each) for step in found for each in (step, *_shifts(graph, step)))


def _shifts(graph: Graph, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """The sums and products with a constant that lead to a node."""
    before = graph.producers.get(node.input[0])
    while before is not None and before.op_type in ("Add", "Mul"):
        variable = [name for name in before.input if graph.constant(name) is None]
        if len(variable) != 1:
            return
        yield before
        before = graph.producers.get(variable[0])
