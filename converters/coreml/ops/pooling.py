"""Pools. The global ones are reductions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import CannotLower, Node, lowers
from edgebench.converters.coreml.ops.convolution import padding
from edgebench.converters.coreml.value import Value
from edgebench.converters.lowering.window import Window


@lowers("GlobalAveragePool", "GlobalMaxPool")
def global_pool(node: Node) -> Value:
    x = node.value()
    op = mb.reduce_mean if node.op_type == "GlobalAveragePool" else mb.reduce_max
    return Value(op(x=x.data, axes=list(range(2, x.rank)), keep_dims=True))


def _window(node: Node) -> Window:
    x = node.value()
    if not 3 <= x.rank <= 5:
        raise CannotLower(f"its input has rank {x.rank}; Core ML pools ranks 3 to 5")
    if not x.is_float:
        raise CannotLower(f"its input is {x.dtype}; Core ML pools real numbers only")
    return Window.of(node, x.shape[2:], node.attribute("kernel_shape"))


@lowers("AveragePool")
def average_pool(node: Node) -> Value:
    x, window = node.value(), _window(node)
    include_pad = bool(node.attribute("count_include_pad", 0))
    counts, area = window.counts(include_pad), math.prod(window.kernel)
    if set(window.dilations) != {1}:
        total = _taps(_padded(x, window, 0.0), window, mb.add)
        return Value(mb.mul(x=total, y=(1 / counts).astype(x.dtype)))
    y = mb.avg_pool(
        x=x.data,
        kernel_sizes=list(window.kernel),
        strides=list(window.strides),
        exclude_padding_from_average=not include_pad,
        **padding(window.before, window.reach),
    )
    if include_pad and (counts != area).any():
        # What hangs over the end because the size was rounded up is no padding.
        y = mb.mul(x=y, y=(area / counts).astype(x.dtype))
    return Value(y)


@lowers("MaxPool")
def max_pool(node: Node) -> Value:
    if node.outputs > 1:
        raise CannotLower("its second output, the indices, is used")
    x, window = node.value(), _window(node)
    if set(window.dilations) != {1}:
        lowest = float(np.finfo(np.float16).min)  # as low as any precision can hold
        return Value(_taps(_padded(x, window, lowest), window, mb.maximum))
    return Value(
        mb.max_pool(
            x=x.data,
            kernel_sizes=list(window.kernel),
            strides=list(window.strides),
            **padding(window.before, window.reach),
        )
    )


def _padded(x: Value, window: Window, fill: float) -> Any:
    if not any(window.before) and not any(window.reach):
        return x.data
    pads = [n for pair in zip(window.before, window.reach, strict=True) for n in pair]
    return mb.pad(x=x.data, pad=[0] * 4 + pads, mode="constant", constant_val=x.number(fill))


def _taps(data: Any, window: Window, combine: Callable[..., Any]) -> Any:
    """Combine the kernel's taps, each a strided slice of the padded input (for dilated pools)."""
    slices = []
    for tap in np.ndindex(*window.kernel):
        begin = [t * d for t, d in zip(tap, window.dilations, strict=True)]
        end = [
            b + (o - 1) * s + 1
            for b, o, s in zip(begin, window.output, window.strides, strict=True)
        ]
        whole = [int(extent) for extent in data.shape[:2]]
        slices.append(
            mb.slice_by_index(
                x=data, begin=[0, 0, *begin], end=[*whole, *end], stride=[1, 1, *window.strides]
            )
        )
    return reduce(lambda a, b: combine(x=a, y=b), slices)
