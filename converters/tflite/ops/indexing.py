"""Elements chosen by indices that are computed: TopK, GatherElements, GatherND, CumSum."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebench.converters.lowering.indices import batch_indices
from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.ops.slicing import cut
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Value


@lowers("TopK")
def top_k(node: Node) -> list[Value]:
    """TFLite's works along the last axis, and gives the first of equals first, as ONNX's does."""
    x = node.value()
    axis = node.attribute("axis", -1) % x.rank
    (count,) = node.constant(1, "K").reshape(-1) if node.has(1) else (node.attribute("k"),)
    order = (*(a for a in x.order if a != axis), axis)
    data = x.at(order).data
    # The smallest are the largest of -x, or of -1 - x for whole numbers, which do not overflow.
    smallest = not node.attribute("largest", 1)
    values, indices = tf.math.top_k(_opposite(data) if smallest else data, int(count))
    if smallest:
        values = _opposite(values)
    return [Value(values, order), Value(tf.cast(indices, tf.int64), order)]


def _opposite(data: Any) -> Any:
    return -data if data.dtype.is_floating else -1 - data


@lowers("GatherElements")
def gather_elements(node: Node) -> Value:
    """Along the last axis and with all others in one, a Gather with a batch axis."""
    x, indices = node.value(0), node.value(1)
    axis = node.attribute("axis", 0) % x.rank
    for a, extent in enumerate(indices.shape):
        if a != axis and extent < x.shape[a]:
            x = cut(x, a, 0, extent)
    order = (*(a for a in range(x.rank) if a != axis), axis)
    rows = tf.reshape(x.at(order).data, (-1, x.shape[axis]))
    picked = _counted(indices.at(order).data, x.shape[axis])
    picked = tf.reshape(picked, (-1, indices.shape[axis]))
    found = tf.gather(rows, picked, batch_dims=1)
    return Value(tf.reshape(found, [indices.shape[a] for a in order]), order, x.nonnegative)


@lowers("GatherND")
def gather_nd(node: Node) -> Value:
    x, indices = node.value(0), node.value(1)
    batch = node.attribute("batch_dims", 0)
    extents = np.array(x.shape[batch : batch + indices.shape[-1]], np.int64)
    picked = _counted(tf.cast(indices.standing(), tf.int64), extents)
    if batch:  # TFLite knows no batch axes here: they are indices like the others.
        picked = tf.concat([batch_indices(indices.shape, batch), picked], -1)
    return Value.of(tf.gather_nd(x.standing(), tf.cast(picked, tf.int32)))


def _counted(indices: Any, extent: Any) -> Any:
    """Indices with those below zero counted from the end."""
    return tf.where(indices < 0, indices + extent, indices)


@lowers("CumSum")
def cumulative_sum(node: Node) -> Value:
    x = node.value()
    axis = x.axis(int(node.constant(1, "axis").item()))
    exclusive, reverse = (bool(node.attribute(name, 0)) for name in ("exclusive", "reverse"))
    if x.dtype == np.bool_:
        raise CannotLower("it sums truth values")
    return x.like(tf.cumsum(x.data, axis, exclusive, reverse))
