"""A transposition of height and width carried past 1x1 convolutions until it meets its inverse.

    before:  x -> Transpose(0, 1, 3, 2) -> Conv 1x1 -> [pointwise] -> Transpose(0, 1, 3, 2) -> y

    after:   x -> Conv 1x1 -> [pointwise] -> y

A 1x1 convolution does not look at where an element stands. On a strip the transposition moves no
data, but it is a node all the same, and OpenVINO's and ONNX Runtime's blocked layouts end at it.
"""

from __future__ import annotations

import onnx

from edgebench.converters.passes.graph import (
    POINTWISE,
    Graph,
    attribute,
    is_pointwise_conv,
    replace_nodes,
    without_dead_nodes,
)

SWAPPED = [0, 1, 3, 2]


def sink_transposes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove each such pair, with nothing but those nodes in one line between."""
    graph = Graph(model)
    replacements: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        line = _line(graph, node) if _swaps(node) else None
        if line is None:
            continue
        *between, inverse = line
        value = node.input[0]
        for number, each in enumerate(between, 1):
            moved = onnx.NodeProto()
            moved.CopyFrom(each)
            moved.input[0] = value
            # What lies the other way round is another value, and wants another name.
            last = number == len(between)
            value = inverse.output[0] if last else graph.fresh(f"{each.output[0]}_swapped")
            moved.output[0] = value
            replacements[each.output[0]] = [moved]
        replacements[inverse.output[0]] = []
    return without_dead_nodes(replace_nodes(model, replacements)) if replacements else model


def _swaps(node: onnx.NodeProto) -> bool:
    return node.op_type == "Transpose" and attribute(node, "perm") == SWAPPED


def _line(graph: Graph, transpose: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    nodes: list[onnx.NodeProto] = []
    value = transpose.output[0]
    while (node := graph.only_reader(value)) is not None:
        nodes.append(node)
        if _swaps(node):
            return nodes if len(nodes) > 1 else None
        if not is_pointwise_conv(graph, node) and node.op_type not in POINTWISE:
            return None
        if node.input[0] != value or list(node.input).count(value) != 1:
            return None
        value = node.output[0]
    return None
