"""From what a value takes over the calibration data to the range that integers stand for.

How to choose the range depends on the model: extremes keep what is rare and leave coarse steps for
the rest; a narrower range does the opposite. No rule is best for all, so exports try several and
measure (`edgebench.converters.export.trial`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edgebench.converters.precision import DEFAULT, METHODS, OWN, RangeMethod

Range = tuple[float, float]

_SEPARATOR = "@"
_RARE = 1e-4
_LEVELS = 255
_SHRUNK = np.linspace(1.0, 0.3, 11)
_BINS = 2048
"""Numbers are counted in so many bins: eight to a step of the widest range."""

_KEPT = 512
"""So many numbers of a value are kept of each sample, at even distances."""


def named(precision: str, method: RangeMethod) -> str:
    """A precision whose ranges are chosen by a method, as backends take and give it."""
    return precision if method == DEFAULT else f"{precision}{_SEPARATOR}{method}"


def parted(name: str) -> tuple[str, RangeMethod]:
    """The precision and the method of a name that `named` made."""
    precision, _, method = name.partition(_SEPARATOR)
    return precision, next((one for one in METHODS if one == method), DEFAULT)


@dataclass
class Observed:
    """What one value takes over the samples."""

    low: float = math.inf
    high: float = -math.inf
    lows: float = 0.0
    highs: float = 0.0
    samples: int = 0
    kept: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def add(self, array: npt.NDArray[np.float32]) -> None:
        """Add the value of a sample."""
        if not array.size:
            return
        low, high = array.min(), array.max()  # which keep NaN
        self.low, self.high = float(np.minimum(self.low, low)), float(np.maximum(self.high, high))
        self.lows += float(low)
        self.highs += float(high)
        self.samples += 1
        self.kept.append(np.ravel(array)[:: 1 + array.size // _KEPT].astype(np.float32))

    @property
    def finite(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)

    def range(self, method: RangeMethod) -> Range:
        """The range by a method; where there was nothing it is inverted and infinite.

        The model's own ranges are not known here: where it has none, they are the extremes.
        """
        if method in (DEFAULT, OWN) or not self.samples or not self.finite:
            return self.low, self.high
        if method == "average":
            return self.lows / self.samples, self.highs / self.samples
        values = np.concatenate(self.kept)
        if method == "percentile":
            low, high = np.quantile(values, (_RARE, 1 - _RARE))
            return float(low), float(high)
        return self._least_error(values)

    def _least_error(self, values: npt.NDArray[np.float32]) -> Range:
        """The extremes shrunk towards zero as far as the squared error of 8 bits gets smaller.

        Each end by itself, for one may be zero: what is shrunk costs clipping and buys finer steps
        (Banner et al., "Post training 4-bit quantization", NeurIPS 2019, section 3).
        """
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        counts, edges = np.histogram(values, _BINS, (low, high if high > low else low + 1))
        centres = (edges[1:] + edges[:-1]) / 2

        def error(start: float, end: float) -> float:
            step = (end - start) / _LEVELS or 1.0
            rounded = np.clip(np.round((centres - start) / step), 0, _LEVELS) * step + start
            return float(np.dot(counts, np.square(rounded - centres)))

        if high > 0:
            high = min((self.high * part for part in _SHRUNK), key=lambda end: error(low, end))
        if low < 0:
            low = min((self.low * part for part in _SHRUNK), key=lambda start: error(start, high))
        return max(low, self.low), min(high, self.high)


K = TypeVar("K")


def of_all(
    observed: Mapping[K, Observed], method: RangeMethod, own: Mapping[K, Range]
) -> dict[K, Range]:
    """The range of every value, by its name or number; `own` are the model's."""
    found = {name: one.range(method) for name, one in observed.items()}
    return found | {name: own[name] for name in own.keys() & found if method == OWN}
