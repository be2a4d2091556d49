"""Reductions over axes, and sorting."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edgebench.converters.coreml.evaluator.operation import Call, evaluates


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


REDUCE: dict[str, Callable[[Tensor, list[int], bool], Tensor]] = {
    "reduce_l1_norm": lambda x, axes, keep: x.abs().sum(axes, keepdim=keep),
    "reduce_l2_norm": lambda x, axes, keep: x.square().sum(axes, keepdim=keep).sqrt(),
    "reduce_log_sum": lambda x, axes, keep: x.sum(axes, keepdim=keep).log(),
    "reduce_log_sum_exp": lambda x, axes, keep: x.logsumexp(axes, keepdim=keep),
    "reduce_max": lambda x, axes, keep: x.amax(axes, keepdim=keep),
    "reduce_mean": lambda x, axes, keep: x.float().mean(axes, keepdim=keep),
    "reduce_min": lambda x, axes, keep: x.amin(axes, keepdim=keep),
    "reduce_prod": _product,
    "reduce_sum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
    "reduce_sum_square": lambda x, axes, keep: x.square().sum(axes, keepdim=keep),
}


@evaluates(*REDUCE)
def reduce(call: Call) -> Tensor:
    x = call.tensor()
    axes = call.ints("axes", range(x.ndim))
    return REDUCE[call.operation.op_type](x, axes, call.parameter("keep_dims", False))


@evaluates("reduce_argmax", "reduce_argmin", exact=True)
def arg(call: Call) -> Tensor:
    """The first of equal elements, as NumPy."""
    x, axis = call.tensor(), call.parameter("axis", -1)
    function = torch.argmax if call.operation.op_type == "reduce_argmax" else torch.argmin
    return function(x, axis, call.parameter("keep_dims", False))


@evaluates("argsort", exact=True)
def argsort(call: Call) -> Tensor:
    descending = not call.parameter("ascending", False)
    axis = call.parameter("axis", -1)
    return torch.argsort(call.tensor(), stable=True, dim=axis, descending=descending)


@evaluates("topk", exact=True)
def topk(call: Call) -> tuple[Tensor, ...]:
    """Sorted whatever `sort` says, which leaves the sequence open where it is False."""
    x, axis = call.tensor(), call.parameter("axis", -1)
    descending = not call.parameter("ascending", False)
    values, indices = torch.sort(x, stable=True, dim=axis, descending=descending)
    k = call.parameter("k", 1)
    values, indices = values.narrow(axis, 0, k), indices.narrow(axis, 0, k)
    return (values, indices) if call.parameter("return_indices", True) else (values,)
