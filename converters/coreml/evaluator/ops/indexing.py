"""Gathers and scatters."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edgebench.converters.coreml.evaluator.operation import Call, CannotEvaluate, evaluates

_IOS_WITHOUT_NEGATIVE_INDICES = 17


@evaluates("gather", exact=True)
def gather(call: Call) -> Tensor:
    x = call.tensor()
    axis, batch = call.parameter("axis", 0) % x.ndim, call.parameter("batch_dims", 0)
    indices = _indices(call, x.shape[axis])
    if not batch:
        return _taken(x, indices, axis)
    shape = indices.shape[:batch]
    rows = zip(x.flatten(0, batch - 1), indices.flatten(0, batch - 1), strict=True)
    taken = torch.stack([_taken(row, index, axis - batch) for row, index in rows])
    return taken.reshape(*shape, *taken.shape[1:])


@evaluates("gather_along_axis", exact=True)
def gather_along_axis(call: Call) -> Tensor:
    x, axis = call.tensor(), call.parameter("axis", 0)
    return torch.take_along_dim(x, _indices(call, x.shape[axis]), axis)


@evaluates("gather_nd", exact=True)
def gather_nd(call: Call) -> Tensor:
    x, batch = call.tensor(), call.parameter("batch_dims", 0)
    indices = call.tensor("indices").long()
    if not batch:
        return _taken_nd(x, indices)
    rows = zip(x.flatten(0, batch - 1), indices.flatten(0, batch - 1), strict=True)
    taken = torch.stack([_taken_nd(row, index) for row, index in rows])
    return taken.reshape(*indices.shape[:batch], *taken.shape[1:])


SCATTER: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "update": lambda data, at, by: data.index_copy(0, at, by),
    "add": lambda data, at, by: data.index_add(0, at, by),
    "sub": lambda data, at, by: data.index_add(0, at, -by),
    "mul": lambda data, at, by: data.scatter_reduce(0, at, by, "prod"),
    "div": lambda data, at, by: data.scatter_reduce(0, at, 1 / by, "prod"),
    "max": lambda data, at, by: data.scatter_reduce(0, at, by, "amax"),
    "min": lambda data, at, by: data.scatter_reduce(0, at, by, "amin"),
}


@evaluates("scatter")
def scatter(call: Call) -> Tensor:
    data = call.tensor("data")
    axis = call.parameter("axis", 0) % data.ndim
    return _scattered(call, _taken(_places(data), _indices(call, data.shape[axis]), axis))


@evaluates("scatter_along_axis")
def scatter_along_axis(call: Call) -> Tensor:
    data, axis = call.tensor("data"), call.parameter("axis", 0)
    indices = _indices(call, data.shape[axis])
    return _scattered(call, torch.take_along_dim(_places(data), indices, axis))


@evaluates("scatter_nd")
def scatter_nd(call: Call) -> Tensor:
    return _scattered(call, _taken_nd(_places(call.tensor("data")), call.tensor("indices").long()))


def _places(data: Tensor) -> Tensor:
    """The numbers of all elements: what is gathered from them says where a scatter writes."""
    return torch.arange(data.numel()).reshape(data.shape)


def _scattered(call: Call, places: Tensor) -> Tensor:
    data, updates = call.tensor("data"), call.tensor("updates").to(call.tensor("data").dtype)
    mode = call.parameter("mode", "add")
    if mode not in SCATTER:
        raise CannotEvaluate(f"its mode is {mode}")
    updates = updates.expand(places.shape)
    flat = SCATTER[mode](data.reshape(-1), places.reshape(-1), updates.reshape(-1))
    return flat.reshape(data.shape)


def _taken(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return x.index_select(axis, indices.reshape(-1)).reshape(shape)


def _taken_nd(x: Tensor, indices: Tensor) -> Tensor:
    return x[tuple(indices.unbind(-1))]


def _indices(call: Call, size: int) -> Tensor:
    """The op's indices, counted from the start.

    Negative ones count from the end before iOS 17; since then what they give is undefined.
    """
    indices = call.tensor("indices").long()
    lowest = 0 if call.opset >= _IOS_WITHOUT_NEGATIVE_INDICES else -size
    if indices.numel() and not lowest <= int(indices.min()) <= int(indices.max()) < size:
        raise CannotEvaluate(f"an index is outside {lowest}..{size - 1}, which Core ML leaves open")
    return torch.where(indices < 0, indices + size, indices)
