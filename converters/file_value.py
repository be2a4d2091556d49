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
    and `low` and `high` their range; all three broadcast to the array. Where only some that read
    the value get it so, the array is as the others get it.
    """

    array: Array
    step: Array | float = 0.0
    low: Array | float = -math.inf
    high: Array | float = math.inf


Values = Mapping[str, Value]


_EXPONENT = np.uint32(0x7F800000)
_LEAST_NORMAL, _OF_ONE = np.float32(2.0**-14), np.float32(2.0**-10)


def half(array: Array) -> Value:
    """A value in half precision; what is not finite has no step."""
    real = np.asarray(array, np.float32)
    # The power of two below each number, from its bits; numbers below 2^-14 lie 2^-24 apart.
    steps = np.asarray(np.bitwise_and(real.view(np.uint32), _EXPONENT)).view(np.float32)
    np.maximum(steps, _LEAST_NORMAL, out=steps)
    steps *= _OF_ONE
    steps[np.isinf(steps)] = 0
    return Value(real, steps)


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
        return np.asarray(np.clip(one.array + shift, one.low, one.high), one.array.dtype)

    def _uniform(self, count: int) -> Array:
        """So many numbers from -0.5 to 0.5, always the same."""
        if len(self._drawn) < count:
            rng = np.random.default_rng(self._seed)
            self._drawn = rng.random(count, np.float32) - np.float32(0.5)
        return self._drawn[:count]
