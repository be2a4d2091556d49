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
import numpy.typing as npt

from edgebench.benchmarks.statistics.paired import Floats

Blocks = npt.NDArray[np.intp]


def pairs(model_s: Floats, baseline_s: Floats) -> Floats:
    """The log ratios of the n-th inferences; the longer sequence's last have no partner."""
    count = min(model_s.shape[-1], baseline_s.shape[-1])
    return np.asarray(np.log(model_s[..., :count] / baseline_s[..., :count]))


def level(log_ratios: Floats) -> Floats:
    """A process's log ratio: the median of its pairs.

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

FEWEST_IN_A_BLOCK = 3
"""Of fewer pairs of a block its own level is not known."""

SURE = 2.5
"""A change has to be this many of its standard errors away from none."""


def speed_dependence(by_block: Sequence[tuple[Floats, Floats]]) -> tuple[float, float]:
    """How much larger the log ratio is than in the moments when the machine was fastest.

    What slows both models down alike widens an interval, and this stays near zero. What hits one
    of them more (a neighbour on the memory bus, a load that comes with it) biases the ratio, and
    this shows by how much, as long as it isn't there all the time. Of each block the pairs' log
    ratios and their mean log times are given, which noise alone does not tie to the ratio as long
    as both models are equally noisy. The second value is the standard error of the first, infinite
    for too few pairs. Blocks differ by the layout of memory, and the fastest pairs may be of a few
    of them, which the error knows.

    How much of a run was undisturbed is not known, and a run that stops early has few pairs: a
    tenth of them finds what is nearly always there, and half of them finds less that came late. So
    several parts are compared with the whole, and the one that is surest of most is returned. A
    robust line through all pairs (Theil and Sen) is as sure of what grows with the slowness, but
    not of what is either there or not.
    """
    ratios, log_times = (np.concatenate(one) for one in zip(*by_block, strict=True))
    fastest_first = np.argsort(log_times)
    ratios = ratios[fastest_first]
    blocks = np.repeat(np.arange(len(by_block)), [one.size for one, _ in by_block])[fastest_first]
    usual = float(np.median(ratios))
    of_all = _layout(ratios, blocks) or 0.0
    found = [(0.0, math.inf)]
    for part in FASTEST:
        count = int(ratios.size * part)
        if count >= FEWEST:
            middle, error = median(ratios[:count])
            layout = _layout(ratios[:count], blocks[:count])
            by_layout = of_all if layout is None else layout
            by_layout *= math.hypot(*np.unique(blocks[:count], return_counts=True)[1]) / count
            found.append((usual - middle, math.hypot(error, by_layout)))
    return max(found, key=lambda one: abs(one[0]) - SURE * one[1])


def _layout(ratios: Floats, blocks: Blocks) -> float | None:
    """How much blocks scatter beyond what their pairs explain; None for too few of them."""
    kinds, sizes = np.unique(blocks, return_counts=True)
    large = kinds[sizes >= FEWEST_IN_A_BLOCK]
    if large.size < FEWEST:
        return None
    middles, errors = np.array([median(ratios[blocks == one]) for one in large]).T
    return math.sqrt(max(median_scatter(middles) ** 2 - float(np.median(errors)) ** 2, 0.0))


def inheritance(by_block: Sequence[tuple[Floats, Floats]], weights: Floats) -> tuple[float, float]:
    """How much larger the log ratio is after another model's turn than after a model's own.

    This is what a model inherits from the one before it, in the samples that count: caches, or a
    clock that answers to each model. A carry-over of one turn at most is nearly all of it, and its
    bias is the part of it that turns have which follow another model's. The second value is the
    standard error of the first, infinite for too few turns.

    Of each block it is given how much longer a turn after another's took than the one after it, of
    the same model: of the model and of the baseline, in log time. The two turns are one after the
    other, so that little else comes between them. `weights` are those of the blocks, the inverse
    of their scatter.
    """
    both = []
    for blocks in zip(*by_block, strict=True):
        longer = np.concatenate(blocks)
        if longer.size < FEWEST:
            return 0.0, math.inf
        both.append(median(longer, np.repeat(weights, [one.size for one in blocks])))
    (model, one), (baseline, other) = both
    return model - baseline, math.hypot(one, other)


def median(values: Floats, weights: Floats | None = None) -> tuple[float, float]:
    """The median and its standard error, by the median absolute deviation or the order statistics.

    The first is too small where values come in heaps, so that the median lies in one of them or in
    another, and the second varies more; the larger one is taken. That of a few values is often far
    too small by chance; the error allows for it. `weights` are the inverses of the values'
    scatters; None if they scatter alike.
    """
    order = np.argsort(values)
    ordered = values[order]
    weighted = np.ones(values.size) if weights is None else weights[order]
    root = float(np.linalg.norm(weighted))
    total = weighted.sum()
    places = (np.cumsum(weighted) - weighted / 2) / total
    step = root / total / 2
    middle, low, high = np.interp((0.5, 0.5 - step, 0.5 + step), places, ordered)
    scatter = 1.4826 * float(np.median(weighted * np.abs(ordered - middle)))
    error = max(1.2533 * scatter / root, float(high - low) / 2)
    return float(middle), error * (1 + 4 * (root / total) ** 2)


def median_scatter(values: Floats) -> float:
    """The standard deviation, from the median absolute deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
