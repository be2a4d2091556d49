"""A value as a converted file holds it, and elsewhere within the steps of its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgebench.converters.onnx.reference import Array
from edgebench.converters.rounding import Rounding


@dataclass(frozen=True)
class Value:
    """A value as a file holds it: real numbers, in ONNX's order of axes.

    `step` is the distance of the neighbouring numbers that the file can hold there, 0 for float32,
    and `low` and `high` their range; all three broadcast to the array.
    """

    array: Array
    step: Array | float = 0.0
    low: Array | float = -math.inf
    high: Array | float = math.inf


Values = Mapping[str, Value]


# By the five bits of the exponent: numbers below 2^-14 lie 2^-24 apart, and all ones are no number.
_HALF_STEPS = np.exp2(np.maximum(np.arange(32), 1) - 25.0).astype(np.float32)
_HALF_STEPS[31] = 0


def half(array: Array) -> Value:
    """A value in half precision; what is not finite has no step."""
    with np.errstate(over="ignore", invalid="ignore"):
        bits = np.asarray(array, np.float16).view(np.uint16)
    return Value(np.asarray(array, np.float32), _HALF_STEPS[(bits >> 10) & 0x1F])


class Noise:
    """Moves values elsewhere within their steps; the numbers are drawn once for all layers."""

    def __init__(self, rounding: Rounding, seed: int) -> None:
        self._rounding = rounding
        self._seed = seed
        self._drawn = np.zeros(0, np.float32)

    def moved(self, one: Value) -> Array:
        step = np.asarray(one.step, np.float32)
        bits = self._rounding.activations
        if bits is not None:
            largest = np.abs(one.array).max(initial=np.float32(0))
            step = np.maximum(step, largest / np.float32(2 ** (bits - 1) - 1))
        if not step.any():
            return one.array
        shift = self._uniform(one.array.size).reshape(one.array.shape) * step
        return np.asarray(one.array + shift, one.array.dtype)

    def _uniform(self, count: int) -> Array:
        """So many numbers from -0.5 to 0.5, always the same."""
        if len(self._drawn) < count:
            rng = np.random.default_rng(self._seed)
            self._drawn = rng.random(count, np.float32) - np.float32(0.5)
        return self._drawn[:count]
