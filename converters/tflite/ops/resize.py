"""Resize and Upsample, exactly or not at all.

Every output element's source coordinate is computed as ONNX defines it (the operator
documentation of Resize). Where that is what a TFLite op computes, the op is used; otherwise the
elements are gathered.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgebench.converters.tflite.layout import CHANNELS_LAST
from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Array, Value


@dataclass(frozen=True)
class Axis:
    """One axis of a resize: extents, and the scale that ONNX's formulas use."""

    size: int
    output: int
    scale: float

    def coordinates(self, mode: str) -> Array:
        """Where each output element lies in the input, in elements."""
        formula = COORDINATES.get(mode)
        if formula is None:
            known = ", ".join(COORDINATES)
            raise CannotLower(f"its coordinate_transformation_mode is '{mode}'; known: {known}")
        return np.asarray(formula(np.arange(self.output, dtype=np.float64), self))


def _align_corners(i: Array, axis: Axis) -> Array:
    return i * (axis.size - 1) / (axis.output - 1) if axis.output > 1 else i * 0.0


def _half_pixel(i: Array, axis: Axis) -> Array:
    return (i + 0.5) / axis.scale - 0.5


def _half_pixel_symmetric(i: Array, axis: Axis) -> Array:
    adjustment = axis.output / (axis.scale * axis.size)
    return axis.size / 2 * (1 - adjustment) + _half_pixel(i, axis)


COORDINATES: dict[str, Callable[[Array, Axis], Array]] = {
    "asymmetric": lambda i, axis: i / axis.scale,
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _half_pixel_symmetric,
    "pytorch_half_pixel": lambda i, axis: _half_pixel(i, axis) if axis.output > 1 else i * 0.0,
    "align_corners": _align_corners,
}

ROUNDING: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}

# How TFLite's resize ops read the same coordinates: (align_corners, half_pixel_centers).
TFLITE = {"asymmetric": (False, False), "half_pixel": (False, True), "align_corners": (True, False)}


def _axes(node: Node, x: Value, scales_at: int, sizes_at: int) -> list[Axis]:
    chosen = [axis % x.rank for axis in node.attribute("axes", range(x.rank))]
    policy = node.attribute("keep_aspect_ratio_policy", "stretch")
    axes = [Axis(n, n, 1.0) for n in x.shape]
    if node.has(sizes_at) and node.value(sizes_at).shape != (0,):
        sizes = [int(n) for n in node.constant(sizes_at, "sizes")]
        ratios = [n / x.shape[axis] for n, axis in zip(sizes, chosen, strict=True)]
        if policy != "stretch":
            ratio = min(ratios) if policy == "not_larger" else max(ratios)
            sizes = [math.floor(ratio * x.shape[axis] + 0.5) for axis in chosen]
            ratios = [ratio] * len(sizes)
        for axis, n, ratio in zip(chosen, sizes, ratios, strict=True):
            axes[axis] = Axis(x.shape[axis], n, ratio)
        return axes
    given = node.attribute("scales")
    scales = given if given is not None else node.constant(scales_at, "scales").tolist()
    for axis, scale in zip(chosen, scales, strict=True):
        axes[axis] = Axis(x.shape[axis], math.floor(x.shape[axis] * scale + 1e-6), scale)
    return axes


@lowers("Upsample")
def upsample(node: Node) -> Value:
    axes = _axes(node, node.value(), 1, 99)
    return _resized(node, node.value(), axes, node.attribute("mode", "nearest"), "asymmetric")


@lowers("Resize")
def resize(node: Node) -> Value:
    x = node.value()
    old = node.opset < 11
    mode = node.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    if node.attribute("antialias", 0):
        raise CannotLower("antialias is set, which no TFLite op computes")
    axes = _axes(node, x, 1 if old else 2, 3)
    return _resized(node, x, axes, node.attribute("mode", "nearest"), mode)


def _resized(node: Node, x: Value, axes: list[Axis], kind: str, mode: str) -> Value:
    changed = {
        i: axis for i, axis in enumerate(axes) if axis.size != axis.output or axis.scale != 1
    }
    if not changed:
        return x
    if kind == "nearest":
        rounding = ROUNDING[
            node.attribute(
                "nearest_mode", "floor" if node.op_type == "Upsample" else "round_prefer_floor"
            )
        ]
        return _nearest(x, changed, mode, rounding)
    if kind == "linear":
        return _linear(x, changed, mode)
    raise CannotLower(f"its mode is '{kind}'; nearest and linear are known")


def _spatial(x: Value, changed: dict[int, Axis]) -> bool:
    return x.rank == 4 and set(changed) <= {2, 3}


def _clipped(index: Array, size: int) -> Array:
    return np.clip(index, 0, size - 1).astype(np.int32)


def _image_size(x: Value, changed: dict[int, Axis]) -> list[int]:
    return [changed[a].output if a in changed else x.shape[a] for a in (2, 3)]


def _nearest(
    x: Value, changed: dict[int, Axis], mode: str, rounding: Callable[[Array], Array]
) -> Value:
    sources = {
        i: _clipped(rounding(np.round(axis.coordinates(mode), 9)), axis.size)
        for i, axis in changed.items()
    }
    if _spatial(x, changed):
        for align, half in ((False, False), (False, True), (True, False)):
            theirs = {i: _tflite_nearest(axis, align, half) for i, axis in changed.items()}
            if all((theirs[i] == sources[i]).all() for i in changed):
                y = tf.raw_ops.ResizeNearestNeighbor(
                    images=x.at(CHANNELS_LAST).data,
                    size=_image_size(x, changed),
                    align_corners=align,
                    half_pixel_centers=half,
                )
                return Value(y, CHANNELS_LAST, x.nonnegative)
    for i, source in sources.items():
        x = Value(tf.gather(x.data, source, axis=x.axis(i)), x.order, x.nonnegative)
    return x


def _tflite_nearest(axis: Axis, align: bool, half: bool) -> Array:
    """The source of each element in RESIZE_NEAREST_NEIGHBOR, in float32 as the kernel has it."""
    last = axis.output - 1
    scale = (axis.size - 1) / last if align and last else axis.size / axis.output
    place = (np.arange(axis.output, dtype=np.float32) + np.float32(0.5 * half)) * np.float32(scale)
    return _clipped(np.floor(place + 0.5) if align else np.floor(place), axis.size)


def _linear(x: Value, changed: dict[int, Axis], mode: str) -> Value:
    places = {i: axis.coordinates(mode) for i, axis in changed.items()}
    if _spatial(x, changed):
        for name, (align, half) in TFLITE.items():
            if all(_tflite_linear(axis, name, places[i]) for i, axis in changed.items()):
                y = tf.raw_ops.ResizeBilinear(
                    images=x.at(CHANNELS_LAST).data,
                    size=_image_size(x, changed),
                    align_corners=align,
                    half_pixel_centers=half,
                )
                return Value(y, CHANNELS_LAST, x.nonnegative)
    for i, place in places.items():
        x = _interpolated(x, i, np.clip(place, 0, changed[i].size - 1))
    return x


def _tflite_linear(axis: Axis, name: str, place: Array) -> bool:
    theirs = Axis(axis.size, axis.output, axis.output / axis.size).coordinates(name)
    top = axis.size - 1
    return np.allclose(np.clip(theirs, 0, top), np.clip(place, 0, top), rtol=0, atol=1e-6)


def _interpolated(x: Value, axis: int, place: Array) -> Value:
    """Weigh the two neighbours of each place along one axis."""
    lower = np.floor(place).astype(np.int32)
    upper = np.minimum(lower + 1, x.shape[axis] - 1).astype(np.int32)
    at = x.axis(axis)
    weight = (place - lower).astype(np.float32).reshape([-1] + [1] * (x.rank - 1 - at))
    below: Any = tf.gather(x.data, lower, axis=at)
    above: Any = tf.gather(x.data, upper, axis=at)
    return Value(below * (1 - weight) + above * weight, x.order, x.nonnegative)
