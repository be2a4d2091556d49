"""A convolution shared by two strips behind one another, as one convolution each.

    before:  rows    (N, C, H, 1) \\                                          / -> (N, M, H, 1)
                                   Concat -> Conv 1x1 -> [pointwise] -> Split
             columns (N, C, W, 1) /                                          \\ -> (N, M, W, 1)

    after:   rows    (N, C, H, 1) -> Conv 1x1 -> [pointwise] -> (N, M, H, 1)
             columns (N, C, W, 1) -> Conv 1x1 -> [pointwise] -> (N, M, W, 1)

Both convolutions read the same weights. In int8 each strip now has a scale of its own, where
Concat makes them share the wider one; and no runtime has to copy the strips together and apart.
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


def part_strips(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite where the split's pieces are those that were joined, along a spatial axis."""
    graph = Graph(model)
    replacements: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        line = _line(graph, node) if node.op_type == "Concat" else None
        if line is not None:
            *between, split = line
            replacements[split.output[0]] = [
                copied
                for piece, end in zip(node.input, split.output, strict=True)
                for copied in _copy(graph, between, piece, end)
            ]
    return without_dead_nodes(replace_nodes(model, replacements)) if replacements else model


def _line(graph: Graph, concat: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """The nodes from behind the Concat to the Split that undoes it; None where there is none."""
    axis, nodes = attribute(concat, "axis"), []
    rank = len(graph.shape(concat.output[0]) or ())
    if rank != 4 or axis % rank not in (2, 3):
        return None
    value = concat.output[0]
    while (node := graph.only_reader(value)) is not None:
        nodes.append(node)
        if node.op_type == "Split":
            pieces = [graph.extent(name, axis) for name in concat.input]
            parts = [graph.extent(name, axis) for name in node.output]
            same = attribute(node, "axis", 0) % rank == axis % rank
            return nodes if same and None not in pieces and pieces == parts else None
        if not is_pointwise_conv(graph, node) and node.op_type not in POINTWISE:
            return None
        if node.input[0] != value or list(node.input).count(value) != 1:
            return None
        value = node.output[0]
    return None


def _copy(graph: Graph, nodes: list[onnx.NodeProto], first: str, last: str) -> list[onnx.NodeProto]:
    """The nodes once more, from the value `first` to the value `last`."""
    copies, value = [], first
    for number, node in enumerate(nodes, 1):
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        value_out = last if number == len(nodes) else graph.fresh(f"{node.output[0]}_of_{first}")
        copied.name = graph.fresh_node(f"{node.name or node.output[0]}_of_{first}")
        copied.input[0], copied.output[0] = value, value_out
        copies.append(copied)
        value = value_out
    return copies
