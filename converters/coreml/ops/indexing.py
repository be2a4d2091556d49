"""Elements chosen by indices that are computed: TopK, GatherElements, GatherND, CumSum."""

from __future__ import annotations

import numpy as np

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import Node, lowers
from edgebench.converters.coreml.ops.slicing import counted, cut
from edgebench.converters.coreml.value import Value
from edgebench.converters.lowering.indices import batch_indices


@lowers("TopK")
def top_k(node: Node) -> list[Value]:
    x = node.value()
    axis = node.attribute("axis", -1) % x.rank
    (count,) = node.constant(1, "K").reshape(-1) if node.has(1) else (node.attribute("k"),)
    ascending = not node.attribute("largest", 1)
    values, indices = mb.topk(x=x.mil, k=int(count), axis=axis, ascending=ascending)
    return [Value(values), Value(indices)]


@lowers("GatherElements")
def gather_elements(node: Node) -> Value:
    x, indices = node.value(0), node.value(1)
    axis = node.attribute("axis", 0) % x.rank
    for a, extent in enumerate(indices.shape):
        if a != axis and extent < x.shape[a]:
            x = cut(x, a, range(extent))
    picked = counted(indices.mil, x.shape[axis])
    return Value(mb.gather_along_axis(x=x.mil, indices=picked, axis=axis))


@lowers("GatherND")
def gather_nd(node: Node) -> Value:
    x, indices = node.value(0), node.value(1)
    batch = node.attribute("batch_dims", 0)
    extents = np.array(x.shape[batch : batch + indices.shape[-1]], np.int32)
    picked = counted(indices.mil, extents)
    if batch:  # Older programs know no batch axes here: they are indices like the others.
        places = batch_indices(indices.shape, batch).astype(np.int32)
        picked = mb.concat(values=[places, picked], axis=indices.rank - 1)
    return Value(mb.gather_nd(x=x.mil, indices=picked))


@lowers("CumSum")
def cumulative_sum(node: Node) -> Value:
    x = node.value()
    axis = int(node.constant(1, "axis").item()) % x.rank
    exclusive, reverse = (bool(node.attribute(name, 0)) for name in ("exclusive", "reverse"))
    return Value(mb.cumsum(x=x.mil, axis=axis, exclusive=exclusive, reverse=reverse))
