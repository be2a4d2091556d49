"""Which level an interval has at a look: that of the one look, or of one of many.

A run that may stop after any process from `first` on is looked at that often. The level at each
look is the one that Student's t has at the bounds of `sequential`, whose error is spent evenly; the
signed-rank interval over processes takes it over. Levels from one test are usual with another
(Jennison and Turnbull, Group Sequential Methods, 3.3: the significance level approach), and
`prove_designs` shows what it makes of simulated runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from edgebench.benchmarks.statistics import sequential
from edgebench.intervals import CONFIDENCE


def fewest_processes(comparisons: int = 1) -> int:
    """With fewer the signed-rank test has no interval: with 6 it cannot go above 1 - 2 / 2**6."""
    return math.ceil(1 + math.log2(comparisons / (1 - CONFIDENCE)))


def first_look(processes: int, comparisons: int = 1) -> int:
    """The first look at a run of so many processes at which an interval exists.

    The error that may be spent by then has to be as large as that of the widest interval that the
    signed-rank test has. For too few processes it is the last one.
    """
    error = (1 - CONFIDENCE) / comparisons
    looks = range(2, processes)
    return next((n for n in looks if 2 ** (1 - n) <= error * n / processes), processes)


@dataclass(frozen=True)
class Looks:
    """The looks at a run of at most `processes`: after `first` of them, and after each further.

    If `first` is the last one there is one look, at the end or where the run was interrupted.
    """

    first: int
    processes: int

    @property
    def many(self) -> bool:
        """Whether there is more than one."""
        return self.first < self.processes

    def fewest(self, comparisons: int) -> int:
        """The processes that an interval needs, where so many models share a baseline."""
        fewest = fewest_processes(comparisons)
        return max(self.first, fewest) if self.many else fewest

    def error(self, done: int, alpha: float) -> float:
        """The error, both ends together, of an interval over the processes that are done.

        Of the intervals at all looks together it is `alpha`, and so it is at the only look. Before
        the first of many it is 0: there is no interval.
        """
        if not self.many:
            return alpha
        if done < self.first:
            return 0.0
        looks = tuple(range(self.first, self.processes + 1))
        bounds = sequential.bounds(looks, alpha, sequential.evenly)
        look = min(done, self.processes)
        error = float(2 * stats.t.sf(bounds[look - self.first], look - 1))
        # The bounds are drawn by chance, and may miss the widest interval by a hair.
        return max(error, 2.0 ** (1 - look))
