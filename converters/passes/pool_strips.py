"""A mean over rows, columns or both as an average pool with a kernel of that size.

    before:  x (N, C, H, W) -> ReduceMean(axes=[3], keepdims=1) -> (N, C, H, 1)
             x (N, C, H, W) -> ReduceMean(axes=[2], keepdims=1) -> (N, C, 1, W)

    after:   x (N, C, H, W) -> AveragePool(1 x W) -> (N, C, H, 1)
             x (N, C, H, W) -> AveragePool(H x 1) -> (N, C, 1, W)

OpenVINO's CPU plugin and ONNX Runtime pool in their blocked layout of channels, where a reduction
over one axis makes them go back to the plain one and return; and NNCF knows what a pool is.
"""

from __future__ import annotations

import onnx
from onnx import helper

from edgebench.converters.passes.graph import Graph, attribute, replace_nodes

SPATIAL = (2, 3)


def pool_strips(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite the means over spatial axes of maps whose height and width are known."""
    graph = Graph(model)
    replacements = {}
    for node in model.graph.node:
        kernel = _kernel(graph, node)
        if kernel is not None:
            x, y = node.input[0], node.output[0]
            pool = helper.make_node("AveragePool", [x], [y], name=node.name, kernel_shape=kernel)
            replacements[y] = [pool]
    return replace_nodes(model, replacements) if replacements else model


def _kernel(graph: Graph, node: onnx.NodeProto) -> list[int] | None:
    """The size of the window that this mean takes in, where it is a spatial mean of a map."""
    if node.op_type != "ReduceMean" or attribute(node, "keepdims", 1) != 1:
        return None
    shape, axes = graph.shape(node.input[0]), graph.axes(node)
    if shape is None or len(shape) != 4 or not axes:
        return None
    axes = tuple(axis % 4 for axis in axes)
    if not set(axes) <= set(SPATIAL):
        return None
    return [shape[axis] if axis in axes else 1 for axis in SPATIAL]
