"""Two samples that are not pairs: how far one lies from the other, with an exact interval."""

from __future__ import annotations

from functools import cache

import numpy as np

from edgebench.benchmarks.statistics.paired import Floats
from edgebench.intervals import CONFIDENCE, Estimate

FEWEST = 4
"""Of two samples of three there is no interval that holds 95 %."""


def shift(first: Floats, last: Floats, comparisons: int = 1) -> Estimate:
    """How much larger the values of `last` are than those of `first`.

    The estimate is Hodges and Lehmann's, the median of all differences, and the interval the one
    that the exact rank-sum test implies (Hollander, Wolfe and Chicken, Nonparametric Statistical
    Methods, 4.2 and 4.3). `comparisons` such intervals hold together 95 %. Raises `ValueError` for
    samples that are too small for an interval.
    """
    differences = np.sort(np.subtract.outer(last, first).ravel())
    cut = _cut(first.size, last.size, (1 - CONFIDENCE) / comparisons)
    if cut == 0:
        raise ValueError(f"{first.size} and {last.size} values are too few for an interval")
    ends = float(differences[cut - 1]), float(differences[-cut])
    return Estimate(float(np.median(differences)), *ends)


@cache
def _cut(first: int, last: int, error: float) -> int:
    """How many of the sorted differences the test cuts off at each end."""
    # ways[k, u]: choices of k of the values so far that beat the others u times (Mann and Whitney).
    ways = np.zeros((first + 1, first * last + 1))
    ways[0, 0] = 1.0
    for place in range(first + last):
        for chosen in range(min(place + 1, first), 0, -1):
            beaten = place - (chosen - 1)  # Those before it that are of the other sample.
            if beaten <= last:
                ways[chosen, beaten:] += ways[chosen - 1, : ways.shape[1] - beaten]
    below = np.cumsum(ways[first] / ways[first].sum())
    return int(np.searchsorted(below, error / 2, side="right"))
