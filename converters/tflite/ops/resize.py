"""Resize and Upsample, exactly or not at all.

Every output element's source coordinate is computed as ONNX defines it (the operator
documentation of Resize). Where that is what a TFLite op computes, the op is used; otherwise the
elements are gathered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgebench.converters.lowering.resize import ROUNDING, Axis, clipped, resized_axes
from edgebench.converters.tflite.layout import CHANNELS_LAST
from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Array, Value

# How TFLite's resize ops read the same coordinates: (align_corners, half_pixel_centers).
TFLITE = {"asymmetric": (False, False), "half_pixel": (False, True), "align_corners": (True, False)}


@lowers("Upsample")
def upsample(node: Node) -> Value:
    axes = resized_axes(node, 1, 99)
    return _resized(node, node.value(), axes, node.attribute("mode", "nearest"), "asymmetric")


@lowers("Resize")
def resize(node: Node) -> Value:
    x = node.value()
    old = node.opset < 11
    mode = node.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    if node.attribute("antialias", 0):
        raise CannotLower("antialias is set, which no TFLite op computes")
    axes = resized_axes(node, 1 if old else 2, 3)
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


def _image_size(x: Value, changed: dict[int, Axis]) -> list[int]:
    return [changed[a].output if a in changed else x.shape[a] for a in (2, 3)]


def _nearest(
    x: Value, changed: dict[int, Axis], mode: str, rounding: Callable[[Array], Array]
) -> Value:
    sources = {
        i: clipped(rounding(np.round(axis.coordinates(mode), 9)), axis.size)
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
    return clipped(np.floor(place + 0.5) if align else np.floor(place), axis.size)


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
