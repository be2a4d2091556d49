"""The statistics of outputs: shares of right answers, their differences, and the noise between.

The unit is the image, and two models are compared over the same images.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from edgebench.benchmarks.statistics.paired import CONFIDENCE, Estimate

Bools = npt.NDArray[np.bool_]


def proportion(hits: Bools) -> Estimate:
    """A share, such as accuracy, with Wilson's interval (Wilson 1927)."""
    test = stats.binomtest(int(hits.sum()), hits.size)
    interval = test.proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(float(hits.mean()), float(interval.low), float(interval.high))


def paired_difference(hits: Bools, reference: Bools) -> Estimate:
    """The difference of two shares over the same images, hits minus reference.

    The interval for paired proportions is Newcombe's square-and-add method with the correlation
    of the pairs (Newcombe 1998, method 10): it needs no resampling and holds its level where the
    two rarely differ, which is when a bootstrap over images has nothing to resample.
    """
    first, second = proportion(hits), proportion(reference)
    n11 = int((hits & reference).sum())
    n10 = int((hits & ~reference).sum())
    n01 = int((~hits & reference).sum())
    n00 = hits.size - n11 - n10 - n01
    phi = _phi(n11, n10, n01, n00)
    difference = first.value - second.value
    below = _root(first.value - first.low, second.high - second.value, phi)
    above = _root(first.high - first.value, second.value - second.low, phi)
    return Estimate(difference, max(-1.0, difference - below), min(1.0, difference + above))


def _phi(n11: int, n10: int, n01: int, n00: int) -> float:
    """The pairs' correlation, with Newcombe's continuity correction."""
    product = (n11 + n10) * (n01 + n00) * (n11 + n01) * (n10 + n00)
    if product == 0:
        return 0.0
    total = n11 + n10 + n01 + n00
    cross = n11 * n00 - n10 * n01
    corrected = max(cross - total / 2, 0) if cross > 0 else cross
    return float(corrected / np.sqrt(product))


def _root(a: float, b: float, phi: float) -> float:
    return float(np.sqrt(max(a * a - 2 * phi * a * b + b * b, 0.0)))


def snr_db(signal: npt.ArrayLike, other: npt.ArrayLike) -> float | None:
    """10 log10 of the signal's power over that of the difference; None where both are equal."""
    wanted = np.asarray(signal, dtype=np.float64)
    noise = np.square(np.asarray(other, dtype=np.float64) - wanted).sum()
    if noise == 0:
        return None
    return float(10 * np.log10(np.square(wanted).sum() / noise))
