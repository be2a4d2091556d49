"""Whether examples can set ranges, and whether they are like those that the model is judged on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgebench.converters.onnx.reference import Array, Sample
from edgebench.errors import DataError

LOOKED_AT = 32
"""Of so many samples the statistics are taken: they change little with more."""

SHIFT = 0.5
"""Means that differ by so many standard deviations are unlike."""

SPREAD = 2.0
"""Standard deviations are unlike where one is so many times the other."""


def check(samples: Sequence[Sample], source: str) -> None:
    """Raise `DataError` for samples that hold no range: NaN or infinity, or all the same number.

    One of several inputs may well be the same in all samples, such as a mask.
    """
    constant = []
    for name, floats in _floats(samples):
        for place, array in enumerate(floats):
            if not np.isfinite(array).all():
                raise DataError(
                    f"sample {place + 1} of {source} has NaN or infinity in the input '{name}'",
                    "leave it out, or mend it: its ranges would have no end",
                )
        low = min((array.min() for array in floats if array.size), default=0.0)
        high = max((array.max() for array in floats if array.size), default=0.0)
        constant.append(low == high)
    if constant and all(constant):
        raise DataError(
            f"all samples of {source} are one and the same number",
            "calibrate with inputs like those that the model will see",
        )


def unlike(
    calibration: Sequence[Sample], judged: Sequence[Sample], source: str, other: str
) -> Iterator[str]:
    """A sentence for each input whose statistics differ much between the two."""
    there = dict(_floats(judged))
    for name, floats in _floats(calibration):
        if not floats or not there.get(name):
            continue
        mean, spread = _statistics(floats)
        judged_mean, judged_spread = _statistics(there[name])
        largest, least = max(spread, judged_spread), min(spread, judged_spread)
        if abs(mean - judged_mean) > SHIFT * largest or largest > SPREAD * least:
            yield (
                f"the calibration data is unlike what the model is compared on: '{name}' has mean "
                f"{mean:.3g} and deviation {spread:.3g} in {source}, {judged_mean:.3g} and "
                f"{judged_spread:.3g} in {other}"
            )


def _floats(samples: Sequence[Sample]) -> Iterator[tuple[str, list[Array]]]:
    """The floating inputs of some samples, by name."""
    chosen = [samples[i] for i in range(0, len(samples), 1 + len(samples) // LOOKED_AT)]
    for name in chosen[0] if chosen else ():
        arrays = [np.asarray(sample[name]) for sample in chosen]
        if all(array.dtype.kind == "f" for array in arrays):
            yield name, arrays


def _statistics(arrays: Sequence[Array]) -> tuple[float, float]:
    every = np.concatenate([np.ravel(array) for array in arrays]).astype(np.float64)
    return float(every.mean()), float(every.std())
