"""From a finely interleaved sequence to a model's log ratio in one process.

The n-th counted inference of a model is compared with the n-th of the baseline. In rounds of a
balanced order (`planning.orders`) the two are some hundredths of a second apart, so that whatever
is slower than that cancels from the ratio. Every inference is in one pair, so that all followings
count equally. Pairs of nearest neighbours would not do: they use those inferences of the baseline
more often that come just before or after the model's, and so lose the balance of the order again.

`pairs` and `level` work along the last axis, on one process or on many at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgebench.benchmarks.statistics.paired import Floats


def pairs(model_s: Floats, baseline_s: Floats) -> Floats:
    """The log ratios of the n-th inferences; the longer sequence's last have no partner."""
    count = min(model_s.shape[-1], baseline_s.shape[-1])
    return np.asarray(np.log(model_s[..., :count] / baseline_s[..., :count]))


def level(log_ratios: Floats) -> Floats:
    """The log ratio of pairs that are known alike: their median. A process weights its blocks.

    The half-width (points) of the interval over 18 processes, of about 30 s in all, with it and
    with other centres (`make prove-designs`, 200 runs). Their coverage does not tell them apart: it
    is 88 to 97 % for all of them in that design, where one dropped inference leaves a little of the
    carry-over. So the width decides:

                         mean   middle half's mean   Hodges-Lehmann   median
        process-bias     0.74         0.51                0.51         0.55
        bursts           1.30         0.54                0.56         0.58
        hiccups          2.92         0.68                0.74         0.67
        bimodal clock    2.02         1.62                1.64         1.01
        load in step     2.14         2.62                1.80         1.45
    """
    return np.asarray(np.median(log_ratios, axis=-1))


FASTEST = (0.1, 0.2, 0.35, 0.5)
"""The parts of the pairs that are taken for those of an undisturbed machine."""

FEWEST = 5
"""Of fewer pairs the fastest say nothing."""

SURE = 2.5
"""A change has to be this many of its standard errors away from none."""

SURE_OF_PARTS = 2.6
"""The same for the surest of `FASTEST`: one of them is by chance in 3 % of the runs.

They are parts of each other, so that they correlate by 0.3 to 0.7.
"""


def speed_dependence(
    by_block: Sequence[tuple[Floats, Floats]], weights: Floats, allowed: float = 0.0
) -> tuple[float, float]:
    """How much larger the log ratio is than in the moments when the machine was fastest.

    What slows both models down alike widens an interval, and this stays near zero. What hits one
    of them more (a neighbour on the memory bus, a load that comes with it) biases the ratio, and
    this shows by how much, as long as it isn't there all the time. Of each block the pairs' log
    ratios and their mean log times are given, which noise alone does not tie to the ratio as long
    as both models are equally noisy. The second value is the standard error of the first, infinite
    for too few pairs. `weights` are those of the blocks, the inverse of their scatter.

    The error is that of a median of clusters (Woodruff, Journal of the American Statistical
    Association 1952, 47): how surely half of the pairs lie below it, read as a quantile of the
    pairs on the side of the usual log ratio. The clusters are the blocks, which differ by the
    layout of memory and by their order, and the fastest pairs may be of a few of them. A quantile
    tells when log ratios come in heaps, as with a load in step with the turns: then the median of
    few pairs lies in one heap or in another by chance.

    How much of a run was undisturbed is not known, and a run that stops early has few pairs: a
    tenth of them finds what is nearly always there, and half of them finds less that came late. So
    several parts are compared with the whole, and the one that is surest of most beyond `allowed`
    is returned. A robust line through all pairs (Theil and Sen) is as sure of what grows with the
    slowness, but not of what is either there or not.
    """
    sizes = [one.size for one, _ in by_block]
    ratios, log_times = (np.concatenate(one) for one in zip(*by_block, strict=True))
    fastest_first = np.argsort(log_times)
    ratios = ratios[fastest_first]
    blocks = np.repeat(np.arange(len(by_block)), sizes)[fastest_first]
    of_pairs = np.repeat(weights, sizes)[fastest_first]
    found = [(0.0, math.inf)]
    for part in FASTEST:
        count = int(ratios.size * part)
        if count >= FEWEST:
            usual, sides = _sides(ratios, of_pairs)
            middle, of_part = _sides(ratios[:count], of_pairs[:count])
            sides[:count] -= of_part  # The part is in the whole too.
            # Blocks in which as many pairs lie above as below must not make it look sure.
            error = max(np.linalg.norm(np.bincount(blocks, sides)), np.linalg.norm(sides))
            step = math.copysign(SURE_OF_PARTS * float(error), usual - middle)
            far = _beside_the_median(ratios[:count], of_pairs[:count], step)
            found.append((usual - middle, abs(far) / SURE_OF_PARTS))
    return max(found, key=lambda one: abs(one[0]) - max(allowed, SURE_OF_PARTS * one[1]))


def _sides(values: Floats, weights: Floats) -> tuple[float, Floats]:
    """The median, and half of each value's part of the weights, negative below the median."""
    middle = median(values, weights)[0]
    return middle, np.sign(values - middle) * weights / weights.sum() / 2


def inheritance(
    settling: Sequence[tuple[Floats, Floats]],
    followers: Sequence[tuple[Floats, Floats]],
    weights: Floats,
) -> tuple[float, float]:
    """How much larger the log ratio is after another model's turn than after a model's own.

    This is what a model inherits from the one before it, in the samples that count: caches, or a
    clock that answers to each model. A carry-over of one turn at most is nearly all of it, and its
    bias is the part of it that turns have which follow another model's. The second value is the
    standard error of the first, infinite for too few turns.

    Of each block it is given twice. `settling` is how much longer a turn after another's took than
    the one after it of the same model: of the model and of the baseline, in log time. Little comes
    between two turns in a row. `followers` are the log ratios of all turns after another's and
    after their own, which are more. So the first is surer on a disturbed machine and the second on
    a calm one, and the surer one is returned. `weights` are those of the blocks, the inverse of
    their scatter.
    """
    both = _difference(settling, weights), _difference(followers, weights)
    return min(both, key=lambda one: one[1])


def _difference(by_block: Sequence[tuple[Floats, Floats]], weights: Floats) -> tuple[float, float]:
    """The difference of the medians of two kinds of values, and its standard error."""
    both = []
    for blocks in zip(*by_block, strict=True):
        values = np.concatenate(blocks)
        if values.size < FEWEST:
            return 0.0, math.inf
        both.append(median(values, np.repeat(weights, [one.size for one in blocks])))
    (one, error), (other, other_error) = both
    return one - other, math.hypot(error, other_error)


def median(values: Floats, weights: Floats | None = None) -> tuple[float, float]:
    """The median and its standard error, by the order statistics two of them below and above it.

    Price and Bonett (Journal of Statistical Computation and Simulation 2001, 68). The median
    absolute deviation would be too large by a third where some values are disturbed and most are
    not, and too small where they come in heaps, so that the median lies in one of them or in
    another. Of fewer than six values the outermost are taken, and that of one is infinite.
    `weights` are the inverses of the values' scatters; None if they scatter alike.
    """
    weighted = np.ones(values.size) if weights is None else weights
    one_error = float(np.linalg.norm(weighted) / weighted.sum() / 2)
    ordered, places = _ordered(values, weighted)
    step = min(2 * one_error, 0.5 - places[0], places[-1] - 0.5)
    middle, low, high = np.interp((0.5, 0.5 - step, 0.5 + step), places, ordered)
    error = (high - low) / 2 * one_error / step if step > 0 else math.inf
    return float(middle), float(error)


def _beside_the_median(values: Floats, weights: Floats, step: float) -> float:
    """How far the quantile is from the median that is `step` above it, as a part of the weights.

    Beyond the outermost values it goes on evenly.
    """
    ordered, places = _ordered(values, weights)
    inside = min(max(step, places[0] - 0.5), places[-1] - 0.5)
    middle, there = np.interp((0.5, 0.5 + inside), places, ordered)
    return float(there - middle) * step / inside if inside else 0.0


def _ordered(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The values in order, and what part of the weights lies below the middle of each."""
    order = np.argsort(values)
    return values[order], (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
