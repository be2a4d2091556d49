"""Concat, Split, Slice, Gather and Pad: axes and extents are mapped to where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebench.converters.tflite import layout
from edgebench.converters.tflite.layout import Order
from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Value

TOGETHER = 5
"""As many inputs as XNNPACK takes (LiteRT, tflite/delegates/xnnpack/xnnpack_delegate.cc)."""


@lowers("Concat")
def concat(node: Node) -> Value:
    """Join along an axis; maps of one channel each (of a spatial attention) join channels last."""
    values = [value for value in map(node.value, range(len(node.inputs))) if 0 not in value.shape]
    if not values:
        return node.value()
    axis = node.attribute("axis") % values[0].rank
    order = layout.cheapest(
        [(v.shape, v.order) for v in values if not v.is_constant]
        or [(v.shape, v.order) for v in values]
    )
    if axis == 1 and all(value.shape[axis] == 1 for value in values):
        order = (*(a for a in order if a != axis), axis)
    joined = _joined([value.at(order).data for value in values], order.index(axis))
    return Value(joined, order, all(value.nonnegative for value in values))


def _joined(parts: list[Any], axis: int) -> Any:
    """Join a few at a time: more in one CONCATENATION would leave XNNPACK's partition."""
    while len(parts) > TOGETHER:
        first, rest = parts[:TOGETHER], parts[TOGETHER:]
        parts = [tf.concat(first, axis), *rest]
    return tf.concat(parts, axis)


def cut(x: Value, axis: int, start: int, length: int) -> Value:
    """One stretch of an axis. SLICE: SPLIT_V would leave XNNPACK's partition."""
    begin = [0] * x.rank
    begin[x.axis(axis)] = start
    extents = [int(extent) for extent in x.data.shape]
    extents[x.axis(axis)] = length
    return Value(tf.slice(x.data, begin, extents), x.order, x.nonnegative)


@lowers("Split")
def split(node: Node) -> list[Value]:
    x = node.value()
    axis = node.attribute("axis", 0) % x.rank
    sizes = node.ints(1, "split")
    if sizes is None:
        parts = node.attribute("num_outputs", node.outputs)
        # The last part is the smaller one where the axis does not divide evenly.
        size = -(-x.shape[axis] // parts)
        sizes = [min(size, x.shape[axis] - i * size) for i in range(parts)]
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [cut(x, axis, start, size) for start, size in zip(starts, sizes, strict=True)]


@lowers("Slice")
def slice_(node: Node) -> Value:
    x = node.value()
    starts, ends = node.ints(1, "starts") or [], node.ints(2, "ends") or []
    axes = node.ints(3, "axes")
    axes = list(range(len(starts))) if axes is None else [axis % x.rank for axis in axes]
    steps = node.ints(4, "steps") or [1] * len(starts)
    spans: list[slice] = [slice(None)] * x.rank
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        # ONNX clamps as Python does, but has no word for "to the very beginning" but a low end.
        low = None if step < 0 and end < -x.shape[axis] else end
        spans[axis] = slice(start, low, step)
    ranges = [range(*span.indices(n)) for span, n in zip(spans, x.shape, strict=True)]
    if all(r == range(n) for r, n in zip(ranges, x.shape, strict=True)):
        return x
    lying = layout.lie(ranges, x.order)
    if all(r.step == 1 for r in lying):
        data = tf.slice(x.data, [r.start for r in lying], [len(r) for r in lying])
        return Value(data, x.order, x.nonnegative)
    return Value(_strided(x.data, lying), x.order, x.nonnegative)


def _strided(data: Any, ranges: tuple[range, ...]) -> Any:
    # A negative end would count from the back: leave it out where a range runs to the front.
    return data[tuple(slice(r.start, r.stop if r.stop >= 0 else None, r.step) for r in ranges)]


@lowers("Gather")
def gather(node: Node) -> Value:
    x, indices = node.value(0), node.value(1)
    axis = node.attribute("axis", 0) % x.rank
    if indices.is_constant:
        picked: Any = (indices.array % x.shape[axis]).astype(np.int32)
    else:
        picked = indices.standing()
        picked = tf.where(picked < 0, picked + x.shape[axis], picked)
    data = tf.gather(x.data, picked, axis=x.axis(axis))
    return Value(data, _widened(x.order, axis, indices.rank), x.nonnegative)


def _widened(order: Order, axis: int, rank: int) -> Order:
    """The order after one axis became `rank` axes side by side."""
    wide: list[int] = []
    for a in order:
        wide.extend(range(axis, axis + rank) if a == axis else [a + (rank - 1) * (a > axis)])
    return tuple(wide)


@lowers("Pad")
def pad(node: Node) -> Value:
    x = node.value()
    pads = _pads(node, x.rank)
    mode = node.attribute("mode", "constant")
    for axis, (before, after) in enumerate(pads):
        if min(before, after) < 0:
            start = max(-before, 0)
            x = cut(x, axis, start, x.shape[axis] - start - max(-after, 0))
    pads = [(max(before, 0), max(after, 0)) for before, after in pads]
    if mode == "constant":
        return _constant_pad(node, x, pads)
    if mode == "reflect" and all(max(p) < n for p, n in zip(pads, x.shape, strict=True)):
        data = tf.pad(x.data, layout.lie(pads, x.order), "REFLECT")
        return Value(data, x.order, x.nonnegative)
    if mode not in ("reflect", "edge", "wrap"):
        raise CannotLower(f"its mode is '{mode}'")
    for axis, (before, after) in enumerate(pads):
        if before or after:
            source = np.pad(np.arange(x.shape[axis], dtype=np.int32), (before, after), mode)
            x = Value(tf.gather(x.data, source, axis=x.axis(axis)), x.order, x.nonnegative)
    return x


def _constant_pad(node: Node, x: Value, pads: list[tuple[int, int]]) -> Value:
    if not any(map(any, pads)):
        return x
    lying = layout.lie(pads, x.order)
    fill = node.constant(2, "value") if node.has(2) else np.asarray(node.attribute("value", 0))
    if not fill.any():
        return Value(tf.pad(x.data, lying), x.order, x.nonnegative)
    number = fill.reshape(()).astype(x.dtype)
    return Value(tf.pad(x.data, lying, constant_values=number), x.order)


def _pads(node: Node, rank: int) -> list[tuple[int, int]]:
    given = node.ints(1, "pads") or []
    axes = list(range(rank))
    if node.has(3):
        axes = [int(axis) % rank for axis in node.constant(3, "axes").reshape(-1)]
    pads = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        pads[axis] = (given[i], given[i + len(axes)])
    return pads
