"""A mean over rows or over columns as a depthwise convolution with equal weights.

    before:  x (N, C, H, W) -> ReduceMean(axes=[3], keepdims=1) -> (N, C, H, 1)
             x (N, C, H, W) -> ReduceMean(axes=[2], keepdims=1) -> (N, C, 1, W)

    after:   x (N, C, H, W) -> Conv(1 x W, group=C, weights 1/W) -> (N, C, H, 1)
             x (N, C, H, W) -> Conv(H x 1, group=C, weights 1/H) -> (N, C, 1, W)

ONNX Runtime has no int8 kernel for ReduceMean, and a slow one for pools that are not global. Equal
weights lose nothing in int8: each is 127 steps of its channel's scale.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from edgebench.converters.passes.graph import Graph, replace_nodes, spatial_mean


def filter_strips(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite the means over one spatial axis of maps whose height and width are known."""
    graph = Graph(model)
    replacements = {}
    for node in model.graph.node:
        window = spatial_mean(graph, node)
        shape = graph.shape(node.input[0]) if window else None
        if window is None or shape is None or min(window) > 1:
            continue
        share = np.full((shape[1], 1, *window), 1 / max(window), np.float32)
        weight = graph.add_constant(f"{node.output[0]}_share", share)
        replacements[node.output[0]] = [
            helper.make_node(
                "Conv",
                [node.input[0], weight],
                [node.output[0]],
                name=node.name,
                group=shape[1],
                kernel_shape=window,
            )
        ]
    return replace_nodes(model, replacements) if replacements else model
