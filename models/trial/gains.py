"""What a kind of attention gains over none, paired by seed, and how much of it could be seen."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

import numpy as np
from scipy import optimize, stats

from edgebench.models.trial.recipe import KINDS
from edgebench.models.trial.records import TrialRecord

LEVEL = 0.05
"""Of tests, and what is missing to 1 in the confidence of intervals."""

ALIKE = 0.01
"""A kind is as good as none where the interval of its gain lies within so much either way."""

POWER = 0.8
"""With which a difference of the size `Gain.detectable` is found."""

_POINTS = 4000

Pair = tuple[int, str]
"""A seed and the device that trained: the same seed gives other scenes on another one."""

TOP1 = dict[str, dict[Pair, float]]
"""By kind and pair, a share."""


@dataclass(frozen=True)
class Gain:
    """A kind's mean gain over none in top-1, as shares, over the pairs that there are of both.

    `low` and `high` are Student's 95 % interval of this kind alone, `spread` the standard deviation
    of the paired differences, `p` that of the paired t test, and `adjusted` the same by Holm (1979)
    for all kinds that are compared. `detectable` is the smallest true gain or loss that a test of
    this kind alone would find with 80 % power, were the spread as it was found. All are None
    before there are two seeds.
    """

    kind: str
    seeds: int
    top1: float
    gain: float
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    p: float | None = None
    adjusted: float | None = None
    detectable: float | None = None

    @property
    def verdict(self) -> str:
        """`better` and `worse` are held to the level over all kinds."""
        if self.adjusted is None or self.low is None or self.high is None:
            return "too few seeds"
        if self.adjusted >= LEVEL:
            alike = self.low > -ALIKE and self.high < ALIKE
            return "within a point" if alike else "undecided"
        return "better" if self.gain > 0 else "worse"


def top1(found: Iterable[TrialRecord]) -> TOP1:
    """The records of one recipe, in the order of `KINDS`."""
    every: TOP1 = defaultdict(dict)
    for one in found:
        every[one.kind][one.seed, one.device] = one.top1
    order = [*KINDS, *sorted(set(every) - set(KINDS))]
    return {kind: dict(sorted(every[kind].items())) for kind in order if kind in every}


def gains(found: TOP1, over: str = "none") -> list[Gain]:
    """Each kind against `over`; those without a pair are left out."""
    base = found.get(over, {})
    each = []
    for kind, of_kind in found.items():
        pairs = [pair for pair in of_kind if pair in base]
        if kind != over and pairs:
            differences = [of_kind[pair] - base[pair] for pair in pairs]
            each.append(_gain(kind, fmean(of_kind.values()), differences))
    return _adjusted(each)


def _gain(kind: str, mean: float, differences: Sequence[float]) -> Gain:
    count, centre = len(differences), fmean(differences)
    bare = Gain(kind, count, mean, centre)
    if count < 2:
        return bare
    spread = stdev(differences)
    error = spread / math.sqrt(count)
    half = error * float(stats.t.ppf(1 - LEVEL / 2, count - 1))
    if error == 0:
        p = 1.0 if centre == 0 else 0.0
    else:
        p = float(2 * stats.t.sf(abs(centre) / error, count - 1))
    return replace(
        bare,
        low=centre - half,
        high=centre + half,
        spread=spread,
        p=p,
        detectable=error * distance(count),
    )


def distance(count: int) -> float:
    """How many standard errors a true mean of `count` values has to be from 0 for a t test to find
    it with the power wanted."""
    free = count - 1
    critical = float(stats.t.ppf(1 - LEVEL / 2, free))

    # scipy's own noncentral t gives no number far out, so it is averaged over the deviation that a
    # sample happens to have.
    shares = (np.arange(_POINTS) + 0.5) / _POINTS
    reach = critical * np.sqrt(stats.chi2.ppf(shares, free) / free)

    def missing(offset: float) -> float:
        found = stats.norm.sf(reach - offset) + stats.norm.cdf(-reach - offset)
        return float(found.mean()) - POWER

    return float(optimize.brentq(missing, 0.1, 2 * critical + 2))


def _adjusted(each: Sequence[Gain]) -> list[Gain]:
    """With p values that allow for the number of comparisons (Holm, Scandinavian Journal of
    Statistics 6, 1979)."""
    tested = sorted((one for one in each if one.p is not None), key=lambda one: one.p or 0.0)
    adjusted: dict[str, float] = {}
    largest = 0.0
    for place, one in enumerate(tested):
        largest = max(largest, min(1.0, (one.p or 0.0) * (len(tested) - place)))
        adjusted[one.kind] = largest
    return [replace(one, adjusted=adjusted.get(one.kind)) for one in each]
