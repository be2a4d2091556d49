"""Values of more axes than Core ML has: kept under fewer axes, in the same sequence of elements.

    (1, 3, 11, 2, 13, 2) -> Transpose (0, 1, 3, 5, 2, 4)

becomes a transpose of fewer axes (`edgebench.converters.lowering.axes`). Other operators see those
axes as one that they treat alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import OPS, CannotLower, Node
from edgebench.converters.coreml.ops.arithmetic import BINARY, UNARY, VARIADIC
from edgebench.converters.coreml.ops.reduction import REDUCTIONS
from edgebench.converters.coreml.ops.slicing import cut_axes, taken_by
from edgebench.converters.coreml.value import LARGEST_RANK, Value
from edgebench.converters.lowering.axes import steps

Shape = tuple[int, ...]

# The elements in their sequence, under another shape.
VIEWS = frozenset({"Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
EACH_ELEMENT = frozenset(
    {
        *("Cast", "Celu", "Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish"),
        *("Neg", "Reciprocal", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh"),
        *UNARY,
    }
)
BROADCAST = frozenset({*BINARY, *VARIADIC, "Div", "Mod", "Pow", "Where"})
ONE_AXIS = frozenset({"Concat", "Gather", "LogSoftmax", "Softmax", "Split"})


def lowered(node: Node, shapes: Sequence[Shape]) -> list[Value]:
    """What a node makes, of these shapes, where an operand or a result has too many axes.

    Raises `CannotLower`.
    """
    family = next((how for ops, how in _FAMILIES if node.op_type in ops), None)
    if family is None:
        raise CannotLower(f"it works on more than {LARGEST_RANK} axes, which Core ML has not")
    if not shapes:
        raise CannotLower("the shape of its result is not known before it runs")
    results = family(node, shapes)
    return [_under(value, shape) for value, shape in zip(results, shapes, strict=False)]


def _under(value: Value, shape: Shape) -> Value:
    """The same elements as a value of this shape."""
    if value.is_constant:
        return Value(value.array.reshape(shape))
    if len(shape) > LARGEST_RANK:
        return Value(value.data, shape)
    return Value(_lying(value.data, shape))


def _lying(data: Any, shape: Sequence[int]) -> Any:
    """The elements under these axes, in the program or in an array."""
    if isinstance(data, np.ndarray):
        return data.reshape(shape)
    if tuple(data.shape) == tuple(shape):
        return data
    return mb.reshape(x=data, shape=list(shape)) if shape else mb.squeeze(x=data)


def _view(node: Node, shapes: Sequence[Shape]) -> list[Value]:
    return [Value(node.value().data)]


def _each_element(node: Node, shapes: Sequence[Shape]) -> list[Value]:
    return _plainly(node, [Value(node.value().data), *node.inputs[1:]])


def _plainly(node: Node, operands: Sequence[Value | None], **attributes: Any) -> list[Value]:
    """The results of the operator's own lowerer for operands under fewer axes."""
    few = replace(node, inputs=tuple(operands), attributes={**node.attributes, **attributes})
    result = OPS[node.op_type](few)
    return [result] if isinstance(result, Value) else list(result)


def _transposed(node: Node, shapes: Sequence[Shape]) -> list[Value]:
    x = node.value()
    perm = [int(axis) for axis in node.attribute("perm", range(x.rank)[::-1])]
    data = x.data
    for shape, order in steps(x.shape, perm, LARGEST_RANK):
        data = mb.transpose(x=_lying(data, shape), perm=list(order))
    return [Value(data)]


def _extent(sizes: Sequence[int], axes: Sequence[int]) -> int:
    return math.prod(sizes[axis] for axis in axes)


def _groups(kinds: Sequence[Any], extents: Sequence[int]) -> list[list[int]]:
    """Neighbouring axes of one kind together; those of extent 1 go with any. At most five groups.

    Raises `CannotLower`.
    """
    groups: list[list[int]] = []
    kind: Any = None
    for axis, (each, extent) in enumerate(zip(kinds, extents, strict=True)):
        if groups and (extent == 1 or kind in (each, None)):
            groups[-1].append(axis)
        else:
            groups.append([axis])
        if extent != 1:
            kind = each
    if len(groups) > LARGEST_RANK:
        raise CannotLower(f"it works on {len(groups)} axes, and Core ML takes up to {LARGEST_RANK}")
    return groups


def _folded(value: Value, groups: Sequence[Sequence[int]]) -> Value:
    """A value with each group of its axes as one."""
    return Value(_lying(value.data, [_extent(value.shape, group) for group in groups]))


def _broadcast(node: Node, shapes: Sequence[Shape]) -> list[Value]:
    rank = len(shapes[0])
    raised = [Value(value.data, (1,) * (rank - value.rank) + value.shape) for value in _given(node)]
    kinds = list(zip(*([n == 1 for n in value.shape] for value in raised), strict=True))
    groups = _groups(kinds, shapes[0])
    return _plainly(node, [_folded(value, groups) for value in raised])


def _given(node: Node) -> list[Value]:
    return [value for value in node.inputs if value is not None]


def _one_axis(node: Node, shapes: Sequence[Shape]) -> list[Value]:
    x = node.value()
    axis = node.attribute("axis", -1 if "Softmax" in node.op_type else 0) % x.rank
    groups = [list(range(axis)), [axis], list(range(axis + 1, x.rank))]
    if node.op_type == "Gather" and node.value(1).rank > 1:
        raise CannotLower("its indices have more than one axis")
    apart = len(node.inputs) if node.op_type == "Concat" else 1
    folded = [_folded(node.value(i), groups) for i in range(apart)]
    return _plainly(node, [*folded, *node.inputs[apart:]], axis=1)


def _reduced(node: Node, shapes: Sequence[Shape]) -> list[Value]:
    x = node.value()
    over = node.ints(1, "axes")
    if not over and node.attribute("noop_with_empty_axes", 0):
        return [Value(x.data)]
    axes = {axis % x.rank for axis in over or range(x.rank)}
    groups = _groups([axis in axes for axis in range(x.rank)], x.shape)
    reduced = [
        i for i, group in enumerate(groups) if any(x.shape[a] != 1 for a in group if a in axes)
    ]
    folded = _folded(x, groups)
    op = REDUCTIONS[node.op_type]
    return [Value(op(x=folded.data, axes=reduced, keep_dims=True) if reduced else folded.data)]


def _repeated(node: Node, shapes: Sequence[Shape]) -> list[Value]:
    x, shape = node.value(), shapes[0]
    raised = Value(x.data, (1,) * (len(shape) - x.rank) + x.shape)
    repeats = [n // m for n, m in zip(shape, raised.shape, strict=True)]
    # Repeating two neighbours is not repeating them as one.
    kinds = [axis if repeat > 1 else -1 for axis, repeat in enumerate(repeats)]
    groups = _groups(kinds, shape)
    return [
        Value(mb.tile(x=_folded(raised, groups).data, reps=[_extent(repeats, g) for g in groups]))
    ]


def _sliced(node: Node, shapes: Sequence[Shape]) -> list[Value]:
    x = node.value()
    taken = taken_by(node)
    whole = [each == range(extent) for each, extent in zip(taken, x.shape, strict=True)]
    groups = _groups([-1 if full else axis for axis, full in enumerate(whole)], x.shape)
    folded = _folded(x, groups)
    merged = [
        next((taken[axis] for axis in group if not whole[axis]), range(extent))
        for group, extent in zip(groups, folded.shape, strict=True)
    ]
    return [cut_axes(folded, merged)]


def _product(node: Node, shapes: Sequence[Shape]) -> list[Value]:
    a, b = node.value(0), node.value(1)
    if a.rank != b.rank or a.shape[:-2] != b.shape[:-2]:
        raise CannotLower("its operands are broadcast over more axes than Core ML has")
    return _plainly(
        node, [Value(_lying(v.data, (math.prod(v.shape[:-2]), *v.shape[-2:]))) for v in (a, b)]
    )


_FAMILIES: tuple[tuple[Collection[str], Callable[[Node, Sequence[Shape]], list[Value]]], ...] = (
    (VIEWS, _view),
    (EACH_ELEMENT, _each_element),
    (BROADCAST, _broadcast),
    (ONE_AXIS, _one_axis),
    (REDUCTIONS, _reduced),
    (("Expand", "Tile"), _repeated),
    (("Slice",), _sliced),
    (("Transpose",), _transposed),
    (("MatMul",), _product),
)
