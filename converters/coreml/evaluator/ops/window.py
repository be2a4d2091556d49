"""How convolutions and pools pad, from the definitions in coremltools' `ops/defs/_utils.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

from torch import Tensor
from torch.nn import functional

from edgebench.converters.coreml.evaluator.operation import Call, CannotEvaluate

Pads = list[tuple[int, int]]


def pads(call: Call, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int]) -> Pads:
    """(before, after) for each spatial axis; `kernel` counts the gaps of dilation."""
    kind = call.parameter("pad_type", "valid")
    if kind == "custom":
        given = call.ints("pad", [0] * 2 * len(sizes))
        return list(zip(given[::2], given[1::2], strict=True))
    if kind == "valid":
        return [(0, 0)] * len(sizes)
    if kind not in ("same", "same_lower"):
        raise CannotEvaluate(f"its pad_type is {kind}")
    found = []
    for size, k, stride in zip(sizes, kernel, strides, strict=True):
        total = max(0, (math.ceil(size / stride) - 1) * stride + k - size)
        less, more = total // 2, total - total // 2
        found.append((less, more) if kind == "same" else (more, less))
    return found


def padded(x: Tensor, amounts: Pads, value: float = 0.0) -> Tensor:
    """x with its last axes padded; negative amounts crop."""
    if not any(chain.from_iterable(amounts)):
        return x
    # torch counts from the last axis backwards.
    return functional.pad(x, list(chain.from_iterable(reversed(amounts))), value=value)
