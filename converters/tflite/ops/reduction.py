"""Reductions: the ONNX axes are mapped to where they lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgebench.converters.tflite import layout
from edgebench.converters.tflite.node import Node, lowers
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Value

Reduction = Callable[[Any, list[int], bool], Any]


def _log_sum_exp(x: Any, axes: list[int], keep: bool) -> Any:
    top = tf.reduce_max(x, axes, True)
    total = tf.math.log(tf.reduce_sum(tf.exp(x - top), axes, True)) + top
    return total if keep else tf.reshape(total, tf.reduce_max(x, axes, False).shape)


REDUCTIONS: dict[str, Reduction] = {
    "ReduceMean": tf.reduce_mean,
    "ReduceMax": tf.reduce_max,
    "ReduceMin": tf.reduce_min,
    "ReduceSum": tf.reduce_sum,
    "ReduceProd": tf.reduce_prod,
    "ReduceL1": lambda x, axes, keep: tf.reduce_sum(tf.abs(x), axes, keep),
    "ReduceL2": lambda x, axes, keep: tf.sqrt(tf.reduce_sum(tf.square(x), axes, keep)),
    "ReduceSumSquare": lambda x, axes, keep: tf.reduce_sum(tf.square(x), axes, keep),
    "ReduceLogSum": lambda x, axes, keep: tf.math.log(tf.reduce_sum(x, axes, keep)),
    "ReduceLogSumExp": _log_sum_exp,
}

KEEPS_SIGN = {"ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd"}
ALWAYS_NONNEGATIVE = {"ReduceL1", "ReduceL2", "ReduceSumSquare"}


@lowers(*REDUCTIONS)
def reduction(node: Node) -> Value:
    x = node.value()
    axes = node.ints(1, "axes")
    if not axes:
        if node.attribute("noop_with_empty_axes", 0):
            return x
        axes = list(range(x.rank))
    axes = [axis % x.rank for axis in axes]
    keep = bool(node.attribute("keepdims", 1))
    y = REDUCTIONS[node.op_type](x.data, x.axes(axes), keep)
    order = x.order if keep else layout.remove(x.order, axes)
    kept = node.op_type in KEEPS_SIGN and x.nonnegative
    return Value(y, order, kept or node.op_type in ALWAYS_NONNEGATIVE)


@lowers("ArgMax", "ArgMin")
def arg_extreme(node: Node) -> Value:
    x = node.value()
    axis = node.attribute("axis", 0) % x.rank
    last = node.attribute("select_last_index", 0)
    op = tf.argmax if node.op_type == "ArgMax" else tf.argmin
    data = tf.reverse(x.data, [x.axis(axis)]) if last else x.data
    y = op(data, x.axis(axis), output_type=tf.int64)
    if last:  # TFLite gives the first of equals, here counted from the end
        y = x.shape[axis] - 1 - y
    gone = Value(y, layout.remove(x.order, [axis]))
    if not node.attribute("keepdims", 1):
        return gone
    shape = tuple(1 if a == axis else n for a, n in enumerate(x.shape))
    return gone.reshaped(shape, x.order)
