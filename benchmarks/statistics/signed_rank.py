"""Hodges and Lehmann's estimate and the interval of Wilcoxon's signed-rank test, also weighted.

The estimate is the median of the means of all pairs of values, each paired with itself too (Walsh's
averages). The interval holds what the test does not reject (Hollander, Wolfe and Chicken,
Nonparametric Statistical Methods, 3.2 and 3.3): exact at any number, asking only that values
scatter evenly about the truth.

With weights a mean of two counts as much as the product of their weights. As long as weights do not
tell on which side of the truth a value is, each is as likely above as below, whatever its distance
and its weight, and so the test with weighted ranks is exact too (a randomization test: Lehmann and
Romano, Testing Statistical Hypotheses, 15.2). Where values differ in how well they are known the
interval is narrower; equal weights give the usual one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

GRID = 1000
"""The steps of the weighted ranks' sum: its distribution is computed on whole numbers."""


def ends(levels: Floats, error: float) -> tuple[Floats, Floats, Floats]:
    """The low end of the interval, the estimate, and the high end, of many runs at once.

    `levels` has the values of a run on its last axis. `error` is that of both ends together. Raises
    `ValueError` for fewer values than an interval needs.
    """
    count = levels.shape[-1]
    cut = _cut(count, error)
    if cut == 0:
        raise ValueError(f"{count} processes are too few for an interval")
    means = _means_of_pairs(levels)
    return means[..., cut - 1], np.asarray(np.median(means, axis=-1)), means[..., -cut]


def weighted_ends(levels: Floats, weights: Floats, error: float) -> tuple[float, float, float]:
    """The same of one run whose values have weights. Raises `ValueError` as `ends` does."""
    if np.ptp(weights) == 0:
        usual = ends(levels, error)
        return float(usual[0]), float(usual[1]), float(usual[2])
    if 0.5**levels.size > error / 2:
        raise ValueError(f"{levels.size} processes are too few for an interval")
    first, second = np.triu_indices(levels.size)
    means = (levels[first] + levels[second]) / 2
    order = np.argsort(means)
    means, shares = means[order], np.cumsum((weights[first] * weights[second])[order])
    middle = means[np.searchsorted(shares, shares[-1] / 2)]
    low = _low_end(levels, weights, means, error / 2)
    high = -_low_end(-levels, weights, -means[::-1], error / 2)
    return low, float(middle), high


def _low_end(levels: Floats, weights: Floats, means: Floats, error: float) -> float:
    """The smallest mean right above which the test does not reject."""
    rejected, accepted = -1, means.size - 1
    while accepted - rejected > 1:
        tried = (rejected + accepted) // 2
        if _tail(levels - (means[tried] + means[tried + 1]) / 2, weights) > error:
            accepted = tried
        else:
            rejected = tried
    return float(means[accepted])


def _tail(distances: Floats, weights: Floats) -> float:
    """How likely as little lies below zero as does, if each value were there by chance.

    The sum of the weighted ranks of what is below, against that of all 2 ** n signs.
    """
    nearest = np.argsort(np.abs(distances))
    ranks = weights[nearest] * np.cumsum(weights[nearest])
    steps = np.maximum(np.rint(ranks / ranks.sum() * GRID).astype(int), 1)
    chance = np.zeros(int(steps.sum()) + 1)
    chance[0] = 1.0
    for step in steps.tolist():
        shifted = chance.copy()
        shifted[step:] += chance[:-step]
        chance = shifted / 2
    below = int(steps[distances[nearest] < 0].sum())
    return float(chance[: below + 1].sum())


def _means_of_pairs(values: Floats) -> Floats:
    """Sorted, each value paired with itself too (Walsh's averages)."""
    first, second = np.triu_indices(values.shape[-1])
    return np.sort((values[..., first] + values[..., second]) / 2, axis=-1)


@cache
def _cut(count: int, error: float) -> int:
    """How many of the sorted means are cut off each end."""
    ways: npt.NDArray[np.floating[Any]] = np.ones(1)
    for rank in range(1, count + 1):  # Each rank is in the sum or not.
        ways = np.convolve(ways, np.r_[1.0, np.zeros(rank - 1), 1.0])
    below = np.cumsum(ways / ways.sum())
    return int(np.searchsorted(below, error / 2, side="right"))
