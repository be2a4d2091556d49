"""Where the elements of a Resize come from, as ONNX defines it (the operator documentation)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgebench.converters.lowering.node import Array, CannotLower, Node, V


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


def resized_axes(node: Node[V], scales_at: int, sizes_at: int) -> list[Axis]:
    """Every axis of the node's input, by its scales or sizes, whichever it has."""
    x = node.value()
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


def clipped(index: Array, size: int) -> Array:
    """Indices within an axis; beyond its ends the last element counts."""
    return np.clip(index, 0, size - 1).astype(np.int32)
