"""Ops that move elements and compute nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from edgebench.converters.coreml.evaluator.operation import Call, CannotEvaluate, evaluates
from edgebench.converters.coreml.evaluator.ops.window import padded


@evaluates("reshape", exact=True)
def reshape(call: Call) -> Tensor:
    """0 keeps the axis' size; where the ranks differ it counts from the left, as coremltools'."""
    x = call.tensor()
    wanted = call.ints("shape")
    shape = [x.shape[i] if size == 0 and i < x.ndim else size for i, size in enumerate(wanted)]
    return x.reshape(shape)


@evaluates("reshape_like", exact=True)
def reshape_like(call: Call) -> Tensor:
    shape: list[int] = []
    begins, ends, masks = (
        [bool(t) if name == "end_masks" else int(t) for t in call.tensors(name)]
        for name in ("begins", "ends", "end_masks")
    )
    for ref, begin, end, mask in zip(call.tensors("ref_tensors"), begins, ends, masks, strict=True):
        shape += ref.shape[begin : None if mask else end]
    return call.tensor().reshape(shape)


@evaluates("transpose", exact=True)
def transpose(call: Call) -> Tensor:
    return call.tensor().permute(call.ints("perm"))


@evaluates("expand_dims", exact=True)
def expand_dims(call: Call) -> Tensor:
    x, axes = call.tensor(), call.ints("axes")
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


@evaluates("squeeze", exact=True)
def squeeze(call: Call) -> Tensor:
    x = call.tensor()
    return x.squeeze(tuple(call.ints("axes"))) if call.has("axes") else x.squeeze()


@evaluates("flatten2d", exact=True)
def flatten2d(call: Call) -> Tensor:
    x, axis = call.tensor(), call.parameter("axis", 1)
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@evaluates("shape", exact=True)
def shape(call: Call) -> Tensor:
    return torch.tensor(call.tensor().shape)


@evaluates("concat", exact=True)
def concat(call: Call) -> Tensor:
    parts, axis = call.tensors("values"), call.parameter("axis")
    if not call.parameter("interleave", False):
        # A scalar among them is a vector of one: shapes are put together so.
        return torch.cat([part.reshape(1) if part.ndim == 0 else part for part in parts], axis)
    return torch.stack(parts, axis % parts[0].ndim + 1).flatten(
        axis % parts[0].ndim, axis % parts[0].ndim + 1
    )


@evaluates("stack", exact=True)
def stack(call: Call) -> Tensor:
    return torch.stack(call.tensors("values"), call.parameter("axis"))


@evaluates("split", exact=True)
def split(call: Call) -> tuple[Tensor, ...]:
    x, axis = call.tensor(), call.parameter("axis")
    count = call.parameter("num_splits", 0)
    sizes = (
        call.ints("split_sizes") if call.has("split_sizes") else [x.shape[axis] // count] * count
    )
    return tuple(torch.split(x, sizes, axis))


@evaluates("slice_by_index", exact=True)
def slice_by_index(call: Call) -> Tensor:
    return _sliced(call, call.tensor())


def _sliced(call: Call, x: Tensor) -> Tensor:
    begin, end = call.ints("begin"), call.ints("end")
    steps = call.ints("stride", [1] * x.ndim)
    masks = {
        name: call.parameter(name) or [False] * x.ndim
        for name in ("begin_mask", "end_mask", "squeeze_mask")
    }
    for axis in reversed(range(x.ndim)):
        first = None if masks["begin_mask"][axis] else begin[axis]
        if masks["squeeze_mask"][axis]:
            x = x.select(axis, first or 0)
            continue
        last = None if masks["end_mask"][axis] else end[axis]
        x = _slice(x, axis, slice(first, last, steps[axis]))
    return x


@evaluates("slice_by_size", exact=True)
def slice_by_size(call: Call) -> Tensor:
    x = call.tensor()
    for axis, (begin, size) in enumerate(zip(call.ints("begin"), call.ints("size"), strict=True)):
        begin = begin % x.shape[axis]
        x = x.narrow(axis, begin, x.shape[axis] - begin if size == -1 else size)
    return x


def _slice(x: Tensor, axis: int, wanted: slice) -> Tensor:
    """As NumPy slices; torch knows no negative steps."""
    if wanted.step > 0:
        first, last, step = wanted.indices(x.shape[axis])
        return x[(slice(None),) * axis + (slice(first, max(first, last), step),)]
    return x.index_select(
        axis, torch.tensor(range(*wanted.indices(x.shape[axis])), dtype=torch.long)
    )


@evaluates("slice_update", exact=True)
def slice_update(call: Call) -> Tensor:
    x = call.tensor().clone()
    # A slice of the numbers of all elements says where each of them goes.
    places = torch.arange(x.numel()).reshape(x.shape)
    x.view(-1)[_sliced(call, places).reshape(-1)] = call.tensor("update").reshape(-1)
    return x


@evaluates("pad", exact=True)
def pad(call: Call) -> Tensor:
    x, amounts = call.tensor(), call.ints("pad")
    pairs = list(zip(amounts[::2], amounts[1::2], strict=True))
    mode = call.parameter("mode", "constant")
    if mode == "constant":
        return padded(x, pairs, call.parameter("constant_val", 0.0))
    if mode not in ("reflect", "replicate"):
        raise CannotEvaluate(f"its mode is {mode}")
    for axis, (before, after) in enumerate(pairs, x.ndim - len(pairs)):
        x = x.index_select(axis, _reflected(x.shape[axis], before, after, mode == "reflect"))
    return x


def _reflected(size: int, before: int, after: int, reflect: bool) -> Tensor:
    places = torch.arange(-before, size + after)
    if not reflect:
        return places.clamp(0, size - 1)
    places = places.abs()
    return torch.where(places >= size, 2 * (size - 1) - places, places)


@evaluates("tile", exact=True)
def tile(call: Call) -> Tensor:
    return call.tensor().tile(call.ints("reps"))


@evaluates("reverse", exact=True)
def reverse(call: Call) -> Tensor:
    x = call.tensor()
    return x.flip(call.ints("axes", range(x.ndim)))


@evaluates("reverse_sequence", exact=True)
def reverse_sequence(call: Call) -> Tensor:
    x = call.tensor()
    sequence, batch = call.parameter("seq_axis", 0), call.parameter("batch_axis", 0)
    rows = x.movedim((batch, sequence), (0, 1)).clone()
    for row, length in zip(rows, call.ints("lengths"), strict=True):
        row[:length] = row[:length].flip(0)
    return rows.movedim((0, 1), (batch, sequence))
