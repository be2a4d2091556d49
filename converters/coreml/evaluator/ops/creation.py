"""Ops that make elements: ranges, masks and filled tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from edgebench.converters.coreml.evaluator.operation import Call, evaluates


@evaluates("fill", exact=True)
def fill(call: Call) -> Tensor:
    return torch.full(call.ints("shape"), call.parameter("value", 0.0))


@evaluates("fill_like", exact=True)
def fill_like(call: Call) -> Tensor:
    return torch.full(call.tensor("ref_tensor").shape, call.parameter("value", 0.0))


@evaluates("range_1d")
def range_1d(call: Call) -> Tensor:
    return torch.arange(call.parameter("start"), call.parameter("end"), call.parameter("step"))


@evaluates("one_hot", exact=True)
def one_hot(call: Call) -> Tensor:
    size, axis = call.parameter("one_hot_vector_size"), call.parameter("axis", -1)
    indices = call.tensor("indices").long()
    places = functional.one_hot(indices % size, size).movedim(-1, axis).bool()
    on, off = (
        torch.as_tensor(call.parameter(k, v)) for k, v in (("on_value", 1), ("off_value", 0))
    )
    return torch.where(places, on, off)


@evaluates("non_zero", exact=True)
def non_zero(call: Call) -> Tensor:
    return call.tensor().nonzero()


@evaluates("band_part", exact=True)
def band_part(call: Call) -> Tensor:
    x = call.tensor()
    lower, upper = call.parameter("lower", -1), call.parameter("upper", -1)
    x = x if lower < 0 else torch.triu(x, -lower)
    return x if upper < 0 else torch.tril(x, upper)
