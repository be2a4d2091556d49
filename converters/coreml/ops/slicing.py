"""Concat, Split, Slice, Gather and Pad."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import CannotLower, Node, lowers
from edgebench.converters.coreml.value import Value
from edgebench.converters.lowering.node import Array


@lowers("Concat")
def concat(node: Node) -> Value:
    values = [value for value in map(node.value, range(len(node.inputs))) if 0 not in value.shape]
    if len(values) < 2:
        return values[0] if values else node.value()
    axis = node.attribute("axis") % values[0].rank
    return Value(mb.concat(values=[value.mil for value in values], axis=axis))


def cut(x: Value, axis: int, taken: range) -> Value:
    """The elements of an axis that a range names."""
    return cut_axes(x, [taken if i == axis else range(extent) for i, extent in enumerate(x.shape)])


def _nothing(x: Value, shape: list[int]) -> Value:
    """A value without elements, of which Core ML has none: what reads it has to do without."""
    return Value(np.zeros(shape, x.dtype))


def cut_axes(x: Value, taken: list[range]) -> Value:
    """The elements that a range for each axis names."""
    if any(not r for r in taken):
        return _nothing(x, [len(r) for r in taken])
    # A backward stretch is taken forward and then turned round.
    turned = [axis for axis, r in enumerate(taken) if r.step < 0]
    forward = [r[::-1] if r.step < 0 else r for r in taken]
    data = x.data
    if any(r != range(n) for r, n in zip(forward, x.shape, strict=True)):
        data = mb.slice_by_index(
            x=data,
            begin=[r.start for r in forward],
            end=[r[-1] + 1 for r in forward],
            stride=[r.step for r in forward],
        )
    return Value(mb.reverse(x=data, axes=turned) if turned else data)


@lowers("Split")
def split(node: Node) -> list[Value]:
    x = node.value()
    axis = node.attribute("axis", 0) % x.rank
    sizes = node.ints(1, "split")
    if sizes is None:
        count = node.attribute("num_outputs", node.outputs)
        # The last part is the smaller one where the axis does not divide evenly.
        size = -(-x.shape[axis] // count)
        sizes = [min(size, x.shape[axis] - i * size) for i in range(count)]
    full = [size for size in sizes if size]
    if len(full) == 1:
        parts = iter([x])
    else:
        made = mb.split(x=x.data, split_sizes=full, axis=axis)
        parts = (Value(part) for part in made)
    return [
        next(parts) if size else _nothing(x, [*x.shape[:axis], 0, *x.shape[axis + 1 :]])
        for size in sizes
    ]


@lowers("Slice")
def slice_(node: Node) -> Value:
    return cut_axes(node.value(), taken_by(node))


def taken_by(node: Node) -> list[range]:
    """What a Slice takes of each axis."""
    x = node.value()
    starts, ends = node.ints(1, "starts") or [], node.ints(2, "ends") or []
    axes = node.ints(3, "axes")
    steps = node.ints(4, "steps") or [1] * len(starts)
    taken = [range(extent) for extent in x.shape]
    for i, axis in enumerate(range(len(starts)) if axes is None else axes):
        extent = x.shape[axis]
        taken[axis % x.rank] = range(extent)[starts[i] : ends[i] : steps[i]]
    return taken


@lowers("Gather")
def gather(node: Node) -> Value:
    x, indices = node.value(0), node.value(1)
    axis = node.attribute("axis", 0) % x.rank
    if not indices.is_constant:
        return Value(mb.gather(x=x.mil, indices=counted(indices.data, x.shape[axis]), axis=axis))
    picked = (indices.array % x.shape[axis]).astype(np.int32)
    if indices.rank == 0:
        one = cut(x, axis, range(int(picked), int(picked) + 1))
        return Value(mb.squeeze(x=one.data, axes=[axis]))
    return Value(mb.gather(x=x.data, indices=picked, axis=axis))


def counted(indices: Any, extent: int | Array) -> Any:
    """Indices with those below zero counted from the end, which iOS 17 no longer does."""
    below = mb.less(x=indices, y=np.int32(0))
    from_end = mb.add(x=indices, y=np.asarray(extent, np.int32))
    return mb.select(cond=below, a=from_end, b=indices)


@lowers("Pad")
def pad(node: Node) -> Value:
    x = node.value()
    pads = _pads(node, x.rank)
    mode = node.attribute("mode", "constant")
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise CannotLower(f"its mode is '{mode}'")
    for axis, (before, after) in enumerate(pads):
        if min(before, after) < 0:
            x = cut(x, axis, range(max(-before, 0), x.shape[axis] - max(-after, 0)))
    pads = [(max(before, 0), max(after, 0)) for before, after in pads]
    if not any(map(any, pads)):
        return x
    if mode == "constant":
        return Value(_constant_pad(node, x, pads))
    small = all(max(p) < n for p, n in zip(pads, x.shape, strict=True))
    if mode in ("reflect", "edge") and small and not any(map(any, pads[:-2])) and x.is_float:
        flat = [n for pair in pads[-2:] for n in pair]
        known = {"reflect": "reflect", "edge": "replicate"}[mode]
        return Value(mb.pad(x=x.data, pad=flat, mode=known))
    for axis, (before, after) in enumerate(pads):
        if before or after:
            indices = np.arange(x.shape[axis], dtype=np.int32)
            source = np.pad(indices, (before, after), mode)
            x = Value(mb.gather(x=x.data, indices=source, axis=axis))
    return x


def _constant_pad(node: Node, x: Value, pads: list[tuple[int, int]]) -> Any:
    fill = node.constant(2, "value") if node.has(2) else np.asarray(node.attribute("value", 0.0))
    if x.is_float:
        flat = [n for pair in pads for n in pair]
        number = x.number(fill.reshape(()).item())
        return mb.pad(x=x.data, pad=flat, mode="constant", constant_val=number)
    # MIL pads real numbers only; others get their neighbours by concatenation.
    for axis, pair in enumerate(pads):
        blocks = [
            np.full([n if i == axis else m for i, m in enumerate(x.shape)], fill, x.dtype)
            for n in pair
        ]
        parts = [blocks[0], x.data, blocks[1]]
        kept = [part for part in parts if not isinstance(part, np.ndarray) or part.size]
        x = Value(mb.concat(values=kept, axis=axis)) if len(kept) > 1 else x
    return x.data


def _pads(node: Node, rank: int) -> list[tuple[int, int]]:
    given = node.ints(1, "pads") or []
    axes = list(range(rank))
    if node.has(3):
        axes = [int(axis) % rank for axis in node.constant(3, "axes").reshape(-1)]
    pads = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        pads[axis] = (given[i], given[i + len(axes)])
    return pads
