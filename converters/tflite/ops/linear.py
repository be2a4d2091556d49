"""Matrix products: FULLY_CONNECTED where the right-hand side is constant, else BATCH_MATMUL."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgebench.converters.tflite import layout
from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Value

# TFLite's BATCH_MATMUL takes no more axes.
LARGEST_PRODUCT = 5


@lowers("Gemm")
def gemm(node: Node) -> Value:
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    a = _turned(node.value(0), node.attribute("transA", 0))
    b = _turned(node.value(1), node.attribute("transB", 0))
    if alpha != 1.0 and b.is_constant:
        b, alpha = Value(b.data * np.asarray(alpha, b.dtype), b.order), 1.0
    y = _product(a, b)
    if alpha != 1.0:
        y = y * alpha
    if node.has(2):
        c = node.value(2)
        y = y + (c.standing() if beta == 1.0 else c.standing() * np.asarray(beta, c.dtype))
    return Value.of(y)


def _turned(x: Value, turn: int) -> Value:
    return Value(x.data, layout.transpose(x.order, (1, 0))) if turn else x


@lowers("MatMul")
def matmul(node: Node) -> Value:
    a, b = node.value(0), node.value(1)
    left, right = a, b
    if a.rank == 1:
        left = a.reshaped((1, *a.shape), (0, 1))
    if b.rank == 1:
        right = b.reshaped((*b.shape, 1), (0, 1))
    y = _product(left, right)
    shape = [int(n) for n in y.shape]
    if b.rank == 1:
        shape = shape[:-1]
    if a.rank == 1:
        shape = shape[: -1 if b.rank == 1 else -2] + ([] if b.rank == 1 else shape[-1:])
    return Value.of(y if len(shape) == len(y.shape) else tf.reshape(y, shape))


def _product(a: Value, b: Value) -> Any:
    if b.is_constant and b.rank == 2 and a.rank > 2:
        # One matrix for all: rows side by side are one FULLY_CONNECTED.
        rows = tf.reshape(a.standing(), [math.prod(a.shape[:-1]), a.shape[-1]])
        return tf.reshape(tf.matmul(rows, b.standing()), [*a.shape[:-1], b.shape[-1]])
    rank = max(a.rank, b.rank)
    if rank > LARGEST_PRODUCT and a.shape[:-2] == b.shape[:-2]:
        left, right = (_in_one_batch(value) for value in (a, b))
        return tf.reshape(tf.matmul(left, right), [*a.shape[:-1], b.shape[-1]])
    if rank > LARGEST_PRODUCT:
        raise CannotLower(f"it works on {rank} axes, and TFLite takes up to {LARGEST_PRODUCT}")
    left, turn_left = _operand(a)
    right, turn_right = (b.standing(), False) if b.is_constant else _operand(b)
    return tf.matmul(left, right, transpose_a=turn_left, transpose_b=turn_right)


def _in_one_batch(x: Value) -> Any:
    return tf.reshape(x.standing(), [math.prod(x.shape[:-2]), *x.shape[-2:]])


def _operand(x: Value) -> tuple[Any, bool]:
    """The data of a matrix operand, and whether its last two axes lie the other way round."""
    straight = layout.identity(x.rank)
    turned = (*straight[:-2], straight[-1], straight[-2])
    lies_turned = layout.moves_data(x.shape, x.order, straight) and not layout.moves_data(
        x.shape, x.order, turned
    )
    return (x.at(turned).data, True) if lies_turned else (x.standing(), False)
