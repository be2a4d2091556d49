"""Channels of a value that share a scale, made alike in size.

    before:  Conv (W1, b1) -> ReLU -> Conv (W2)

    after:   Conv (W1 / s, b1 / s) -> ReLU -> Conv (W2 * s)

with a number s for each channel between the two. All that lies between gives s times as much for s
times as much, so the outputs stay the same; with powers of two, to the last bit. But a channel that
is much larger than the others no longer sets the scale for all of them (cross-layer equalisation;
Nagel et al., "Data-free quantization through weight equalization and bias correction", ICCV 2019,
section 4.1).

There the sizes of both layers' weights are made alike, for these have one scale. Here weights have
a scale for each output channel, and what has one scale is the value between. So s is the square
root of a / w, a being the channel's largest number on the calibration data and w the largest weight
that reads it (Xiao et al., "SmoothQuant", ICML 2023, equation 4 with alpha 0.5). A depthwise
convolution gives each channel its own scale, so that there a alone counts. ReLU6 ends at six
whatever it is given, so nothing goes through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from edgebench.converters.adjusting.channels import (
    Floats,
    Weighted,
    bias_of,
    copied,
    set_bias,
    set_weights,
    weighted,
)
from edgebench.converters.onnx.cut import Watched
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.passes.graph import Graph, attribute

# Ops that treat every channel by itself, and give s times as much for s times as much.
_HOMOGENEOUS = frozenset(
    ("Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Identity", "Flatten")
)
_FURTHEST = 2.0**10
"""No channel is made so many times smaller or larger: what never moved on the data may move."""

_CHANNEL_AXIS = 1


@dataclass(frozen=True)
class LayerPair:
    """Two layers, and the value that the second reads of what the first makes."""

    first: Weighted
    second: Weighted
    between: str


def pairs(model: onnx.ModelProto) -> list[LayerPair]:
    """The neighbours between which channels can be scaled, in the graph's order."""
    graph = Graph(model)
    layers = {layer.node.output[0]: layer for layer in weighted(model)}
    found = []
    for layer in layers.values():
        if layer.node.op_type == "MatMul" or bias_of(graph, layer) is None:
            continue
        value, reader = layer.node.output[0], graph.only_reader(layer.node.output[0])
        while reader is not None and _passes(graph, reader):
            value, reader = reader.output[0], graph.only_reader(reader.output[0])
        second = layers.get(reader.output[0]) if reader is not None else None
        if second is not None and second.node.input[0] == value:
            channels = layer.matrix.shape[0] * layer.matrix.shape[1]
            rows = second.node.op_type == "Conv" or len(graph.shape(value) or ()) == 2
            if rows and _read_by(second).size == channels:
                found.append(LayerPair(layer, second, value))
    return found


def equalised(model: onnx.ModelProto, samples: Sequence[Sample]) -> onnx.ModelProto:
    """The model with the channels of every pair's value made alike; itself where there is none."""
    every = pairs(model)
    if not every:
        return model
    sizes = _sizes(model, [pair.between for pair in every], samples)
    made = copied(model)
    for pair in every:
        scale = scales(sizes[pair.between], _read_by(pair.second), _depthwise(pair.second))
        graph = Graph(made)
        # As they are now: the first may have been the second of another pair.
        now = {layer.node.output[0]: layer for layer in weighted(made)}
        first, second = now[pair.first.node.output[0]], now[pair.second.node.output[0]]
        bias = bias_of(graph, first)
        assert bias is not None
        by_row = scale.reshape(*first.matrix.shape[:2], 1)
        set_weights(made, first, first.as_weights(first.matrix / by_row))
        if bias.any():
            set_bias(made, first, np.asarray(bias / scale, np.float32))
        set_weights(made, second, _scaled_inputs(second, scale))
    return made


def scales(sizes: Floats, weights: Floats, depthwise: bool) -> npt.NDArray[np.float64]:
    """By how much each channel is divided: a power of two, 1 for one that is always zero."""
    size = np.asarray(sizes, np.float64)
    alive = size > 0
    read = alive & (weights > 0)
    wanted = np.ones_like(size)
    by = np.ones_like(size) if depthwise else np.asarray(weights, np.float64)
    power = 1.0 if depthwise else 0.5
    wanted[read] = (size[read] / by[read]) ** power
    if not read.any():
        return np.ones_like(size)
    wanted[read] /= np.exp(np.log(wanted[read]).mean())
    # What nobody reads is made as large as the rest usually is.
    usual = np.median(size[read] / wanted[read])
    wanted[alive & ~read] = size[alive & ~read] / usual
    wanted = np.clip(wanted, 1 / _FURTHEST, _FURTHEST)
    return np.asarray(2.0 ** np.round(np.log2(wanted)))


def _passes(graph: Graph, node: onnx.NodeProto) -> bool:
    if node.op_type == "Flatten":  # Then channels are still what the next layer counts.
        shape = graph.shape(node.input[0])
        return shape is not None and set(shape[2:]) <= {1} and attribute(node, "axis", 1) == 1
    return node.op_type in _HOMOGENEOUS


def _sizes(
    model: onnx.ModelProto, names: Sequence[str], samples: Sequence[Sample]
) -> Mapping[str, Floats]:
    """The largest magnitude of each channel of values over samples."""
    watched, found = Watched(model), dict[str, Floats]()
    for sample in samples:
        for name, array in watched.values(list(dict.fromkeys(names)), sample).items():
            axes = tuple(axis for axis in range(array.ndim) if axis != _CHANNEL_AXIS)
            here = np.abs(array).max(axis=axes)
            found[name] = np.maximum(found[name], here) if name in found else here
    return found


def _read_by(layer: Weighted) -> Floats:
    """The largest weight that reads each input channel."""
    groups, _, inputs = layer.matrix.shape
    channels = layer.weights.shape[1] if layer.node.op_type == "Conv" else inputs
    taps = np.abs(layer.matrix).reshape(groups, -1, channels, inputs // channels)
    return np.asarray(taps.max(axis=(1, 3)).reshape(-1))


def _depthwise(layer: Weighted) -> bool:
    return layer.node.op_type == "Conv" and layer.weights.shape[1] == 1 and layer.groups > 1


def _scaled_inputs(layer: Weighted, scale: npt.NDArray[np.float64]) -> Floats:
    groups, outputs, inputs = layer.matrix.shape
    channels = layer.weights.shape[1] if layer.node.op_type == "Conv" else inputs
    taps = layer.matrix.reshape(groups, outputs, channels, inputs // channels)
    return layer.as_weights(taps * scale.reshape(groups, 1, channels, 1))
