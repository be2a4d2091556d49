"""Resize and Upsample, exactly or not at all.

Every output element's source coordinate is computed as ONNX defines it. Where that is what a MIL
op computes, the op is used; otherwise the elements are gathered.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import CannotLower, Node, lowers
from edgebench.converters.coreml.value import Value
from edgebench.converters.lowering.node import Array
from edgebench.converters.lowering.resize import COORDINATES, ROUNDING, Axis, clipped, resized_axes

# The sampling modes of MIL's resize_bilinear by ONNX's names of the same coordinates.
BILINEAR = {
    "half_pixel": "UNALIGN_CORNERS",
    "align_corners": "STRICT_ALIGN_CORNERS",
    "asymmetric": "DEFAULT",
}


@lowers("Upsample")
def upsample(node: Node) -> Value:
    axes = resized_axes(node, 1, 99)
    return _resized(node, axes, "asymmetric")


@lowers("Resize")
def resize(node: Node) -> Value:
    old = node.opset < 11
    mode = node.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    if node.attribute("antialias", 0):
        raise CannotLower("antialias is set, which no MIL op computes")
    return _resized(node, resized_axes(node, 1 if old else 2, 3), mode)


def _resized(node: Node, axes: list[Axis], mode: str) -> Value:
    x, kind = node.value(), node.attribute("mode", "nearest")
    changed = {
        i: axis for i, axis in enumerate(axes) if axis.size != axis.output or axis.scale != 1
    }
    if not changed:
        return x
    if mode not in COORDINATES:
        known = ", ".join(COORDINATES)
        raise CannotLower(f"its coordinate_transformation_mode is '{mode}'; known: {known}")
    if kind == "nearest":
        default = "floor" if node.op_type == "Upsample" else "round_prefer_floor"
        return _nearest(x, changed, mode, ROUNDING[node.attribute("nearest_mode", default)])
    if kind == "linear":
        return _linear(x, changed, mode)
    raise CannotLower(f"its mode is '{kind}'; nearest and linear are known")


def _is_image(x: Value, changed: dict[int, Axis]) -> bool:
    return x.rank == 4 and set(changed) <= {2, 3}


def _nearest(
    x: Value, changed: dict[int, Axis], mode: str, rounding: Callable[[Array], Array]
) -> Value:
    sources = {
        i: clipped(rounding(np.round(axis.coordinates(mode), 9)), axis.size)
        for i, axis in changed.items()
    }
    if _is_image(x, changed) and all(_repeats(changed[i], sources[i]) for i in changed):
        height, width = (
            changed[i].output // changed[i].size if i in changed else 1 for i in (2, 3)
        )
        y = mb.upsample_nearest_neighbor(
            x=x.data, scale_factor_height=height, scale_factor_width=width
        )
        return Value(y)
    data = x.data
    for i, source in sources.items():
        data = mb.gather(x=data, indices=source, axis=i)
    return Value(data)


def _repeats(axis: Axis, source: Array) -> bool:
    """Whether every element is repeated equally often, which is all that nearest can mean."""
    times, rest = divmod(axis.output, axis.size)
    return rest == 0 and bool((source == np.arange(axis.output) // times).all())


def _linear(x: Value, changed: dict[int, Axis], mode: str) -> Value:
    places = {i: np.clip(axis.coordinates(mode), 0, axis.size - 1) for i, axis in changed.items()}
    if _is_image(x, changed):
        for name, sampling in BILINEAR.items():
            if all(_same(axis, name, places[i]) for i, axis in changed.items()):
                height, width = (changed[i].output if i in changed else x.shape[i] for i in (2, 3))
                y = mb.resize_bilinear(
                    x=x.data,
                    target_size_height=height,
                    target_size_width=width,
                    sampling_mode=sampling,
                )
                return Value(y)
    for i, place in places.items():
        x = _interpolated(x, i, place)
    return x


def _same(axis: Axis, name: str, place: Array) -> bool:
    theirs = Axis(axis.size, axis.output, axis.output / axis.size).coordinates(name)
    return np.allclose(np.clip(theirs, 0, axis.size - 1), place, rtol=0, atol=1e-6)


def _interpolated(x: Value, axis: int, place: Array) -> Value:
    """Weigh the two neighbours of each place along one axis."""
    lower = np.floor(place).astype(np.int32)
    upper = np.minimum(lower + 1, x.shape[axis] - 1).astype(np.int32)
    weight = (place - lower).astype(x.dtype).reshape([-1] + [1] * (x.rank - 1 - axis))
    below = mb.mul(x=mb.gather(x=x.data, indices=lower, axis=axis), y=1 - weight)
    above = mb.mul(x=mb.gather(x=x.data, indices=upper, axis=axis), y=weight)
    return Value(mb.add(x=below, y=above))
