"""A value on its way through the lowering: a tensor, and how its ONNX axes lie in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebench.converters.lowering.axes import steps
from edgebench.converters.tflite import layout
from edgebench.converters.tflite.layout import Order, Shape
from edgebench.converters.tflite.tensorflow import tf

Array = NDArray[Any]

# TFLite's TRANSPOSE takes no more axes.
LARGEST_TRANSPOSE = 6

# What TFLite's kernels compute with. Others can occur only inside what is folded away.
DTYPES = (np.float32, np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_)


@dataclass(frozen=True)
class Value:
    """A tensor of the TensorFlow graph, or an array where the value is known already.

    `data` lies in memory order. `nonnegative` says that no element can be below zero.
    """

    data: Any
    order: Order
    nonnegative: bool = False

    @classmethod
    def of(cls, data: Any) -> Value:
        """A value whose axes lie as ONNX has them."""
        return cls(data, layout.identity(len(data.shape)))

    @property
    def is_constant(self) -> bool:
        return isinstance(self.data, np.ndarray)

    @property
    def shape(self) -> Shape:
        """The shape in ONNX's order of axes."""
        return layout.stand(tuple(self.data.shape), self.order)

    @property
    def rank(self) -> int:
        return len(self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        kind = self.data.dtype
        found: np.dtype[Any] = np.dtype(kind if self.is_constant else kind.as_numpy_dtype)
        return found

    @property
    def array(self) -> Array:
        """The known elements, in ONNX's order of axes. Only for constants."""
        return np.asarray(
            np.transpose(self.data, layout.permutation(self.order, layout.identity(self.rank)))
        )

    def axis(self, axis: int) -> int:
        """Where ONNX's axis (negative counts from the end) lies in memory."""
        return self.order.index(axis % self.rank)

    def axes(self, axes: Sequence[int]) -> list[int]:
        """Where these ONNX axes lie in memory, ascending."""
        return sorted(self.axis(axis) for axis in axes)

    def at(self, order: Order) -> Value:
        """The same value in another order: as it is, reshaped, or, where data moves, transposed."""
        if order == self.order:
            return self
        perm = layout.permutation(self.order, order)
        if self.is_constant:
            data = np.transpose(self.data, perm)
        elif layout.moves_data(self.shape, self.order, order):
            data = _transposed(self.data, perm)
        else:
            data = tf.reshape(self.data, layout.lie(self.shape, order))
        return Value(data, order, self.nonnegative)

    def standing(self) -> Any:
        """The data in ONNX's own order."""
        return self.at(layout.identity(self.rank)).data

    def raised(self, rank: int) -> Value:
        """The same value with axes of extent 1 in front, as broadcasting puts them."""
        if rank == self.rank:
            return self
        order = layout.raise_rank(self.order, rank)
        shape = (1,) * (rank - self.rank) + self.shape
        return self.reshaped(shape, order)

    def reshaped(self, shape: Shape, order: Order) -> Value:
        """The same data under another shape; the caller vouches that nothing moves."""
        reshape = np.reshape if self.is_constant else tf.reshape
        return Value(reshape(self.data, layout.lie(shape, order)), order, self.nonnegative)

    def like(self, data: Any) -> Value:
        """New data that lies as this does."""
        return Value(data, self.order)


def _transposed(data: Any, perm: Order) -> Any:
    """A transpose of memory axes; where it has too many, by several of fewer."""
    if len(perm) <= LARGEST_TRANSPOSE:
        return tf.transpose(data, perm)
    shape = [int(extent) for extent in data.shape]
    for extents, moves in steps(shape, perm, LARGEST_TRANSPOSE):
        data = tf.transpose(tf.reshape(data, extents), moves)
    return tf.reshape(data, layout.lie(shape, perm))


def aligned(values: Sequence[Value]) -> tuple[list[Any], Order]:
    """Bring operands of one broadcast to a common rank and order, moving as little as possible.

    Constants are stripped of leading axes of extent 1, which leaves scalars and per-channel
    vectors in the form that the converter folds into convolutions.
    """
    rank = max(value.rank for value in values)
    raised = [value.raised(rank) for value in values]
    tensors = [value for value in raised if not value.is_constant]
    order = layout.cheapest([(value.shape, value.order) for value in tensors or raised])
    placed = [value.at(order) for value in raised]
    full = [value for value in placed if not value.is_constant and value.rank == rank]
    return [
        _stripped(value.data) if value.is_constant and full else value.data for value in placed
    ], order


def _stripped(data: Array) -> Array:
    leading = next((i for i, extent in enumerate(data.shape) if extent != 1), len(data.shape))
    return np.reshape(data, data.shape[leading:])
