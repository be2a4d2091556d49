"""What one layer makes, summed up over the images: its errors by kind, and its range."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgebench.converters.drift.document import LayerNumbers
from edgebench.converters.file_value import Value
from edgebench.converters.onnx.reference import Array
from edgebench.snr import Errors

Floats = npt.NDArray[np.float64]

BINS = 32
_INT8_LEAST = -128
_KEPT = 20_000
_CHANNEL_AXIS = 1


@dataclass
class LayerSums:
    """The sums of one layer.

    `own` is the layer by itself and `total` beside the float model. Of its own error, `clipping`
    is what the range cuts off and `rounding` what the distance of the numbers does, as sums of
    squares; what is left is the weights' and the arithmetic's. Of the first image, `first_rest` is
    what is left, and the two after it what rounding weights to int8 would do, with a scale for
    each channel and with one for all.
    """

    own: Errors = field(default_factory=Errors)
    total: Errors = field(default_factory=Errors)
    clipping: float = 0.0
    rounding: float = 0.0
    clipped: int = 0
    count: int = 0
    overflows: bool = False
    first_rest: float = 0.0
    weights_by_channel: float = 0.0
    weights_by_tensor: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    values: list[npt.NDArray[np.float32]] = field(default_factory=list)
    largest: npt.NDArray[np.float64] | None = None
    file: Value | None = None

    def add(self, found: Value, expected: Array, wanted: Array) -> Array:
        """Add an image: the file's value, the layer's by itself, and the float model's.

        Gives the layer's own error, by which it changes what comes after.
        """
        there, alone, right = (
            np.asarray(one, np.float64) for one in (found.array, expected, wanted)
        )
        with np.errstate(invalid="ignore", over="ignore"):
            return self._add(found, there, alone, right).astype(expected.dtype)

    def _add(self, found: Value, there: Floats, alone: Floats, right: Floats) -> Floats:
        finite = np.isfinite(alone)
        self.overflows |= bool((finite & ~np.isfinite(there)).any())
        self.own.add(alone[finite], there[finite])
        both = np.isfinite(right)
        self.total.add(right[both], there[both])
        error = np.where(finite, there - alone, 0.0)
        inside = np.clip(alone, found.low, found.high)
        cut = np.where(finite, inside - alone, 0.0)
        self.clipping += float(np.vdot(cut, cut))
        self.clipped += int((np.abs(cut) > np.broadcast_to(found.step, cut.shape) / 2).sum())
        self.rounding += float(
            np.square(np.broadcast_to(found.step, alone.shape), dtype=np.float64).sum() / 12
        )
        self.count += alone.size
        values = right[both]
        if values.size:
            self.low, self.high = min(self.low, values.min()), max(self.high, values.max())
        self.values.append(values[:: 1 + values.size // _KEPT].astype(np.float32))
        largest = np.abs(np.where(both, right, 0.0))
        axes = tuple(axis for axis in range(largest.ndim) if axis != _CHANNEL_AXIS)
        here = largest.max(axis=axes, initial=0.0) if largest.ndim > 1 else largest.max(initial=0.0)
        self.largest = here if self.largest is None else np.maximum(self.largest, here)
        self.file = found
        return error

    @property
    def spread(self) -> npt.NDArray[np.float32]:
        """Values that the float model has there: all, or of many a part at even distances."""
        return np.concatenate(self.values) if self.values else np.zeros(0, np.float32)

    @property
    def rest(self) -> float:
        """The part of the error that neither clipping nor rounding to the file's numbers is."""
        if not math.isfinite(self.own.noise):
            return 0.0
        return max(0.0, self.own.noise - self.clipping - self.rounding)

    def numbers(self) -> LayerNumbers:
        """As the document has them."""
        values, file = self.spread, self.file
        low, high = (float(self.low), float(self.high)) if values.size else (0.0, 0.0)
        counts, _ = np.histogram(values, BINS, (low, high if high > low else low + 1))
        scale = zero_point = unused = None
        if file is not None and np.any(np.asarray(file.step) > 0):
            scale = float(np.max(file.step))
            start, end = float(np.min(file.low)), float(np.max(file.high))
            if math.isfinite(start) and math.isfinite(end) and end > start:
                zero_point = round(_INT8_LEAST - start / scale)
                unused = min(1.0, max(0.0, 1 - (min(high, end) - max(low, start)) / (end - start)))
        return LayerNumbers(
            low,
            high,
            tuple(int(one) for one in counts),
            scale,
            zero_point,
            self.clipped / self.count if self.count else 0.0,
            unused,
        )


def ratio(large: Any, small: Any) -> float:
    """How many times one number is another; of nothing it is 1."""
    return float(large) / float(small) if float(small) > 0 else (1.0 if large == 0 else math.inf)
