"""Where a visit's times become steady: change points in its own samples.

The runner warms up by a rule that it can follow as it goes (two windows in a row with nearly the
same median). Here the whole visit is known, warm-up and timed inferences, and every sample before
its last change of level is dropped. Barrett et al. ("Virtual Machine Warmup Blows Hot and Cold",
2017) show why this cannot be assumed, and find steadiness by change points too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

FALSE_CUTS = 0.005
"""The share of visits that may lose samples although nothing changed."""

SMALLEST_CHANGE = 0.02
"""Smaller changes of level are not worth the samples: they affect baseline and model alike."""

OUTLIER = 6.0
"""Standard deviations beyond which a sample counts no further, so that no single one is a level."""

ENOUGH = 0.5
"""Part of the timed inferences that the last level has to hold for the visit to be steady."""

SHORTEST = 3
"""A level has at least as many samples: one outlier at the end of a visit is not a level."""

FEWEST = 6
"""With fewer samples a change of level cannot be distinguished from noise."""


@dataclass(frozen=True)
class Steadiness:
    """`start` is the number of timed inferences before the steady ones; 0 where none is `steady`.

    A visit whose last level holds for less than `ENOUGH` of its timed inferences never became
    steady: nothing then says which part of it is right, and all of it is kept.
    """

    steady: bool
    start: int


def steadiness(warmup_ns: Sequence[int], samples_ns: Sequence[int]) -> Steadiness:
    """Find the steady part of a visit's timed inferences."""
    count = len(samples_ns)
    start = last_change(np.log(np.array((*warmup_ns, *samples_ns), dtype=np.float64)))
    lost = max(start - len(warmup_ns), 0)
    if count - lost < ENOUGH * count:
        return Steadiness(False, 0)
    return Steadiness(True, lost)


def steady_samples(warmup_ns: Sequence[int], samples_ns: Sequence[int]) -> Sequence[int]:
    """The timed inferences that count."""
    return samples_ns[steadiness(warmup_ns, samples_ns).start :]


def last_change(log_times: Floats) -> int:
    """The index from which on the level stays the same, 0 where it never changes.

    The best place to part the series in two is the one with the largest standardised difference
    of means (the CUSUM statistic, Page 1954). Where that is too large for chance the search goes
    on in the later part alone, until nothing more is found. The noise is taken from successive
    differences, which steps hardly touch.
    """
    noise = _noise(log_times)
    start = 0
    while log_times.size - start >= FEWEST:
        part = log_times[start:]
        where, size = _best_parting(_bounded(part, noise), noise)
        if size < _limit(part.size) or not _matters(part, where):
            break
        start += where
    return start


def _noise(log_times: Floats) -> float:
    """The standard deviation of single samples, by the median of their differences."""
    differences = np.abs(np.diff(log_times))
    return max(_middle(differences) * 1.4826 / 2**0.5, 1e-6) if differences.size else 1e-6


def _middle(values: Floats) -> float:
    """The upper median; NumPy's takes ten times as long for so few."""
    return float(np.sort(values)[values.size // 2])


def _bounded(part: Floats, noise: float) -> Floats:
    middle = _middle(part)
    reach = max(OUTLIER * noise, 2 * SMALLEST_CHANGE)
    return np.clip(part, middle - reach, middle + reach)


def _best_parting(part: Floats, noise: float) -> tuple[int, float]:
    """After how many samples, and how many standard errors the two parts' means differ by."""
    before = np.arange(1, part.size)
    sums = np.cumsum(part - part.mean())[:-1]
    sizes = np.abs(sums) * np.sqrt(part.size / (before * (part.size - before)))
    best = int(np.argmax(sizes[: 1 - SHORTEST]))
    return best + 1, float(sizes[best]) / noise


@cache
def _limit(count: int) -> float:
    """What the largest of `count` partings may reach by chance (Bonferroni)."""
    return float(stats.norm.isf(FALSE_CUTS / (2 * count)))


def _matters(part: Floats, where: int) -> bool:
    return abs(_middle(part[:where]) - _middle(part[where:])) >= SMALLEST_CHANGE
