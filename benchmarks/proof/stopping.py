"""Rules to stop a measurement early, on simulated runs that are looked at again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from edgebench.benchmarks.proof.designs import Design, simulate
from edgebench.benchmarks.statistics import sequential
from edgebench.benchmarks.statistics.local_pairs import level
from edgebench.benchmarks.statistics.paired import Floats
from edgebench.deploy.transports.simulated.neighbours import Neighbourhood

SHORT = Design("short processes", "balanced", 30, 32, 2, 1)
"""Up to a minute, in processes of 1.3 s."""

LOOKS = tuple(range(4, SHORT.processes + 1, 2))
"""The processes after which a run is judged."""

THRESHOLD = 0.05
TRUTHS = (0.0, 0.03, THRESHOLD, 0.12)

ALPHA, NARROW_ALPHA = 0.05, 0.10
"""The errors of the interval and of that for the test of equivalence, both ends together."""

Rule = Callable[[float], Floats]
"""From the error to how many standard errors the interval reaches, by look."""


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


RULES: dict[str, Rule] = {
    "one look, at the end": _at_the_end,
    "the usual interval": _naive,
    "O'Brien-Fleming": partial(_spending, spending=sequential.obrien_fleming),
    "evenly spent": partial(_spending, spending=sequential.evenly),
    "Pocock": partial(_spending, spending=sequential.pocock),
    "always valid": _always_valid,
}


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


def stopped(machine: Neighbourhood, runs: int, seed: int) -> dict[str, dict[float, Stopped]]:
    """By rule and true overhead."""
    found = simulate(machine, SHORT, runs, seed, (0.0, 0.0))
    levels = level(found.ratios(1))
    looks = np.array(LOOKS)
    sums = np.cumsum(levels, axis=1)[:, looks - 1]
    squares = np.cumsum(levels**2, axis=1)[:, looks - 1]
    centre = sums / looks
    error = np.sqrt((squares - sums * centre) / (looks - 1) / looks)
    seconds = found.seconds * looks / looks[-1]
    answers: dict[str, dict[float, Stopped]] = {}
    for name, rule in RULES.items():
        narrow, wide = rule(NARROW_ALPHA) * error, rule(ALPHA) * error
        answers[name] = {}
        for truth in TRUTHS:
            # The models' times are equal here; a heavier one's would all be longer by this.
            there = centre + np.log1p(truth)
            below = there + narrow < np.log1p(THRESHOLD)
            above = there - narrow > np.log1p(THRESHOLD)
            decided = below | above
            ever = decided.any(axis=1)
            when = np.where(ever, decided.argmax(axis=1), looks.size - 1)
            at = np.arange(runs), when
            answers[name][truth] = Stopped(
                float(np.mean(below[at])),
                float(np.mean(above[at])),
                float(np.mean(np.abs(centre[at]) <= wide[at])),
                float(np.median(seconds[when])),
            )
    return answers
