"""Matrix products: MIL's linear where the right-hand side is constant, else matmul."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import Node, lowers
from edgebench.converters.coreml.value import Value

# The ranks that MIL's linear takes.
_LINEAR_RANKS = range(1, 4)


@lowers("Gemm")
def gemm(node: Node) -> Value:
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    a, b = node.value(0), node.value(1)
    turn_a, turn_b = bool(node.attribute("transA", 0)), bool(node.attribute("transB", 0))
    c = node.value(2) if node.has(2) else None
    if not a.is_constant and b.is_constant and a.is_float:
        x = mb.transpose(x=a.data, perm=[1, 0]) if turn_a else a.data
        weight = (b.array if turn_b else b.array.T) * b.array.dtype.type(alpha)
        bias = _bias(c, beta, weight.shape[0])
        y = mb.linear(x=x, weight=np.ascontiguousarray(weight), bias=bias)
        if bias is not None:
            return Value(y)
    else:
        y = mb.matmul(x=a.mil, y=b.mil, transpose_x=turn_a, transpose_y=turn_b)
        if alpha != 1.0:
            y = mb.mul(x=y, y=a.number(alpha))
    return Value(y if c is None else mb.add(x=y, y=_times(c, beta)))


def _bias(c: Value | None, beta: float, features: int) -> Any:
    """The bias of a linear op, or None where the addend is no vector of one number a feature."""
    if c is None or not c.is_constant or c.shape not in ((features,), (1, features)):
        return None
    return (c.array * c.array.dtype.type(beta)).reshape(-1)


def _times(c: Value, beta: float) -> Any:
    if beta == 1.0:
        return c.mil
    if c.is_constant:
        return c.array * c.array.dtype.type(beta)
    return mb.mul(x=c.data, y=c.number(beta))


@lowers("MatMul")
def matmul(node: Node) -> Value:
    a, b = node.value(0), node.value(1)
    if b.is_constant and b.rank == 2 and a.rank in _LINEAR_RANKS and a.is_float:
        return Value(mb.linear(x=a.mil, weight=np.ascontiguousarray(b.array.T)))
    left = _row(a) if a.rank == 1 else a.mil
    right = _column(b) if b.rank == 1 else b.mil
    y = mb.matmul(x=left, y=right)
    gone = [-2] * (a.rank == 1) + [-1] * (b.rank == 1)
    return Value(mb.squeeze(x=y, axes=gone) if gone else y)


def _row(x: Value) -> Any:
    return x.mil[None] if x.is_constant else mb.expand_dims(x=x.data, axes=[0])


def _column(x: Value) -> Any:
    return x.mil[:, None] if x.is_constant else mb.expand_dims(x=x.data, axes=[1])
