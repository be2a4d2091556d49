"""The statistics of a paired measurement. NumPy and SciPy only; nothing here knows a device.

The unit that is resampled is the block (for latency) or the image (for accuracy), never the
inference: inferences of one visit share its cache, clock and neighbours, and so tell less than
their number suggests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Visits = Sequence[Sequence[int]]
Bools = npt.NDArray[np.bool_]

CONFIDENCE = 0.95
EQUIVALENCE_CONFIDENCE = 0.90
"""Two one-sided tests at 5 % each are an interval of 90 % (Schuirmann 1987)."""

MIN_BLOCKS = 6
"""With fewer the signed-rank test has no 95 % interval: 2 / 2**5 is more than 5 %."""


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Overhead:
    """latency(model) / latency(baseline) - 1, from paired blocks.

    `interval` holds 95 %, `equivalence` the 90 % that the test against the threshold uses.
    `detectable` is the smallest overhead that a run of this noise and length finds with 80 %
    power. `blocks` are the single blocks' overheads, in the order they were measured.
    """

    value: float
    interval: Interval
    equivalence: Interval
    detectable: float
    blocks: tuple[float, ...]


@dataclass(frozen=True)
class Latency:
    """Seconds an inference, over all timed inferences of a slot."""

    median_s: float
    p90_s: float
    mean_s: float
    min_s: float
    samples: int


def latency(samples_ns: npt.ArrayLike) -> Latency:
    """Summarise a slot's timed inferences, given in nanoseconds."""
    seconds = np.asarray(samples_ns, dtype=np.float64) / 1e9
    return Latency(
        median_s=float(np.median(seconds)),
        p90_s=float(np.quantile(seconds, 0.9)),
        mean_s=float(seconds.mean()),
        min_s=float(seconds.min()),
        samples=seconds.size,
    )


def level_s(visits: Visits) -> float:
    """A slot's level in one block, in seconds: the geometric mean of its visits' medians."""
    return float(np.exp(np.mean([np.log(np.median(visit)) for visit in visits])) / 1e9)


def log_ratio(model: Visits, baseline: Visits) -> float:
    """One block's log of latency(model) / latency(baseline), each given in ns by visit.

    Every visit counts the same: with a palindromic order a drift that is linear in log time
    cancels exactly then, however many inferences each visit had.
    """
    return float(np.log(level_s(model) / level_s(baseline)))


def overhead(log_ratios: npt.ArrayLike) -> Overhead:
    """Estimate the overhead from the log ratios of `MIN_BLOCKS` blocks or more.

    The estimate is Hodges and Lehmann's: the median of the means of all pairs of blocks. Its
    interval is the one that Wilcoxon's signed-rank test implies (Hollander, Wolfe and Chicken,
    Nonparametric Statistical Methods, 3.2 and 3.3), exact at any number of blocks. Both ask only
    that log ratios scatter evenly about the truth, which the random order in a block provides:
    what disturbs the machine hits model and baseline alike. A machine that jumps between two
    speeds spoils the blocks it jumps in, and this estimate bears a quarter of them: simulated
    with one block in five spoiled, its intervals are a third (30 blocks) to three quarters (12
    blocks) as wide as Student's.
    """
    ratios = np.asarray(log_ratios, dtype=np.float64)
    if ratios.size < MIN_BLOCKS:
        raise ValueError(f"{ratios.size} blocks are fewer than {MIN_BLOCKS}")
    first, second = np.triu_indices(ratios.size)
    means = np.sort((ratios[first] + ratios[second]) / 2)
    low, high = _signed_rank_interval(means, ratios.size, CONFIDENCE)
    return Overhead(
        value=float(np.expm1(np.median(means))),
        interval=Interval(float(np.expm1(low)), float(np.expm1(high))),
        equivalence=Interval(
            *(
                float(np.expm1(end))
                for end in _signed_rank_interval(means, ratios.size, EQUIVALENCE_CONFIDENCE)
            )
        ),
        detectable=_detectable(high - low, ratios.size),
        blocks=tuple(float(one) for one in np.expm1(ratios)),
    )


def _signed_rank_interval(means: Floats, blocks: int, level: float) -> tuple[float, float]:
    """The interval from the sorted means of pairs: as many cut off each end as the test allows."""
    ways: npt.NDArray[np.floating[Any]] = np.ones(1)
    for rank in range(1, blocks + 1):  # Each rank is in the sum or not.
        ways = np.convolve(ways, np.r_[1.0, np.zeros(rank - 1), 1.0])
    below = np.cumsum(ways / ways.sum())
    cut = int(np.searchsorted(below, (1 - level) / 2, side="right"))
    return float(means[cut - 1]), float(means[-cut])


def _detectable(width: float, blocks: int, power: float = 0.8) -> float:
    """The smallest overhead that a run with an interval of that width tells from none.

    The usual approximation (Bloom 1995, "Minimum Detectable Effects"): (t[0.975] + t[power])
    standard errors, where the interval is 2 t[0.975] of them wide.
    """
    tail = stats.t.ppf((1 + CONFIDENCE) / 2, blocks - 1)
    return float(np.expm1((tail + stats.t.ppf(power, blocks - 1)) * width / (2 * tail)))


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
