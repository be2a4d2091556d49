"""From a finely interleaved sequence to a model's log ratio in one process.

The n-th counted inference of a model is compared with the n-th of the baseline. In rounds of a
balanced order (`planning.orders`) the two are some hundredths of a second apart, so that whatever
is slower than that cancels from the ratio. Every inference is in one pair, so that all followings
count equally. Pairs of nearest neighbours would not do: they use those inferences of the baseline
more often that come just before or after the model's, and so lose the balance of the order again.

`pairs` and `level` work along the last axis, on one process or on many at once.
"""

from __future__ import annotations

import numpy as np

from edgebench.benchmarks.statistics.paired import Floats


def pairs(model_s: Floats, baseline_s: Floats) -> Floats:
    """The log ratios of the n-th inferences; the longer sequence's last have no partner."""
    count = min(model_s.shape[-1], baseline_s.shape[-1])
    return np.asarray(np.log(model_s[..., :count] / baseline_s[..., :count]))


def level(log_ratios: Floats) -> Floats:
    """A process's log ratio: the median of its pairs.

    The half-width (points) of the interval over 18 processes, of about 30 s in all, with it and
    with other centres (`make prove-designs`). For equal models each of them holds the truth in 93
    to 97 % of 400 runs, so the width decides:

                         mean   middle half's mean   Hodges-Lehmann   median
        calm             0.71         0.50                0.48         0.54
        bursts           2.15         0.70                0.75         0.67
        hiccups          2.80         0.67                0.73         0.65
        bimodal clock    2.01         1.67                1.61         1.05
        load in step     2.16         2.55                1.70         1.38
    """
    return np.asarray(np.median(log_ratios, axis=-1))


FASTEST = 0.1
"""The part of the pairs that is taken for those of an undisturbed machine."""


def speed_dependence(log_ratios: Floats, log_speeds: Floats) -> float:
    """How much larger the log ratio is than in the moments when the machine was fastest.

    What slows both models down alike widens an interval, and this stays near zero. What hits one
    of them more (a neighbour on the memory bus, a load that comes with it) biases the ratio, and
    this shows by how much, as long as it isn't there all the time. `log_ratios` and `log_speeds`
    are of the same pairs of a run, (processes, pairs); the latter are the mean log times of a pair,
    which noise alone does not tie to the ratio as long as both models are equally noisy.
    """
    usual = np.median(log_ratios)
    ordered = np.argsort(log_speeds, axis=None)
    fastest = log_ratios.ravel()[ordered[: max(int(ordered.size * FASTEST), 1)]]
    return float(usual - np.median(fastest))
