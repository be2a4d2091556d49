"""Pools over one, two or three axes."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from edgebench.converters.coreml.evaluator.operation import Call, evaluates
from edgebench.converters.coreml.evaluator.ops.window import Pads, padded, pads

_MAX = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
_MEAN = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}


@evaluates("max_pool", exact=True)
def max_pool(call: Call) -> Tensor:
    x = call.tensor()
    kernel, strides, amounts, over = _windows(call, x)
    return _MAX[x.ndim - 2](padded(x, _joined(amounts, over), -math.inf), kernel, strides)


@evaluates("avg_pool")
def avg_pool(call: Call) -> Tensor:
    """Padding counts unless `exclude_padding_from_average`; what ceil_mode adds never does."""
    x = call.tensor()
    kernel, strides, amounts, over = _windows(call, x)
    pool = _MEAN[x.ndim - 2]
    everywhere = _joined(amounts, over)
    total = pool(padded(x, everywhere), kernel, strides)
    excluded = call.parameter("exclude_padding_from_average", False)
    if not any(over) and not (excluded and any(map(any, amounts))):
        return total
    counted = torch.ones((1, 1, *x.shape[2:]))
    if excluded:
        counted = padded(counted, everywhere)
    else:
        counted = padded(padded(counted, amounts, 1.0), [(0, extra) for extra in over])
    return total / pool(counted, kernel, strides)


@evaluates("l2_pool")
def l2_pool(call: Call) -> Tensor:
    x = call.tensor()
    kernel, strides, amounts, over = _windows(call, x)
    mean = _MEAN[x.ndim - 2](padded(x * x, _joined(amounts, over)), kernel, strides)
    return torch.sqrt(mean * math.prod(kernel))


def _windows(call: Call, x: Tensor) -> tuple[list[int], list[int], Pads, list[int]]:
    """Kernel, strides, padding, and what ceil_mode adds after each axis."""
    kernel = call.ints("kernel_sizes")
    strides = call.ints("strides", [1] * len(kernel))
    amounts = pads(call, x.shape[2:], kernel, strides)
    over = [0] * len(kernel)
    if call.parameter("ceil_mode", False):
        for i, (size, k, stride) in enumerate(zip(x.shape[2:], kernel, strides, strict=True)):
            before, after = amounts[i]
            count = -(-(size + before + after - k) // stride) + 1
            if (count - 1) * stride >= size + before and before + after > 0:
                count -= 1  # a window must begin inside the input or its padding before
            over[i] = max(0, (count - 1) * stride + k - size - before - after)
    return kernel, strides, amounts, over


def _joined(amounts: Pads, over: list[int]) -> Pads:
    return [(before, after + extra) for (before, after), extra in zip(amounts, over, strict=True)]
