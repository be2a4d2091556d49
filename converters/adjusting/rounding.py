"""Weights rounded to the int8 numbers that a layer's outputs suffer least from.

The nearest number is the best for each weight by itself. But the errors of weights whose inputs go
together add up or cancel: so the weights of an output are rounded one after the other, and what one
is off by is made up for by those still to come, as far as their inputs go with its own (Frantar et
al., "GPTQ", ICLR 2023, after "Optimal brain compression", NeurIPS 2022; that the nearest is not the
best: Nagel et al., "Up or down?", ICML 2020). An output keeps the nearest numbers where they leave
it less of an error.

The weights of the float graph become multiples of max|w| / 127 for each output channel, which is
every format's grid; so whatever rounds them after this finds nothing left to round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import onnx

from edgebench.converters.adjusting.channels import Floats, Weighted, copied, set_weights, weighted
from edgebench.converters.onnx.cut import Watched
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.passes.graph import attribute, named

Doubles = npt.NDArray[np.float64]

LEVELS = 127
"""Int8 weights are symmetric in every format, and none uses -128."""

LARGEST = 2500
"""Layers of more inputs an output stay as they are: their matrices take seconds and gigabytes."""

_POSITIONS = 4096
"""An output is looked at in so many places, over all samples."""

_TOGETHER = 64
"""What so many weights are off by is carried to the rest in one product."""

_DAMPING = 0.01
"""Of the mean square of the inputs, added to each: what never moved would be made anything."""


def with_rounded_weights(
    model: onnx.ModelProto, samples: Sequence[Sample], kept: Collection[str]
) -> onnx.ModelProto:
    """The model with weights on the grid of int8, but for those of the nodes to keep.

    A search for exceptions asks for the same model again and again, so the last one is remembered.
    """
    key = _digest(model, samples)
    if key not in _LAST:
        _LAST.clear()
        _LAST[key] = _all_rounded(model, samples)
    made = copied(_LAST[key])
    for layer in weighted(model):
        if named(layer.node) in kept:
            set_weights(made, layer, layer.weights)
    return made


_LAST: dict[str, onnx.ModelProto] = {}


def _digest(model: onnx.ModelProto, samples: Sequence[Sample]) -> str:
    found = hashlib.sha256(model.SerializeToString(deterministic=True))
    for sample in samples:
        for name in sorted(sample):
            found.update(np.ascontiguousarray(sample[name]).tobytes())
    return found.hexdigest()


def _all_rounded(model: onnx.ModelProto, samples: Sequence[Sample]) -> onnx.ModelProto:
    layers = [layer for layer in weighted(model) if layer.matrix.shape[2] <= LARGEST]
    if not layers or not len(samples):
        return model
    watched, made = Watched(model), copied(model)
    inputs = list(dict.fromkeys(layer.node.input[0] for layer in layers))
    read: dict[str, list[Floats]] = {layer.node.output[0]: [] for layer in layers}
    for seed, sample in enumerate(samples):
        values = {**sample, **watched.values([n for n in inputs if n not in sample], sample)}
        for layer in layers:
            rows = patches(layer, np.asarray(values[layer.node.input[0]]))
            few = max(1, _POSITIONS // len(samples))
            chosen = np.random.default_rng(seed).permutation(rows.shape[1])[:few]
            read[layer.node.output[0]].append(rows[:, np.sort(chosen)])
        del values
    for layer in layers:
        rows = np.concatenate(read.pop(layer.node.output[0]), axis=1).astype(np.float64)
        products = np.matmul(rows.transpose(0, 2, 1), rows) / rows.shape[1]
        weights = layer.as_weights(rounded(layer.matrix.astype(np.float64), products))
        set_weights(made, layer, weights)
    return made


def rounded(weights: Doubles, products: Doubles) -> Doubles:
    """Weights (groups, outputs, inputs) on their grid, for inputs of these mean products.

    `products` is (groups, inputs, inputs). The largest weight of an output stays, so that the grid
    does.
    """
    largest = np.abs(weights).max(axis=2, keepdims=True)
    step = np.where(largest > 0, largest / LEVELS, 1.0)
    nearest = np.clip(np.round(weights / step), -LEVELS, LEVELS) * step
    size = weights.shape[2]
    if size == 1:
        return np.asarray(nearest)
    damped = products + np.eye(size) * (
        _DAMPING * np.trace(products, axis1=1, axis2=2)[:, None, None] / size + 1e-12
    )
    # What moves most is rounded first, while most others can still make up for it.
    order = np.argsort(-np.diagonal(damped, axis1=1, axis2=2), axis=1)
    ordered = np.take_along_axis(damped, order[:, :, None], 1)
    ordered = np.take_along_axis(ordered, order[:, None, :], 2)
    left = np.take_along_axis(weights, order[:, None, :], 2)
    fixed = np.take_along_axis(np.abs(weights) == largest, order[:, None, :], 2)
    own = left.copy()
    # The upper factor of the inverse: row i says how the rest makes up for weight i.
    upper = np.linalg.cholesky(np.linalg.inv(ordered)).transpose(0, 2, 1)
    made = np.empty_like(left)
    off = np.empty_like(left)
    for start in range(0, size, _TOGETHER):
        end = min(start + _TOGETHER, size)
        for i in range(start, end):
            value = np.where(fixed[:, :, i], own[:, :, i], left[:, :, i])
            whole = np.clip(np.round(value / step[:, :, 0]), -LEVELS, LEVELS)
            made[:, :, i] = whole * step[:, :, 0]
            off[:, :, i] = (left[:, :, i] - made[:, :, i]) / upper[:, i, i, None]
            left[:, :, i:end] -= off[:, :, i, None] * upper[:, None, i, i:end]
        left[:, :, end:] -= np.matmul(off[:, :, start:end], upper[:, start:end, end:])
    back = np.argsort(order, axis=1)
    made = np.take_along_axis(made, back[:, None, :], 2)
    better = _error(made - weights, products) < _error(nearest - weights, products)
    return np.where(better[:, :, None], made, nearest)


def patches(layer: Weighted, array: Floats) -> Floats:
    """What each position of the output reads: (groups, positions, inputs of an output)."""
    if layer.node.op_type != "Conv":
        return array.reshape(1, -1, array.shape[-1])
    node, kernel = layer.node, layer.weights.shape[2:]
    axes = len(kernel)
    strides = attribute(node, "strides", [1] * axes)
    dilations = attribute(node, "dilations", [1] * axes)
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    padded = np.pad(array, [(0, 0), (0, 0), *_pads(node, array.shape[2:], extents, strides)])
    spatial = tuple(range(2, 2 + axes))
    windows = np.lib.stride_tricks.sliding_window_view(padded, tuple(extents), spatial)  # type: ignore[call-overload]
    steps = tuple(slice(None, None, stride) for stride in strides)
    taps = tuple(slice(None, None, dilation) for dilation in dilations)
    windows = windows[(slice(None), slice(None), *steps, *taps)]
    batch, channels = array.shape[:2]
    positions = windows.shape[2 : 2 + axes]
    grouped = windows.reshape(batch, layer.groups, channels // layer.groups, *windows.shape[2:])
    moved = np.moveaxis(grouped, 1, 0)  # groups, batch, channels, positions, taps
    moved = np.moveaxis(moved, 2, 2 + axes)  # the channels behind the positions
    return np.asarray(moved.reshape(layer.groups, batch * int(np.prod(positions)), -1))


def _pads(
    node: onnx.NodeProto, shape: Sequence[int], extents: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """The zeros before and after each spatial axis."""
    auto = attribute(node, "auto_pad", b"NOTSET")
    if auto in (b"NOTSET", b"VALID"):
        pads = attribute(node, "pads", [0] * 2 * len(extents))
        return list(zip(pads[: len(extents)], pads[len(extents) :], strict=True))
    found = []
    for size, extent, stride in zip(shape, extents, strides, strict=True):
        whole = max(0, (-(-size // stride) - 1) * stride + extent - size)
        less, more = whole // 2, whole - whole // 2
        found.append((less, more) if auto == b"SAME_UPPER" else (more, less))
    return found


def _error(off: Doubles, products: Doubles) -> Doubles:
    """The mean square error of each output, (groups, outputs)."""
    return np.asarray(np.einsum("goi,gij,goj->go", off, products, off, optimize=True))
