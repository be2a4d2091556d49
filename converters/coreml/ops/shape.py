"""Ops that change a tensor's shape or the order of its axes."""

from __future__ import annotations

import math

import numpy as np

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import CannotLower, Node, lowers
from edgebench.converters.coreml.value import Value


@lowers("Identity")
def identity(node: Node) -> Value:
    return node.value()


@lowers("Dropout")
def dropout(node: Node) -> list[Value]:
    """Nothing, when a model is used; the mask then keeps everything."""
    if node.has(2) and node.constant(2, "training_mode").any():
        raise CannotLower("it is in training mode")
    x = node.value()
    return [x, Value(np.ones(x.shape, np.bool_))][: node.outputs]


@lowers("Transpose")
def transpose(node: Node) -> Value:
    x = node.value()
    perm = list(node.attribute("perm", range(x.rank)[::-1]))
    return x if perm == sorted(perm) else Value(mb.transpose(x=x.data, perm=perm))


def reshaped(x: Value, shape: tuple[int, ...]) -> Value:
    """The same elements under another shape."""
    if shape == x.shape:
        return x
    if not shape:
        return Value(mb.squeeze(x=x.data, axes=list(range(x.rank))))
    return Value(mb.reshape(x=x.data, shape=list(shape)))


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
    axes = sorted(axis % x.rank for axis in axes)
    return Value(mb.squeeze(x=x.data, axes=axes)) if axes else x


@lowers("Unsqueeze")
def unsqueeze(node: Node) -> Value:
    x = node.value()
    axes = node.ints(1, "axes") or []
    rank = x.rank + len(axes)
    return Value(mb.expand_dims(x=x.data, axes=sorted(axis % rank for axis in axes)))


@lowers("Expand")
def expand(node: Node) -> Value:
    x = node.value()
    shape = np.broadcast_shapes(x.shape, tuple(node.ints(1, "shape") or ()))
    raised = reshaped(x, (1,) * (len(shape) - x.rank) + x.shape)
    repeats = [n // m for n, m in zip(shape, raised.shape, strict=True)]
    return _tiled(raised, repeats)


@lowers("Tile")
def tile(node: Node) -> Value:
    return _tiled(node.value(), node.ints(1, "repeats") or [])


def _tiled(x: Value, repeats: list[int]) -> Value:
    return x if set(repeats) <= {1} else Value(mb.tile(x=x.data, reps=repeats))


@lowers("DepthToSpace")
def depth_to_space(node: Node) -> Value:
    """MIL's depth_to_space reads the depth as (row, column, channel), its pixel_shuffle as
    (channel, row, column)."""
    x, block = node.value(), node.attribute("blocksize")
    if node.attribute("mode", "DCR") == "CRD":
        return Value(mb.pixel_shuffle(x=x.data, upscale_factor=block))
    return Value(mb.depth_to_space(x=x.data, block_size=block))


@lowers("SpaceToDepth")
def space_to_depth(node: Node) -> Value:
    x, block = node.value(), node.attribute("blocksize")
    y = mb.space_to_depth(x=x.data, block_size=block)
    if node.attribute("mode", "DCR") == "CRD":
        depth = np.arange(x.shape[1] * block * block, dtype=np.int32).reshape(block * block, -1)
        y = mb.gather(x=y, indices=depth.T.reshape(-1), axis=1)
    return Value(y)
