"""From trials to shares with their binomial intervals and bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgebench.benchmarks.proof.trial import SimulatedTrial
from edgebench.intervals import Estimate, Interval, proportion

AT_MOST_5 = Interval(0.0, 0.05)
AT_MOST_10 = Interval(0.0, 0.10)
COVERAGE = Interval(0.93, 0.975)
COVERAGE_OF_ALL_LOOKS = Interval(0.93, 1.0)
"""Of a run that may stop early the intervals at all looks together hold the truth in 95 %, so that
the one where it stops does so more often."""

AT_LEAST_90 = Interval(0.90, 1.0)
AT_LEAST_95 = Interval(0.95, 1.0)


State = Literal["not asked", "kept", "open", "broken"]


@dataclass(frozen=True)
class Figure:
    """A share of trials, None of no trials, and its bounds, None if it has none."""

    share: Estimate | None
    bounds: Interval | None = None

    @property
    def state(self) -> State:
        """Whether the bounds are kept by the share itself, or broken by its whole interval.

        A test of exactly 5 % errs in more than 5 % of every other sample. So a share beyond its
        bound whose interval contains the bound is neither: more runs would decide.
        """
        if self.bounds is None or self.share is None:
            return "not asked"
        if self.bounds.low <= self.share.value <= self.bounds.high:
            return "kept"
        beyond = self.share.high < self.bounds.low or self.share.low > self.bounds.high
        return "broken" if beyond else "open"


Question = Callable[[SimulatedTrial], bool]

QUESTIONS: dict[str, Question] = {
    "false alarms": lambda trial: trial.itself.finds_any,
    "coverage": lambda trial: all(one.covers for one in trial.models),
    "3 % found": lambda trial: trial.models[0].finds_slower,
    "withheld": lambda trial: trial.models[0].withheld,
}
"""A false alarm is a verdict on A/A whose interval excludes zero. Coverage is that of all
intervals, with a verdict or without; an overhead counts as found only with a verdict."""


def share(hits: Iterable[bool]) -> Estimate | None:
    """A share with Wilson's 95 % interval; None of nothing."""
    found = np.fromiter(hits, dtype=np.bool_)
    return proportion(found) if found.size else None


def figures(
    trials: Sequence[SimulatedTrial], bounds: Sequence[Interval | None], biased: bool = False
) -> tuple[Figure, ...]:
    """The answers to `QUESTIONS`, in their order.

    If the machine is `biased`, withheld are those of the runs whose estimate is off.
    """
    off = [trial for trial in trials if trial.models[0].biased]
    return tuple(
        Figure(share(map(question, off if biased and name == "withheld" else trials)), bound)
        for (name, question), bound in zip(QUESTIONS.items(), bounds, strict=True)
    )
