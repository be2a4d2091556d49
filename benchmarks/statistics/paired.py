"""The statistics of a paired measurement. NumPy and SciPy only; nothing here knows a device.

The unit is never the inference: inferences in one turn share its cache, clock and neighbours, and
so tell less than their number suggests. Nor is it the block: each has
a layout of memory of its own, which favours one model or another, but part of it may be the
process's. It is the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import stats

from edgebench.benchmarks.formatting import signed_in
from edgebench.benchmarks.statistics import signed_rank
from edgebench.benchmarks.statistics.looks import Looks, fewest_processes
from edgebench.intervals import CONFIDENCE, Estimate, Interval

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

EQUIVALENCE_CONFIDENCE = 0.90
"""Two one-sided tests at 5 % each are an interval of 90 % (Schuirmann 1987)."""

POWER = 0.9
"""The probability that a detectable overhead is detected."""

HEADLINE = "median"
SUMMARIES = (HEADLINE, "p90", "mean", "min")
"""The summaries of a process's times; the headline is the one that verdicts are about."""


@dataclass(frozen=True)
class Overhead:
    """latency(model) / latency(baseline) - 1, from pairs of samples in each process.

    `interval` holds 95 %, `equivalence` the 90 % that the test against the threshold uses; where
    `comparisons` models share a baseline, all of their intervals hold together that often.
    `detectable` is the smallest overhead that a run of this noise and length detects with 90 %
    power. `blocks` are the single blocks' overheads, in the order they were measured. The
    overheads of the other summaries, with their intervals, are in `others` by name, and
    `after_another` is that of the first samples after another model's turn, which do not count;
    None where none were measured.
    """

    value: float
    interval: Interval
    equivalence: Interval
    detectable: float
    blocks: tuple[float, ...] = field(repr=False)
    comparisons: int = 1
    others: dict[str, Estimate] = field(default_factory=dict, repr=False)
    after_another: Estimate | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """As reports show it: +11.5 % [10.7, 12.8]."""
        return signed_in(self.value, self.interval)

    @property
    def contradicted(self) -> tuple[str, ...]:
        """The summaries that are sure of the other sign than the median's."""
        return tuple(
            name
            for name, one in self.others.items()
            if (one.low > 0 and self.value < 0) or (one.high < 0 and self.value > 0)
        )


@dataclass(frozen=True)
class Latency:
    """Seconds an inference, over all timed inferences of a slot, `samples` in number.

    Where the times of single inferences are not known, neither are their p90, mean and minimum.
    """

    median_s: float
    p90_s: float | None
    mean_s: float | None
    min_s: float | None
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


def summaries(samples: Floats) -> Floats:
    """The log of a slot's samples in one process, one for each of `SUMMARIES`."""
    times = np.sort(samples)
    places = np.arange(times.size)
    middle, ninth = np.interp((0.5 * places[-1], 0.9 * places[-1]), places, times)
    return np.log((middle, ninth, times.mean(), times[0]))


MIN_PROCESSES = fewest_processes()


def overhead(
    levels: npt.ArrayLike,
    blocks: npt.ArrayLike = (),
    comparisons: int = 1,
    others: Mapping[str, npt.ArrayLike] | None = None,
    looks: Looks | None = None,
    after_another: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> Overhead:
    """Estimate the overhead from the log ratio of each process, model over baseline.

    `blocks` are the single blocks' log ratios, which are passed on. `comparisons` is the number of
    models that share the baseline. `others` gives the log ratios of other summaries, by process,
    and `after_another` those of the first samples after another model's turn.
    `looks` says at which looks the run may have been stopped; None for one, at its end. `weights`
    say how well each process is known (`levels.weights`); None for all alike.

    The estimate is the Hodges-Lehmann centre of the processes, and the interval the one that
    Wilcoxon's signed-rank test over processes implies (`statistics.signed_rank`): exact at any
    number, asking only that processes scatter evenly about the truth, which the random order of
    turns provides.

    Why no bootstrap: `prove_statistics --intervals` compares the candidates on simulated
    runs. How often (%) they contained the truth, and their median width in points, over blocks of
    which each had a process of its own:

                    blocks    signed rank   Student's t   studentised       BCa
        clean            12           96   1.14     95   1.09      95   1.13      92   0.93
                         30           93   0.66     95   0.65      94   0.65      92   0.60
        hiccups          12           96   1.35     96   1.30      96   1.35      87   1.12
                         30           94   0.77     96   0.94      89   0.98      81   0.91
        bursts           12           97   5.54     98   8.67      89   12.4      80   8.02
                         30           95   1.41     96   5.55      88   5.94      85   5.33

    (300 runs, so plus or minus 2.5.) The bootstraps of the mean are too narrow as soon as a
    few blocks are disturbed, and BCa always is with so few; Student's t is right, but four times
    as wide.

    With several models the level is Bonferroni's, 1 - 0.05 / comparisons for each. Holm's steps
    decide more, but have no interval that a row could show; the maximum over the shared processes
    would narrow the interval by 2 % (four models whose ratios correlate by 0.5, as a common
    baseline makes them), too little to resample for.

    Raises `ValueError` for fewer processes than an interval needs.
    """
    ratios = np.asarray(levels, dtype=np.float64)
    wide, narrow = (
        centre(ratios, comparisons, looks, weights, level)
        for level in (CONFIDENCE, EQUIVALENCE_CONFIDENCE)
    )
    return Overhead(
        value=float(np.expm1(wide.value)),
        interval=_shares(wide),
        equivalence=_shares(narrow),
        detectable=_detectable(wide.high - wide.low, ratios.size, comparisons),
        blocks=tuple(np.expm1(np.asarray(blocks, dtype=np.float64)).tolist()),
        comparisons=comparisons,
        others={name: _estimate(logs, comparisons, looks) for name, logs in (others or {}).items()},
        after_another=None
        if after_another is None
        else _estimate(after_another, comparisons, looks, weights),
    )


def _estimate(
    levels: npt.ArrayLike,
    comparisons: int,
    looks: Looks | None,
    weights: npt.ArrayLike | None = None,
) -> Estimate:
    found = centre(np.asarray(levels, dtype=np.float64), comparisons, looks, weights)
    return Estimate(*(float(np.expm1(one)) for one in (found.value, found.low, found.high)))


def centre(
    levels: Floats,
    comparisons: int = 1,
    looks: Looks | None = None,
    weights: npt.ArrayLike | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """The centre of the processes' values and its interval, in the way of `overhead`.

    Raises `ValueError` for fewer processes than an interval needs.
    """
    error = (1 - confidence) / comparisons
    if looks is not None:
        error = looks.error(levels.size, error)
    given = np.ones(levels.size) if weights is None else np.asarray(weights, dtype=np.float64)
    low, value, high = signed_rank.weighted_ends(levels, given, error)
    return Estimate(value, low, high)


def _shares(found: Estimate) -> Interval:
    return Interval(float(np.expm1(found.low)), float(np.expm1(found.high)))


def _detectable(width: float, count: int, comparisons: int) -> float:
    """The smallest overhead that a run with an interval of that width detects.

    The usual approximation (Bloom 1995, "Minimum Detectable Effects"): (t[0.975] + t[power])
    standard errors, where the interval is 2 t[0.975] of them wide.
    """
    tail = stats.t.ppf(1 - (1 - CONFIDENCE) / comparisons / 2, count - 1)
    return float(np.expm1((tail + stats.t.ppf(POWER, count - 1)) * width / (2 * tail)))
