"""Ops that change a tensor's shape or the order of its axes, mostly without moving data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgebench.converters.tflite import layout
from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Value


@lowers("Identity")
def identity(node: Node) -> Value:
    return node.value()


@lowers("Dropout")
def dropout(node: Node) -> list[Value]:
    """Nothing, when a model is used; the mask then keeps everything."""
    if node.has(2) and node.constant(2, "training_mode").any():
        raise CannotLower("it is in training mode")
    x = node.value()
    return [x, Value.of(np.ones(x.shape, np.bool_))][: node.outputs]


@lowers("Transpose")
def transpose(node: Node) -> Value:
    x = node.value()
    perm = node.attribute("perm", tuple(reversed(range(x.rank))))
    return Value(x.data, layout.transpose(x.order, perm), x.nonnegative)


def reshaped(x: Value, shape: tuple[int, ...]) -> Value:
    """Reshape where the data lies if the order allows it, otherwise from ONNX's order."""
    order = layout.reshape(x.shape, shape, x.order)
    if order is None:
        x, order = x.at(layout.identity(x.rank)), layout.identity(len(shape))
    return x.reshaped(shape, order)


@lowers("Reshape")
def reshape(node: Node) -> Value:
    x = node.value()
    wanted = node.ints(1, "shape") or []
    if not node.attribute("allowzero", 0):
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    if -1 in wanted:
        known = math.prod(n for n in wanted if n != -1)
        wanted[wanted.index(-1)] = math.prod(x.shape) // max(known, 1)
    return reshaped(x, tuple(wanted))


@lowers("Flatten")
def flatten(node: Node) -> Value:
    x = node.value()
    axis = node.attribute("axis", 1)
    axis = axis + x.rank if axis < 0 else axis
    return reshaped(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@lowers("Squeeze")
def squeeze(node: Node) -> Value:
    x = node.value()
    axes = node.ints(1, "axes")
    if axes is None:
        axes = [axis for axis, extent in enumerate(x.shape) if extent == 1]
    axes = [axis % x.rank for axis in axes]
    shape = tuple(extent for axis, extent in enumerate(x.shape) if axis not in axes)
    return x.reshaped(shape, layout.remove(x.order, axes))


@lowers("Unsqueeze")
def unsqueeze(node: Node) -> Value:
    x = node.value()
    axes = node.ints(1, "axes") or []
    rank = x.rank + len(axes)
    axes = [axis % rank for axis in axes]
    rest = iter(x.shape)
    shape = tuple(1 if axis in axes else next(rest) for axis in range(rank))
    return x.reshaped(shape, layout.insert(x.order, axes))


@lowers("Expand")
def expand(node: Node) -> Value:
    x = node.value()
    shape = np.broadcast_shapes(x.shape, tuple(node.ints(1, "shape") or ()))
    x = x.raised(len(shape))
    if shape == x.shape:
        return x
    data = tf.broadcast_to(x.data, layout.lie(shape, x.order))
    return Value(data, x.order, x.nonnegative)


@lowers("Tile")
def tile(node: Node) -> Value:
    x = node.value()
    repeats = node.ints(1, "repeats") or []
    return Value(tf.tile(x.data, layout.lie(repeats, x.order)), x.order, x.nonnegative)


@lowers("DepthToSpace")
def depth_to_space(node: Node) -> Value:
    x, block = node.value().at(layout.CHANNELS_LAST), node.attribute("blocksize")
    data: Any = x.data
    if node.attribute("mode", "DCR") == "CRD":
        # TensorFlow reads the depth as (row, column, channel), this mode as (channel, row, column).
        depth = np.arange(x.shape[1]).reshape(-1, block * block)
        data = tf.gather(data, depth.T.reshape(-1).astype(np.int32), axis=3)
    return Value(tf.nn.depth_to_space(data, block), x.order, x.nonnegative)


@lowers("SpaceToDepth")
def space_to_depth(node: Node) -> Value:
    x = node.value().at(layout.CHANNELS_LAST)
    block = node.attribute("blocksize")
    data: Any = tf.nn.space_to_depth(x.data, block)
    if node.attribute("mode", "DCR") == "CRD":
        depth = np.arange(x.shape[1] * block * block).reshape(block * block, -1)
        data = tf.gather(data, depth.T.reshape(-1).astype(np.int32), axis=3)
    return Value(data, x.order, x.nonnegative)
