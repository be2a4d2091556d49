"""A mean over rows, over columns or over both, as the pool that it is.

    before:  x (N, C, H, W) -> ReduceMean(axes=[3], keepdims=1) -> (N, C, H, 1)
             x (N, C, H, W) -> ReduceMean(axes=[2], keepdims=1) -> (N, C, 1, W)
             x (N, C, H, W) -> ReduceMean(axes=[2, 3], keepdims=1) -> (N, C, 1, 1)

    after:   x (N, C, H, W) -> AveragePool(1 x W) -> (N, C, H, 1)
             x (N, C, H, W) -> AveragePool(H x 1) -> (N, C, 1, W)
             x (N, C, H, W) -> GlobalAveragePool -> (N, C, 1, 1)

OpenVINO's CPU plugin and ONNX Runtime pool in the layout that their convolutions work in, and go
back to the plain one for a reduction; their quantisers know a pool, and leave a reduction in float.
"""

from __future__ import annotations

import onnx
from onnx import helper

from edgebench.converters.passes.graph import Graph, replace_nodes, spatial_mean


def pool_means(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite the spatial means of maps whose height and width are known."""
    graph = Graph(model)
    replacements = {}
    for node in model.graph.node:
        window = spatial_mean(graph, node)
        if window is None:
            continue
        x, y = node.input[0], node.output[0]
        if min(window) > 1:
            pool = helper.make_node("GlobalAveragePool", [x], [y], name=node.name)
        else:
            pool = helper.make_node("AveragePool", [x], [y], name=node.name, kernel_shape=window)
        replacements[y] = [pool]
    return replace_nodes(model, replacements) if replacements else model
