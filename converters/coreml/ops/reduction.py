"""Reductions: MIL has one op for each of ONNX's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import Node, lowers
from edgebench.converters.coreml.value import Value

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ReduceMean": mb.reduce_mean,
    "ReduceMax": mb.reduce_max,
    "ReduceMin": mb.reduce_min,
    "ReduceSum": mb.reduce_sum,
    "ReduceProd": mb.reduce_prod,
    "ReduceL1": mb.reduce_l1_norm,
    "ReduceL2": mb.reduce_l2_norm,
    "ReduceSumSquare": mb.reduce_sum_square,
    "ReduceLogSum": mb.reduce_log_sum,
    "ReduceLogSumExp": mb.reduce_log_sum_exp,
}


@lowers(*REDUCTIONS)
def reduction(node: Node) -> Value:
    x = node.value()
    axes = node.ints(1, "axes")
    if not axes:
        if node.attribute("noop_with_empty_axes", 0):
            return x
        axes = list(range(x.rank))
    axes = sorted(axis % x.rank for axis in axes)
    keep = bool(node.attribute("keepdims", 1))
    return Value(REDUCTIONS[node.op_type](x=x.data, axes=axes, keep_dims=keep))


@lowers("ArgMax", "ArgMin")
def arg_extreme(node: Node) -> Value:
    x = node.value()
    axis = node.attribute("axis", 0) % x.rank
    last = node.attribute("select_last_index", 0)
    op = mb.reduce_argmax if node.op_type == "ArgMax" else mb.reduce_argmin
    data = mb.reverse(x=x.data, axes=[axis]) if last else x.data
    y = op(x=data, axis=axis, keep_dims=bool(node.attribute("keepdims", 1)))
    # Of equals the first is given, here counted from the end.
    return Value(mb.sub(x=x.shape[axis] - 1, y=y) if last else y)
