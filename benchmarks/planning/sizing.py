"""The size of a run: how long its visits are, and how many blocks in how many processes.

The scatter of a block's log ratio has two parts: one that stays however long the visits are, and
one that shrinks with the number of inferences in a visit. Processes add a third, because the
layout of memory differs in each. So for P processes with N blocks in all, and visits of n
inferences,

    variance of the overhead = LAYOUT_SCATTER^2 / P + (block^2 + within^2 / n) / N

and every size has a cost in seconds and a smallest overhead that it detects. Both are computed for
all sizes of a grid from what the pilot found. The most precise size within the budget is taken, or
the cheapest that is precise enough. So a larger budget never detects less.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import ClassVar

import numpy as np
from scipy import stats

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.planning.request import DETECT_LIMIT_S
from edgebench.benchmarks.statistics.paired import POWER, fewest_processes
from edgebench.errors import UsageError
from edgebench.intervals import CONFIDENCE

LAYOUT_SCATTER = 0.004
"""The layout of memory favours a model by up to a per cent, one way or the other."""

PROCESSES = (6, 8, 9, 11, 12, 16, 17, 22)
"""Numbers whose exact signed-rank interval has a level just above 95 %: 95.4 % and more."""

BLOCKS_A_PROCESS = (*range(1, 11), 12, 15, 20)
VISITS_S = tuple(float(one) for one in np.geomspace(0.01, 2.0, 16).round(4))
MIN_INFERENCES = 3
WARMUP_WINDOW = 3

PILOT_SHARE = 0.15
"""The pilot stops after this share of the budget."""

MEDIAN_COST = math.pi / 2
"""How much more a median scatters than a mean, in variance, for normal log times."""


@dataclass(frozen=True)
class SlotPace:
    """One slot's seconds an inference and a warm-up, and the scatter of one inference's log.

    `start_s` is the rest of a visit's time, if every visit is a process of its own.
    """

    inference_s: float
    warmup_s: float
    scatter: float
    start_s: float = 0.0

    def inferences(self, visit_s: float) -> float:
        return max(visit_s / self.inference_s, MIN_INFERENCES)

    def visit_s(self, visit_s: float) -> float:
        """What a visit that is planned for so long takes, with its warm-up."""
        return self.start_s + self.warmup_s + max(visit_s, MIN_INFERENCES * self.inference_s)


@dataclass(frozen=True)
class Pace:
    """What a pilot found.

    groups: by name, the slots that run; the baseline is the first.
    comparisons: how many models share a baseline, at most.
    block_scatter: standard deviation of a block's log ratio, beyond what its inferences explain.
    warmup_s: how long a visit may warm up.
    start_s: how long a fresh process takes until it measures.
    """

    groups: Mapping[str, Mapping[str, SlotPace]]
    comparisons: int
    block_scatter: float
    warmup_s: float
    start_s: float


@dataclass(frozen=True)
class Size:
    """`blocks` are those of each group, divided evenly among `processes`."""

    processes: int
    blocks: int
    visit_s: float


SIZES = tuple(
    Size(processes, processes * each, visit_s)
    for processes, each, visit_s in product(PROCESSES, BLOCKS_A_PROCESS, VISITS_S)
)


@dataclass(frozen=True)
class Forecast:
    """What a plan will take and what it can detect, reported before it is carried out.

    `measuring_s` and `starting_s` are the seconds spent in blocks and in starting processes.
    `blocks` is 0 where nothing can be compared, because the models or their baselines do not run.
    `detectable` is the smallest overhead found with 90 % power; `asked` is what was asked for.
    `warnings` are what may withhold the verdict, as the pilot found it. `cooling_s` is how long,
    in total, the run may also wait for the device to cool. `guess` says that no pilot ran.
    """

    SCHEMA: ClassVar[str] = "edgebench.forecast/2"

    size: Size
    warmup_s: float
    blocks: int
    measuring_s: float
    starting_s: float
    detectable: float
    asked: float | None
    warnings: tuple[Diagnostic, ...] = ()
    cooling_s: float = 0.0
    guess: bool = False

    @property
    def seconds(self) -> float:
        """How long it takes in all."""
        return self.measuring_s + self.starting_s


def measuring_s(pace: Pace, size: Size) -> float:
    """The seconds that a size spends in blocks."""
    return size.blocks * round_s(pace, size.visit_s)


def round_s(pace: Pace, visit_s: float) -> float:
    """The seconds that one block of every group takes, there and back."""
    return 2 * sum(
        slot.visit_s(visit_s) for slots in pace.groups.values() for slot in slots.values()
    )


def detectable(pace: Pace, size: Size) -> float:
    """The smallest overhead that a run of this size detects with 90 % power."""
    return _detectable(pace, size, within_variance(pace, size.visit_s))


def _detectable(pace: Pace, size: Size, within: float) -> float:
    """(t[0.975] + t[0.9]) standard errors of processes (Bloom 1995, "Minimum Detectable Effects").

    Stricter with more comparisons.
    """
    variance = LAYOUT_SCATTER**2 / size.processes
    variance += (pace.block_scatter**2 + within) / size.blocks
    return math.expm1(_errors(size.processes, pace.comparisons) * math.sqrt(variance))


def within_variance(pace: Pace, visit_s: float) -> float:
    """The variance of a block's log ratio by its inferences, for the model that scatters most."""
    return max(
        (
            median_variance(baseline, visit_s) + median_variance(model, visit_s)
            for baseline, model in _pairs(pace)
        ),
        default=0.0,
    )


def _pairs(pace: Pace) -> Iterator[tuple[SlotPace, SlotPace]]:
    """Every baseline with each of its models."""
    for slots in pace.groups.values():
        baseline, *models = slots.values()
        yield from ((baseline, model) for model in models)


def median_variance(slot: SlotPace, visit_s: float) -> float:
    """The variance of a slot's log level in one block: the mean of two visits' medians."""
    return MEDIAN_COST * slot.scatter**2 / slot.inferences(visit_s) / 2


@cache
def _errors(processes: int, comparisons: int) -> float:
    """How many standard errors from zero an overhead has to be."""
    tail = (1 - CONFIDENCE) / comparisons / 2
    return float(stats.t.isf(tail, processes - 1) + stats.t.ppf(POWER, processes - 1))


def choose_size(
    pace: Pace, budget_s: float | None, detect: float | None, spent_s: float = 0.0
) -> Forecast:
    """The cheapest size that detects what is asked for, or else the best within the budget.

    Without a budget the limit is `DETECT_LIMIT_S`. The pilot's time is subtracted from the budget,
    but at most half of it. Starting processes counts against the budget too. If that alone is too
    much for a short budget, and half of what is left is enough for the blocks of the smallest
    size, that size is taken, and the forecast shows its time. Raises `UsageError` if the budget
    is too short even for that.
    """
    left_s = DETECT_LIMIT_S if budget_s is None else max(budget_s - spent_s, budget_s / 2)
    fewest = fewest_processes(pace.comparisons)
    # Sizes are many, and lengths of visits few.
    within = {visit_s: within_variance(pace, visit_s) for visit_s in VISITS_S}
    seconds = {visit_s: round_s(pace, visit_s) for visit_s in VISITS_S}
    forecasts = [
        Forecast(
            size=size,
            warmup_s=pace.warmup_s,
            blocks=size.blocks * len(pace.groups),
            measuring_s=size.blocks * seconds[size.visit_s],
            starting_s=size.processes * pace.start_s,
            detectable=_detectable(pace, size, within[size.visit_s]),
            asked=detect,
        )
        for size in SIZES
        if size.processes >= fewest
    ]
    payable = [one for one in forecasts if one.seconds <= left_s]
    if not payable:
        least = min(forecasts, key=lambda one: one.seconds)
        if least.measuring_s <= left_s / 2:
            return least
        raise _too_short(budget_s, spent_s, least.seconds)
    enough = [one for one in payable if detect is not None and one.detectable <= detect]
    if enough:
        return min(enough, key=lambda one: one.seconds)
    return min(payable, key=lambda one: one.detectable)


def _too_short(budget_s: float | None, spent_s: float, least_s: float) -> UsageError:
    """The error of a budget that is too short: what was given, and what would be enough.

    With a larger budget the pilot takes longer too.
    """
    given = f"the {DETECT_LIMIT_S / 60:.0f} minutes of a run without --budget are"
    if budget_s is not None:
        given = f"a budget of {budget_s:.3g} s is"
    pilot = f", plus {spent_s:.1f} s for the pilot" if spent_s else ""
    needed_s = (least_s + spent_s) / (1 - PILOT_SHARE)
    return UsageError(
        f"{given} too short for these models: the shortest run that gives a verdict takes "
        f"{least_s:.0f} s{pilot}",
        f"give --budget {math.ceil(needed_s)}s or more, or measure fewer models or precisions",
    )
