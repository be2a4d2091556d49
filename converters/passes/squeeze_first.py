"""A convolution shared by two means of one map, taken before the means.

    before:  x (N, C, H, W) -> ReduceMean(axes=[3]) -> (N, C, H, 1) -> Conv 1x1 -> (N, M, H, 1)
                            -> ReduceMean(axes=[2]) -> (N, C, 1, W) -> Conv 1x1 -> (N, M, 1, W)

    after:   x (N, C, H, W) -> Conv 1x1 -> (N, M, H, W) -> ReduceMean(axes=[3]) -> (N, M, H, 1)
                                                        -> ReduceMean(axes=[2]) -> (N, M, 1, W)

A mean and a 1x1 convolution are linear, along different axes, and commute. The map is read once
instead of twice, and the means are left with M channels of C. It costs C M (H W - H - W) more
multiply-adds, which pays where integer products are cheap and integer means are not.
"""

from __future__ import annotations

from collections import defaultdict

import onnx
from onnx import helper

from edgebench.converters.passes.graph import (
    Graph,
    is_pointwise_conv,
    replace_nodes,
    spatial_mean,
    without_dead_nodes,
)


def squeeze_first(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite where two means of a map or more go into convolutions of the same weights."""
    graph = Graph(model)
    shared: dict[tuple[str, ...], list[tuple[onnx.NodeProto, onnx.NodeProto]]] = defaultdict(list)
    for conv in model.graph.node:
        mean = graph.producers.get(conv.input[0]) if is_pointwise_conv(graph, conv) else None
        if mean is not None and spatial_mean(graph, mean) and graph.only_reader(mean.output[0]):
            shared[mean.input[0], *conv.input[1:]].append((mean, conv))
    replacements: dict[str, list[onnx.NodeProto]] = {}
    for (x, *weights), pairs in shared.items():
        # A convolution that narrows nothing would leave the means as much to read.
        outputs, inputs = (graph.shape(weights[0]) or (0, 0))[:2]
        if len(pairs) < 2 or outputs >= inputs:
            continue
        first = pairs[0][1]
        squeezed = graph.fresh(f"{first.output[0]}_first")
        made = [
            helper.make_node(
                "Conv", [x, *weights], [squeezed], graph.fresh_node(f"{first.name}_first")
            )
        ]
        for mean, conv in pairs:
            after = onnx.NodeProto()
            after.CopyFrom(mean)
            after.input[0], after.output[0] = squeezed, conv.output[0]
            replacements[conv.output[0]] = [*made, after]
            made = []
    return without_dead_nodes(replace_nodes(model, replacements)) if replacements else model
