"""Pools. The global ones are reductions, which XNNPACK keeps in its partition in int8 too."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from edgebench.converters.lowering.window import Window
from edgebench.converters.tflite.layout import CHANNELS_LAST
from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.ops.convolution import as_image, as_line
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Value


@lowers("GlobalAveragePool", "GlobalMaxPool")
def global_pool(node: Node) -> Value:
    x = node.value()
    op = tf.reduce_mean if node.op_type == "GlobalAveragePool" else tf.reduce_max
    axes = x.axes(range(2, x.rank))
    return Value(op(x.data, axes, keepdims=True), x.order, x.nonnegative)


def _open(node: Node) -> tuple[Value, Window]:
    x = as_image(node.value(), node).at(CHANNELS_LAST)
    window = Window.of(node, node.value().shape[2:], node.attribute("kernel_shape"))
    return x, window.flattened_line() if node.value().rank == 3 else window


def _close(y: Any, x: Value, node: Node) -> Value:
    return as_line(Value(y, CHANNELS_LAST, x.nonnegative), node.value().rank)


@lowers("AveragePool")
def average_pool(node: Node) -> Value:
    x, window = _open(node)
    include_pad = bool(node.attribute("count_include_pad", 0))
    counts = window.counts(include_pad)
    area = math.prod(window.kernel)
    data, scheme = x.data, window.padding
    if scheme == "VALID" or (scheme == "SAME" and not include_pad):
        # TensorFlow's SAME leaves the padding out of the average.
        counts = np.full_like(counts, area)
    else:
        pads = [(0, 0), *zip(window.before, window.reach, strict=True), (0, 0)]
        data, scheme = tf.pad(data, pads), "VALID"
    if set(window.dilations) == {1}:
        y = tf.nn.avg_pool2d(data, window.kernel, window.strides, scheme)
    else:
        data = _with_pads(x.data, window, 0.0)
        counts = window.counts(include_pad)
        y = _taps(data, window, lambda a, b: a + b) * np.float32(1 / area)
    if (counts != area).any():
        y = y * (area / counts)[None, :, :, None].astype(np.float32)
    return _close(y, x, node)


@lowers("MaxPool")
def max_pool(node: Node) -> Value:
    if node.outputs > 1:
        raise CannotLower("its second output, the indices, is used")
    x, window = _open(node)
    if set(window.dilations) != {1}:
        data = _with_pads(x.data, window, x.data.dtype.min)
        return _close(_taps(data, window, tf.maximum), x, node)
    if window.padding:
        y = tf.nn.max_pool2d(x.data, window.kernel, window.strides, window.padding)
        return _close(y, x, node)
    y = tf.nn.max_pool2d(_floor(x, window), window.kernel, window.strides, "VALID")
    return _close(y, x, node)


def _floor(x: Value, window: Window) -> Any:
    """Pad so that no maximum changes, and, for int8's sake, without widening the range.

    Zeros will do where nothing is negative. Otherwise a mirror: element -i repeats i - 1, which
    lies in every window that reaches -i as long as the pad is at most half the kernel.
    """
    if x.nonnegative:
        return _with_pads(x.data, window, 0.0)
    pads = [*zip(window.before, window.reach, strict=True)]
    fits = [
        2 * max(pad) <= k and max(pad) <= n
        for pad, k, n in zip(pads, window.kernel, window.size, strict=True)
    ]
    if all(fits):
        return tf.pad(x.data, [(0, 0), *pads, (0, 0)], "SYMMETRIC")
    return _with_pads(x.data, window, x.data.dtype.min)


def _with_pads(data: Any, window: Window, fill: float) -> Any:
    pads = [(0, 0), *zip(window.before, window.reach, strict=True), (0, 0)]
    return tf.pad(data, pads, constant_values=fill) if any(map(any, pads)) else data


def _taps(data: Any, window: Window, combine: Callable[[Any, Any], Any]) -> Any:
    """Combine the kernel's taps, each a strided slice of the padded input (for dilated pools)."""
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.strides, window.dilations
    oh, ow = window.output
    slices = [
        data[:, i * dh : i * dh + (oh - 1) * sh + 1 : sh, j * dw : j * dw + (ow - 1) * sw + 1 : sw]
        for i in range(kh)
        for j in range(kw)
    ]
    return reduce(combine, slices)
