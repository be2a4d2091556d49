"""The algebra of axis orders: where each ONNX axis lies in memory.

An order is a permutation: `order[i]` is the ONNX axis that lies at memory axis i. A rank-4 image
in NHWC has the order (0, 2, 3, 1). Shapes and axes are ONNX's unless called memory's. Nothing
here knows TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeVar

Order = tuple[int, ...]
Shape = tuple[int, ...]
T = TypeVar("T")

CHANNELS_LAST: Order = (0, 2, 3, 1)


def identity(rank: int) -> Order:
    """The order of a tensor that lies as ONNX has it."""
    return tuple(range(rank))


def boundary(rank: int, image: bool) -> Order:
    """The order of a graph input or output in the file: NHWC for an image, ONNX's otherwise."""
    return CHANNELS_LAST if image and rank == 4 else identity(rank)


def channels_last(rank: int) -> Order:
    """Batch first, channels (ONNX axis 1) last: (0, 2, 1), (0, 2, 3, 1), ..."""
    return (0, *range(2, rank), 1)


def lie(per_axis: Sequence[T], order: Order) -> tuple[T, ...]:
    """What is given for each ONNX axis, such as its extent, in memory's sequence."""
    return tuple(per_axis[axis] for axis in order)


def stand(memory_shape: Sequence[int], order: Order) -> Shape:
    """The ONNX shape of a tensor that lies like this: the inverse of `lie`."""
    shape = [0] * len(order)
    for extent, axis in zip(memory_shape, order, strict=True):
        shape[axis] = extent
    return tuple(shape)


def permutation(have: Order, want: Order) -> Order:
    """The argument of a transpose of memory axes that turns one order into the other."""
    return tuple(have.index(axis) for axis in want)


def moves_data(shape: Shape, have: Order, want: Order) -> bool:
    """Whether going from one order to the other is more than a reshape.

    Axes of extent 1 may lie anywhere; only the sequence of the others counts.
    """

    def real(order: Order) -> list[int]:
        return [axis for axis in order if shape[axis] != 1]

    return math.prod(shape) > 0 and real(have) != real(want)


def transpose(order: Order, perm: Sequence[int]) -> Order:
    """The order of ONNX's Transpose of a tensor that stays where it is in memory."""
    return tuple(list(perm).index(axis) for axis in order)


def insert(order: Order, axes: Iterable[int]) -> Order:
    """The order after Unsqueeze: new axes (numbered in the result) of extent 1.

    A new axis lies before the memory axis of the ONNX axis it precedes; last where none follows.
    """
    for new in sorted(axes):
        shifted = [axis + (axis >= new) for axis in order]
        where = shifted.index(new + 1) if new + 1 in shifted else len(shifted)
        order = (*shifted[:where], new, *shifted[where:])
    return order


def remove(order: Order, axes: Iterable[int]) -> Order:
    """The order after these axes are gone, by Squeeze or by a reduction."""
    gone = set(axes)
    kept = [axis for axis in order if axis not in gone]
    return tuple(sum(other < axis for other in kept) for axis in kept)


def raise_rank(order: Order, rank: int) -> Order:
    """The order after broadcasting put axes of extent 1 in front, to this rank."""
    return insert(order, range(rank - len(order)))


def cheapest(operands: Sequence[tuple[Shape, Order]]) -> Order:
    """The common order, among those of the operands, that moves the fewest elements.

    All operands have one rank. The order of an earlier operand wins a tie.
    """

    def cost(want: Order) -> int:
        return sum(math.prod(s) for s, have in operands if moves_data(s, have, want))

    largest_first = sorted(operands, key=lambda operand: -math.prod(operand[0]))
    return min((order for _, order in largest_first), key=cost)


def blocks(before: Shape, after: Shape) -> list[tuple[range, range]]:
    """Cut a reshape into the smallest runs of axes with equal products.

    Returns pairs of axis ranges (of `before`, of `after`) that cover both shapes in sequence.
    Both shapes must have the same, positive number of elements.
    """
    cut: list[tuple[range, range]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        start_i, start_j = i, j
        size_i = size_j = 1
        if i < len(before):
            size_i, i = before[i], i + 1
        if j < len(after):
            size_j, j = after[j], j + 1
        while size_i != size_j:
            if size_i < size_j:
                size_i, i = size_i * before[i], i + 1
            else:
                size_j, j = size_j * after[j], j + 1
        cut.append((range(start_i, i), range(start_j, j)))
    return cut


def reshape(before: Shape, after: Shape, order: Order) -> Order | None:
    """The order after a Reshape that need not move data, or None where it must.

    Splitting an axis leaves its parts side by side; merging needs its parts to lie side by side
    and in sequence. Axes of extent 1 may lie anywhere.
    """
    if math.prod(before) == 0 or math.prod(before) != math.prod(after):
        return identity(len(after)) if order == identity(len(before)) else None
    pieces: list[tuple[int, list[int]]] = []
    real = [axis for axis in order if before[axis] != 1]
    loose: list[int] = []
    for old, new in blocks(before, after):
        parts = [axis for axis in old if before[axis] != 1]
        if not parts:
            loose.extend(new)
            continue
        at = real.index(parts[0])
        if len(new) != len(old) or any(
            before[o] != after[n] for o, n in zip(old, new, strict=True)
        ):
            if real[at : at + len(parts)] != parts:
                return None
            pieces.append((at, list(new)))
        else:
            for o, n in zip(old, new, strict=True):
                if before[o] == 1:
                    loose.append(n)
                else:
                    pieces.append((real.index(o), [n]))
    packed = [axis for _, piece in sorted(pieces) for axis in piece]
    result = list(packed)
    for axis in sorted(loose):
        where = result.index(axis - 1) + 1 if axis - 1 in result else 0
        result.insert(where, axis)
    return tuple(result)
