"""Rules to stop a measurement early, on simulated runs that are looked at again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from edgebench.benchmarks.proof.designs import Design, simulate
from edgebench.benchmarks.statistics import sequential, signed_rank
from edgebench.benchmarks.statistics.local_pairs import level
from edgebench.benchmarks.statistics.looks import Looks, first_look
from edgebench.benchmarks.statistics.paired import Floats
from edgebench.deploy.transports.simulated.scenarios import Scenario

SHORT = Design("short processes", "balanced", 30, 32, 2, 1)
"""Up to a minute, in processes of 1.3 s."""

LOOKS = tuple(range(4, SHORT.processes + 1, 2))
"""The processes after which a run is judged."""

THRESHOLD = 0.05
TRUTHS = (0.0, 0.03, THRESHOLD, 0.12)

ALPHA, NARROW_ALPHA = 0.05, 0.10
"""The errors of the interval and of that for the test of equivalence, both ends together."""


@dataclass(frozen=True)
class Looked:
    """The ends of the intervals at all looks, (runs, looks), and the processes at each."""

    low: Floats
    high: Floats
    processes: tuple[int, ...]


Rule = Callable[[Floats, float], Looked]
"""From the levels, (runs, processes), and the error to the intervals at the looks."""

Reach = Callable[[float], Floats]
"""From the error to how many standard errors the interval reaches, by look."""


def _student(levels: Floats, alpha: float, reach: Reach) -> Looked:
    """Intervals about the mean."""
    looks = np.array(LOOKS)
    sums = np.cumsum(levels, axis=1)[:, looks - 1]
    squares = np.cumsum(levels**2, axis=1)[:, looks - 1]
    centre = sums / looks
    error = np.sqrt((squares - sums * centre) / (looks - 1) / looks)
    return Looked(centre - reach(alpha) * error, centre + reach(alpha) * error, LOOKS)


def _product(levels: Floats, alpha: float) -> Looked:
    """The product's own: the signed-rank interval after every process from the first look on."""
    processes = levels.shape[1]
    looks = Looks(first_look(processes), processes)
    numbers = tuple(range(looks.first, processes + 1))
    ends = [signed_rank.ends(levels[:, :n], looks.error(n, alpha)) for n in numbers]
    low, _, high = (np.stack(one, axis=1) for one in zip(*ends, strict=True))
    return Looked(low, high, numbers)


def _at_the_end(alpha: float) -> Floats:
    reach = np.full(len(LOOKS), np.inf)
    reach[-1] = stats.t.isf(alpha / 2, LOOKS[-1] - 1)
    return reach


def _naive(alpha: float) -> Floats:
    return np.asarray(stats.t.isf(alpha / 2, np.array(LOOKS) - 1))


def _spending(alpha: float, spending: sequential.Spending) -> Floats:
    return sequential.bounds(LOOKS, alpha, spending)


def _always_valid(alpha: float) -> Floats:
    return sequential.always_valid(LOOKS, alpha, 1.0)


PRODUCT = "edgebench"

RULES: dict[str, Rule] = {
    "one look, at the end": partial(_student, reach=_at_the_end),
    "the usual interval": partial(_student, reach=_naive),
    "O'Brien-Fleming": partial(
        _student, reach=partial(_spending, spending=sequential.obrien_fleming)
    ),
    "evenly spent": partial(_student, reach=partial(_spending, spending=sequential.evenly)),
    "Pocock": partial(_student, reach=partial(_spending, spending=sequential.pocock)),
    "always valid": partial(_student, reach=_always_valid),
    PRODUCT: _product,
}
"""The last is what a run does: levels that are evenly spent, for the signed-rank interval."""


@dataclass(frozen=True)
class Stopped:
    """What a rule makes of many runs of one true overhead.

    The shares that are supported and refuted, and of those whose interval at the end, or where
    they stopped, holds the truth; the median seconds to the verdict, the budget where there is
    none.
    """

    supported: float
    refuted: float
    coverage: float
    seconds: float


def stopped(machine: Scenario, runs: int, seed: int) -> dict[str, dict[float, Stopped]]:
    """By rule and true overhead."""
    found = simulate(machine, SHORT, runs, seed, (0.0, 0.0))
    levels = level(found.ratios(1))
    answers: dict[str, dict[float, Stopped]] = {}
    for name, rule in RULES.items():
        narrow, wide = rule(levels, NARROW_ALPHA), rule(levels, ALPHA)
        seconds = found.seconds * np.array(narrow.processes) / levels.shape[1]
        answers[name] = {}
        for truth in TRUTHS:
            # The models' times are equal here; a heavier one's would all be longer by this.
            limit = np.log1p(THRESHOLD) - np.log1p(truth)
            below, above = narrow.high < limit, narrow.low > limit
            decided = below | above
            ever = decided.any(axis=1)
            when = np.where(ever, decided.argmax(axis=1), seconds.size - 1)
            at = np.arange(runs), when
            answers[name][truth] = Stopped(
                float(np.mean(below[at])),
                float(np.mean(above[at])),
                float(np.mean((wide.low[at] <= 0) & (wide.high[at] >= 0))),
                float(np.median(seconds[when])),
            )
    return answers
