"""Conv and ConvTranspose: NHWC convolutions with the bias and padding TensorFlow can fuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgebench.converters.lowering.window import Window
from edgebench.converters.tflite import layout
from edgebench.converters.tflite.layout import CHANNELS_LAST, Order
from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Array, Value

# Channels last, and the spatial axes either way round: a convolution does not mind.
SWAPPED: Order = (0, 3, 2, 1)


def as_image(x: Value, node: Node) -> Value:
    """A batch of images; a batch of lines (N, C, L) becomes images (N, C, 1, L)."""
    if x.rank == 4:
        return x
    if x.rank != 3:
        raise CannotLower(f"its input has rank {x.rank}; only 1-D and 2-D are known")
    return x.reshaped((*x.shape[:2], 1, x.shape[2]), layout.insert(x.order, [2]))


def as_line(image: Value, rank: int) -> Value:
    """Undo `as_image`: drop the axis that it put in."""
    if rank == 4:
        return image
    shape = (*image.shape[:2], image.shape[3])
    return image.reshaped(shape, layout.remove(image.order, [2]))


def spatial_order(x: Value) -> Order:
    """NHWC, or NWHC where that alone saves a transpose."""

    def moves(order: Order) -> bool:
        return layout.moves_data(x.shape, x.order, order)

    return SWAPPED if moves(CHANNELS_LAST) and not moves(SWAPPED) else CHANNELS_LAST


def padded(x: Any, window: Window) -> tuple[Any, str]:
    """The memory tensor with what zeros TensorFlow's padding schemes do not add themselves."""
    scheme = window.padding
    if scheme is not None:
        return x, scheme
    pads = [(0, 0), *zip(window.before, window.reach, strict=True), (0, 0)]
    return tf.pad(x, pads), "VALID"


@lowers("Conv")
def conv(node: Node) -> Value:
    x, w = as_image(node.value(0), node), node.value(1)
    window = Window.of(node, node.value(0).shape[2:], w.shape[2:])
    if w.rank == 3:
        window = window.flattened_line()
        w = w.reshaped((*w.shape[:2], 1, w.shape[2]), layout.insert(w.order, [2]))
    order = spatial_order(x)
    if order == SWAPPED:
        window = window.swapped()
        w = Value(w.data, tuple({2: 3, 3: 2}.get(axis, axis) for axis in w.order))
    groups, channels = node.attribute("group", 1), x.shape[1]
    data, scheme = padded(x.at(order).data, window)
    strides, dilations = [1, *window.strides, 1], [1, *window.dilations, 1]
    if groups == channels and groups > 1:
        kernel = w.at((2, 3, 0, 1)).data
        filters = (*window.kernel, channels, w.shape[0] // channels)
        kernel = kernel.reshape(filters) if w.is_constant else tf.reshape(kernel, filters)
        op = tf.raw_ops.DepthwiseConv2dNative
    else:
        kernel = w.at((2, 3, 1, 0)).data
        op = tf.raw_ops.Conv2D
    y = op(input=data, filter=kernel, strides=strides, dilations=dilations, padding=scheme)
    return as_line(Value(_biased(y, node), order), node.value(0).rank)


def _biased(y: Any, node: Node) -> Any:
    return tf.nn.bias_add(y, node.value(2).data) if node.has(2) else y


@lowers("ConvTranspose")
def conv_transpose(node: Node) -> Value:
    """A full transposed convolution, cut to the padding ONNX asks for.

    The output is stride * (in - 1) + output_padding + extent - pads long (the ONNX operator
    documentation of ConvTranspose); dilation and groups go into the kernel as zeros.
    """
    line, weight = node.value(0), node.constant(1, "weight")
    if weight.ndim == 3:
        weight = weight[:, :, None, :]
    x = as_image(line, node).at(CHANNELS_LAST)
    strides, dilations, extra, pads = _geometry(node, line.rank - 2)
    kernel = _dilated(_ungrouped(weight, node.attribute("group", 1)), dilations)
    size = x.shape[2:]
    full = [s * (n - 1) + k for s, n, k in zip(strides, size, kernel.shape[2:], strict=True)]
    before, output = _placed(node, line, full, extra, pads)
    batch, features = x.shape[0], kernel.shape[1]
    y = tf.nn.conv2d_transpose(
        x.data,
        kernel.transpose(2, 3, 1, 0),
        [batch, *full, features],
        [1, *strides, 1],
        "VALID",
    )
    missing = [max(b + o - f, 0) for b, o, f in zip(before, output, full, strict=True)]
    if any(missing):
        y = tf.pad(y, [(0, 0), *((0, m) for m in missing), (0, 0)])
    if [batch, *output, features] != [int(n) for n in y.shape]:
        y = tf.slice(y, [0, *before, 0], [batch, *output, features])
    return as_line(Value(_biased(y, node), CHANNELS_LAST), line.rank)


def _geometry(node: Node, rank: int) -> tuple[list[int], list[int], list[int], list[int]]:
    strides = list(node.attribute("strides", [1] * rank))
    dilations = list(node.attribute("dilations", [1] * rank))
    extra = list(node.attribute("output_padding", [0] * rank))
    pads = list(node.attribute("pads", [0] * 2 * rank))
    if rank == 1:
        return [1, *strides], [1, *dilations], [0, *extra], [0, pads[0], 0, pads[1]]
    return strides, dilations, extra, pads


def _placed(
    node: Node, line: Value, full: Sequence[int], extra: Sequence[int], pads: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Where the output begins within the full one, and its extents."""
    auto_pad = node.attribute("auto_pad", "NOTSET")
    wanted = node.attribute("output_shape")
    if wanted is None and not auto_pad.startswith("SAME"):
        if auto_pad == "VALID":
            pads = [0, 0, 0, 0]
        output = [f + e - b - a for f, e, b, a in zip(full, extra, pads[:2], pads[2:], strict=True)]
        return list(pads[:2]), output
    if wanted is None:
        strides = node.attribute("strides", [1] * (line.rank - 2))
        wanted = [n * s for n, s in zip(line.shape[2:], strides, strict=True)]
    output = [1, *wanted] if len(wanted) == 1 else list(wanted)[-2:]
    total = [f + e - o for f, e, o in zip(full, extra, output, strict=True)]
    # The odd element goes to the end for SAME_UPPER, to the beginning otherwise.
    before = [t // 2 if auto_pad == "SAME_UPPER" else t - t // 2 for t in total]
    if min(before) < 0:
        raise CannotLower(f"its output_shape {output} is larger than the full output {list(full)}")
    return before, output


def _ungrouped(weight: Array, groups: int) -> Array:
    """One dense kernel (C, M, kH, kW) that is zero outside its groups' blocks."""
    if groups == 1:
        return weight
    channels, features = weight.shape[0] // groups, weight.shape[1]
    dense = np.zeros((weight.shape[0], features * groups, *weight.shape[2:]), weight.dtype)
    for g in range(groups):
        rows = slice(g * channels, (g + 1) * channels)
        dense[rows, g * features : (g + 1) * features] = weight[rows]
    return dense


def _dilated(weight: Array, dilations: Sequence[int]) -> Array:
    """The kernel with zeros between its taps."""
    if set(dilations) == {1}:
        return weight
    extents = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilations, strict=True)]
    spread = np.zeros((*weight.shape[:2], *extents), weight.dtype)
    spread[:, :, :: dilations[0], :: dilations[1]] = weight
    return spread
