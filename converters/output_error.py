"""The error of one output of a model: whole, by its parts (each index along each axis), and by the
kinds of numbers that it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgebench.converters.artifact import Part
from edgebench.converters.onnx.reference import Array
from edgebench.snr import Errors, decibels
from edgebench.tasks.task import PartOfOutput

Floats = npt.NDArray[np.float64]

NEGLIGIBLE = 1e-6
"""An error that is none, in the output's own unit: a probability next to zero is only as exact as
float32 is next to one."""

LOST_DB = 3.0
"""A part with less says nothing any more: its error is as large as itself."""

FLOOR_DB = -100.0
"""What stands for an error where the reference is zero; documents hold no infinity."""

LONGEST_AXIS = 4096
"""A longer axis has no parts with a meaning of their own, and as many figures."""


@dataclass
class _Axis:
    """Sums of squares of each index along an axis."""

    signal: Floats
    noise: Floats

    def decibels(self) -> list[float]:
        return [decibels(*pair) for pair in zip(self.signal, self.noise, strict=True)]


@dataclass
class OutputError:
    """The error of one output, summed up over the samples."""

    errors: Errors = field(default_factory=Errors)
    axes: dict[int, _Axis] = field(default_factory=dict)
    elements: int = 0
    floats: bool = True
    broken: bool = False

    def add(self, wanted: Array, found: Array) -> None:
        """Add a sample; what is infinite or NaN in the reference is left out.

        The output is broken by another shape, and by what is infinite or NaN only here.
        """
        self.floats = np.asarray(wanted).dtype.kind == "f"
        a, b = np.asarray(wanted, np.float64), np.asarray(found, np.float64)
        keep = np.isfinite(a)
        if a.shape != b.shape or not np.isfinite(b[keep]).all():
            self.broken = True
            return
        if not keep.all():
            a, b = np.where(keep, a, 0.0), np.where(keep, b, 0.0)
        self.errors.add(a, b)
        self.elements += a.size
        axes = [axis for axis in range(1, a.ndim) if 1 < a.shape[axis] <= LONGEST_AXIS]
        if axes:
            signal, noise = np.square(a), np.square(b - a)
            for axis in axes:
                self._add_along(axis, signal, noise)

    def _add_along(self, axis: int, signal: Floats, noise: Floats) -> None:
        others = tuple(i for i in range(signal.ndim) if i != axis)
        sums = self.axes.setdefault(
            axis, _Axis(np.zeros(signal.shape[axis]), np.zeros(signal.shape[axis]))
        )
        sums.signal += signal.sum(others)
        sums.noise += noise.sum(others)

    @property
    def relative(self) -> float:
        """The largest error, as a share of the largest number."""
        return self.errors.largest_error / (self.errors.largest_signal or 1.0)

    def worst(self, name: str) -> Part | None:
        """The part with the lowest SNR, of all axes whose error is more than negligible."""
        worst = None
        for axis, sums in self.axes.items():
            # As exact as float32 is next to the largest output, or next to one.
            floor = max(NEGLIGIBLE, NEGLIGIBLE * self.errors.largest_signal) ** 2 * self.elements
            floor /= len(sums.noise)
            levels = [
                math.inf if noise <= floor else level
                for noise, level in zip(sums.noise, sums.decibels(), strict=True)
            ]
            index = int(np.argmin(levels))
            if worst is None or levels[index] < worst[0]:
                lost = sum(level < LOST_DB for level in levels)
                worst = levels[index], axis, index, lost, len(levels)
        if worst is None or worst[0] == math.inf:
            return None
        level, axis, index, lost, count = worst
        return Part(name, axis, index, max(level, FLOOR_DB), lost, count)


class KindErrors:
    """The errors of an output by its kinds of numbers, such as boxes in pixels beside scores below
    one: on one sum, what is wrong with the scores would not show. Without `kinds` it is one kind.
    """

    def __init__(self, kinds: Sequence[PartOfOutput] = ()) -> None:
        self._kinds = kinds
        self.errors = [Errors() for _ in kinds or (None,)]

    def add(self, wanted: Array, found: Array) -> None:
        """Add a sample; what is infinite or NaN in the reference is left out.

        What is infinite or NaN only here, or has another shape, is an infinite error.
        """
        parts = [(kind.of(wanted), kind.of(found)) for kind in self._kinds] or [(wanted, found)]
        for errors, (a, b) in zip(self.errors, parts, strict=True):
            finite = np.isfinite(a)
            broken = a.shape != b.shape or not np.isfinite(b[finite]).all()
            errors.add(a[finite], a[finite] if broken else b[finite])
            if broken:
                errors.noise = math.inf

    def join(self, other: KindErrors) -> None:
        """Add the samples that were added to another of the same kinds."""
        for errors, there in zip(self.errors, other.errors, strict=True):
            errors.join(there)

    @property
    def worst(self) -> int:
        """The place of the kind with the lowest ratio, of those that the reference has any of."""
        known = [place for place, one in enumerate(self.errors) if one.signal]
        return min(known or range(len(self.errors)), key=lambda place: self.errors[place].decibels)

    @property
    def decibels(self) -> float:
        """That of the worst kind."""
        return self.errors[self.worst].decibels

    @property
    def snr_db(self) -> float | None:
        """The same as documents have it: None where there is no error."""
        return None if self.decibels == math.inf else self.decibels
