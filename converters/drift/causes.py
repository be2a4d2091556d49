"""Why a layer loses accuracy: the largest part of its own error, and what makes it that large.

The error of a layer is parted into what the range cuts off, what the distance of the file's numbers
rounds away, and the rest, which is the weights' and the arithmetic's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from edgebench.converters.drift.document import Cause
from edgebench.converters.drift.numbers import LayerSums, ratio

FIXED = {
    "Sigmoid": 1 / 256,
    "HardSigmoid": 1 / 256,
    "Softmax": 1 / 256,
    "LogSoftmax": 16 / 256,
    "Tanh": 1 / 128,
}
"""The distance of an op's numbers that TFLite and its delegates prescribe; other formats choose."""

MEANS = frozenset({"ReduceMean", "GlobalAveragePool", "AveragePool"})

SHARED = frozenset({"Concat"})

OUTLIER = 4.0
"""The largest number is so many times what 99 % of them stay below: the rest share few steps."""

UNLIKE = 8.0
"""Parts, channels or weights of one scale whose ranges differ by so much: three of eight bits."""

DISTINCT = 4.0
"""Errors that differ by so much can be told apart: 6 dB."""

LARGEST_HALF, LEAST_HALF = 65504.0, 2.0**-10
"""The end of float16, and where the smaller ones among such weights lose digits (below 2^-14)."""

_COMMON = 0.99
_OUTPUT_CHANNELS = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0}


def cause(
    model: onnx.ModelProto,
    value: str,
    group: Sequence[onnx.NodeProto],
    layers: Mapping[str, LayerSums],
    half: bool,
) -> Cause:
    """The likely cause of a layer's own error.

    `group` are its nodes, and `layers` all of the file; `half` says that weights are float16.
    """
    sums = layers[value]
    if sums.overflows:
        largest = max(abs(float(sums.low)), abs(float(sums.high)))
        return Cause("overflow", {"largest": largest})
    parts = {"clipping": sums.clipping, "rounding": sums.rounding, "rest": sums.rest}
    largest_part = max(parts, key=parts.__getitem__)
    if largest_part == "clipping":
        assert sums.file is not None
        return Cause(
            "clipped",
            {
                "share": sums.clipped / sums.count,
                "low": float(np.min(sums.file.low)),
                "high": float(np.max(sums.file.high)),
                "largest": max(abs(float(sums.low)), abs(float(sums.high))),
            },
        )
    if largest_part == "rounding":
        return _rounding(model, value, group, layers)
    return _weights(model, group, sums, half) or Cause("arithmetic", {})


def _rounding(
    model: onnx.ModelProto,
    value: str,
    group: Sequence[onnx.NodeProto],
    layers: Mapping[str, LayerSums],
) -> Cause:
    """Why the file's numbers lie too far apart for what the layer makes."""
    sums = layers[value]
    step = float(np.max(sums.file.step)) if sums.file is not None else 0.0
    used = (float(sums.high) - float(sums.low)) / step if step else 0.0
    steps: dict[str, float | str] = {"step": step, "steps": used}
    op = group[-1].op_type if group else ""
    shared = _shared(model, value, layers)
    if shared is not None:
        return shared
    if math.isclose(step, FIXED.get(op, 0.0), rel_tol=0.01) and used < 256 / 2:
        return Cause("fixed_scale", {"op": op, **steps})
    outliers = _outliers(sums)
    if outliers is not None:
        return outliers
    if op in MEANS:
        return Cause("mean", steps)
    return Cause("too_coarse", steps)


def _shared(model: onnx.ModelProto, value: str, layers: Mapping[str, LayerSums]) -> Cause | None:
    """A concatenation in which values of unlike ranges have one scale."""
    for node in model.graph.node:
        if node.op_type not in SHARED or value not in (*node.input, *node.output):
            continue
        extents = {
            name: max(abs(float(layers[name].low)), abs(float(layers[name].high)))
            for name in node.input
            if name in layers and layers[name].count
        }
        if len(extents) < 2:
            continue
        widest = max(extents, key=extents.__getitem__)
        narrow = value if value in extents else min(extents, key=extents.__getitem__)
        times = ratio(extents[widest], extents[narrow])
        if times >= UNLIKE and math.isfinite(times):
            concat = node.name or node.output[0]
            return Cause("shared_scale", {"op": concat, "with": widest, "times": times})
    return None


def _outliers(sums: LayerSums) -> Cause | None:
    """A channel, or a few numbers, far beyond the others."""
    largest = sums.largest
    if largest is not None and largest.size > 1:
        channel = int(np.argmax(largest))
        times = ratio(largest[channel], np.median(largest))
        if times >= UNLIKE and math.isfinite(times):
            return Cause("outliers", {"channel": float(channel), "times": times})
    values = np.abs(sums.spread)
    if values.size:
        times = ratio(values.max(), np.quantile(values, _COMMON))
        if times >= OUTLIER and math.isfinite(times):
            return Cause("outliers", {"times": times})
    return None


def _weights(
    model: onnx.ModelProto, group: Sequence[onnx.NodeProto], sums: LayerSums, half: bool
) -> Cause | None:
    """The weights, where the layer has some: with one scale for all channels, if it looks so."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in group:
        axis = _OUTPUT_CHANNELS.get(node.op_type)
        found = [constants[name] for name in node.input[1:2] if name in constants]
        if axis is None or not found:
            continue
        weights = numpy_helper.to_array(found[0])
        largest = float(np.abs(weights).max(initial=0.0))
        if half and not LEAST_HALF < largest < LARGEST_HALF:
            return Cause("weights_beyond_half", {"largest": largest})
        others = tuple(i for i in range(weights.ndim) if i != axis)
        extents = np.abs(weights).max(axis=others)
        alive = extents[extents > 0]
        times = ratio(alive.max(), np.median(alive)) if alive.size else 1.0
        by_channel, by_tensor = sums.weights_by_channel, sums.weights_by_tensor
        one_scale = by_tensor > DISTINCT * by_channel and sums.first_rest > math.sqrt(
            by_channel * by_tensor
        )
        return Cause("weights_one_scale" if one_scale else "weights", {"times": times})
    return None
