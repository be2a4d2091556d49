"""Stopping early: how far the estimate has to be from a value to be decided at each look.

A run looks at its data after every few processes. A test at the usual level at each look errs
several times as often as it says. The error is therefore spent bit by bit (Lan and DeMets,
Biometrika 1983): by the look at which a part of the data is there, a share of it that a spending
function gives. The interval at each look is then a repeated confidence interval (Jennison and
Turnbull, JRSS B 1989): all of them together hold the truth with the stated probability, whatever
rule stops the run.

The bounds are on Student's t over processes, by simulation of its own joint distribution at the
looks. The usual way, levels for normal values that are then used with Student's t, spends 10.9 %
where 10 % were asked for, with looks at 4, 6, 8, ... 30 processes.

Of runs of up to 48 s on a calm machine, judged against 5 % (`make prove-designs`): how often (%) a
true overhead of 5 % is found below and above it, and the median seconds to the verdict where the
truth is 0, 3 and 12 %.

                           below   above     0 %   3 %   12 %
    the usual interval      20.2    18.2      6     6     6
    O'Brien and Fleming      4.2     4.4     11    16    10
    evenly                   4.4     4.8      6    10     6
    Pocock                   4.8     5.0      6    10     6
    always valid             1.8     2.2     10    10     6

Spent evenly, the error allows the first verdicts as early as Pocock's, and leaves more for the last
look. Where a run stops early its repeated interval is wide: it holds the truth in 99 % of runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Spending = Callable[[float, float], float]
"""From the error, both ends together, and the part of the data to what is spent by then."""

DRAWS = 50_000
"""Simulated runs: an error of 5 % is known to 0.1 points."""


def obrien_fleming(alpha: float, part: float) -> float:
    """Little at first (Lan and DeMets's function for the bounds of O'Brien and Fleming)."""
    return float(4 * stats.norm.sf(stats.norm.isf(alpha / 4) / math.sqrt(part)))


def pocock(alpha: float, part: float) -> float:
    """More at first (their function for Pocock's bounds)."""
    return alpha * math.log(1 + (math.e - 1) * part)


def evenly(alpha: float, part: float) -> float:
    """In proportion to the data, between the two others."""
    return alpha * part


def bounds(processes: Sequence[int], alpha: float, spending: Spending) -> Floats:
    """By look, how many standard errors of the processes' mean decide.

    `processes` are those measured by each look; at the last one all of `alpha` is spent. A look
    that may not decide yet has an infinite bound. Raises `ValueError` if they do not increase, or
    if there are fewer than two at the first look.
    """
    if any(after <= before for before, after in zip((1, *processes), processes, strict=False)):
        raise ValueError("the first look needs two processes, and every further one more")
    return np.array(_bounds(tuple(processes), alpha, spending))


@cache
def _bounds(processes: tuple[int, ...], alpha: float, spending: Spending) -> tuple[float, ...]:
    running = _scores(processes)
    found = []
    for look, number in enumerate(processes):
        spent = round(DRAWS * spending(alpha, number / processes[-1]))
        stopping = spent - (DRAWS - len(running))
        reached = np.sort(running[:, look])
        found.append(float(reached[-stopping]) if stopping > 0 else math.inf)
        running = running[running[:, look] < found[-1]]
    return tuple(found)


def _scores(processes: tuple[int, ...]) -> Floats:
    """The size of Student's t at each look of runs in which there is nothing to be found."""
    chance = np.random.default_rng(0)
    added = np.diff((0, *processes))
    sums = chance.normal(0, np.sqrt(added), (DRAWS, added.size))
    # The squares of normal values are those about their mean, which are independent of it, and it.
    squares = 2 * chance.standard_gamma((added - 1) / 2, (DRAWS, added.size)) + sums**2 / added
    total, of_squares = np.cumsum(sums, axis=1), np.cumsum(squares, axis=1)
    count = np.array(processes)
    variance = (of_squares - total**2 / count) / (count - 1)
    return np.asarray(np.abs(total) / np.sqrt(variance * count))


def always_valid(processes: Sequence[int], alpha: float, strength: float) -> Floats:
    """The same for looks at any time, with no last one.

    The Bayes factor of Student's t with a normal prior of variance `strength` on the effect in
    standard deviations (Gönen et al., American Statistician 2005) exceeds 1 / alpha at any time
    with probability alpha at most if there is no effect (Ville's inequality; for the t test
    Pérez-Ortiz, Lardy, de Heide and Grünwald, Annals of Statistics 2024).
    """
    n = np.asarray(processes, dtype=np.float64)
    ratio = 1 + n * strength
    # ((1 + t² / v) / (1 + t² / (v ratio))) ^ (n / 2) = √ratio / alpha, where v = n - 1.
    needed = (np.sqrt(ratio) / alpha) ** (2 / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = np.where(needed < ratio, (n - 1) * (needed - 1) / (1 - needed / ratio), np.inf)
    return np.asarray(np.sqrt(squared))
