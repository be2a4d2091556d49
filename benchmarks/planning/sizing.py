"""The size of a run: how long its turns and processes are, and how many processes there may be.

A process's log ratio scatters for two reasons: the layout of memory, which is another in each
process, and the noise of its pairs of samples (`statistics.local_pairs`). So of P processes with n
pairs each,

    variance of the overhead = (between^2 + within^2 / n) / P

and a process costs the time of its start besides that of its pairs. The number of pairs that gives
the smallest variance in the same time is within / between * sqrt(start / pair), the rule for the
size of clusters in a sample (Cochran, Sampling Techniques, 10.6). The number of processes is what
the budget allows, or what detects the overhead that was asked for; the run stops before that if
its question is answered (`statistics.sequential`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from scipy import stats

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.planning.orders import turns_in_a_round
from edgebench.benchmarks.planning.request import DETECT_LIMIT_S
from edgebench.benchmarks.statistics.looks import Looks, fewest_processes, first_look
from edgebench.benchmarks.statistics.paired import POWER
from edgebench.deploy.documents.plan import TurnLength
from edgebench.errors import UsageError
from edgebench.intervals import CONFIDENCE

LAYOUT_SCATTER = 0.004
"""The layout of memory favours a model by up to a per cent, one way or the other."""

MOST_PROCESSES = 30
WANTED_PROCESSES = 24
"""So many, if they are not so short that half of the time goes into their start: a run can stop
after a third of them."""

LONGEST_S = 10.0
"""The longest that a process measures one group."""

BLOCK_S = 1.0
"""The length of a block, after which the machine's state is read."""

SETTLED_S = 0.1
UNTOUCHED_S = 0.5
"""Inferences that take so long are hardly touched, or not at all, by what ran before them."""

SHORTEST_SAMPLE_S = 0.0005
"""Of faster inferences several are a sample: a clock's reading takes about 0.1 us."""

APART_S = 0.5
"""How long a turn's samples take that is a process of its own."""

PARTS = (1.0, 0.5, 0.25, 0.1, 0.0)
"""The parts of the best length of a process that are tried if a large overhead is to be detected;
with the last one it measures one round.
"""

LOOKING = 1.25
"""How much wider the last interval is of a run that is looked at again and again."""

PILOT_SHARE = 0.15
"""The pilot stops after this share of the budget."""

MEDIAN_COST = math.pi / 2
"""How much more a median scatters than a mean, in variance, for normal log times."""


@dataclass(frozen=True)
class GroupPace:
    """What a pilot found of a group.

    inference_s: seconds an inference, by slot; the baseline is the first.
    scatter: standard deviation of the log ratio of a pair of samples, of the noisiest model.
    start_s: the rest of a turn's time, if every turn is a process of its own.
    """

    inference_s: Mapping[str, float]
    scatter: float
    start_s: float = 0.0

    @property
    def turn(self) -> TurnLength:
        """How long a turn is to be."""
        slowest_s, fastest_s = max(self.inference_s.values()), min(self.inference_s.values())
        if self.start_s:
            return TurnLength(max(math.ceil(APART_S / slowest_s), 3), 2, 1)
        if slowest_s >= UNTOUCHED_S:
            return TurnLength(1, 0, 1)
        batch = max(math.ceil(SHORTEST_SAMPLE_S / fastest_s), 1)
        return TurnLength(2, 1, 1) if slowest_s >= SETTLED_S else TurnLength(3, 2, batch)

    @property
    def turns(self) -> int:
        """The turns of each slot in a round; there and back where models cannot take turns."""
        return 2 if self.start_s else turns_in_a_round(len(self.inference_s))

    @property
    def round_s(self) -> float:
        """The seconds of one round."""
        turn = self.turn
        inferences = turn.samples * turn.batch
        each = (self.start_s + inferences * one for one in self.inference_s.values())
        return self.turns * sum(each)

    @property
    def pairs(self) -> int:
        """The pairs of samples that a round gives for each model."""
        return self.turns * (1 if self.start_s else self.turn.samples - self.turn.dropped)

    def rounds(self, seconds: float) -> int:
        """How many rounds fit best into so many seconds."""
        return max(round(seconds / self.round_s), 1)

    def best_s(self, start_s: float) -> float:
        """How long a process should measure the group, if its start takes `start_s`."""
        pair_s = self.round_s / self.pairs
        pairs = math.sqrt(MEDIAN_COST * start_s / pair_s) * self.scatter / LAYOUT_SCATTER
        return pairs * pair_s

    def variance(self, seconds: float) -> float:
        """The variance of one process's log ratio."""
        pairs = self.rounds(seconds) * self.pairs
        return LAYOUT_SCATTER**2 + MEDIAN_COST * self.scatter**2 / pairs


@dataclass(frozen=True)
class Pace:
    """What a pilot found.

    groups: by name; only those that have something to compare.
    comparisons: how many models share a baseline, at most.
    warmup_s: how long a slot may warm up, once in a process.
    start_s: how long a fresh process takes until it measures, warm-ups included.
    """

    groups: Mapping[str, GroupPace]
    comparisons: int
    warmup_s: float
    start_s: float


@dataclass(frozen=True)
class GroupSize:
    """A group's turns, the blocks of it in each process, and the rounds in a block."""

    turn: TurnLength
    blocks: int
    rounds: int
    apart: bool


@dataclass(frozen=True)
class Size:
    """The most processes, after how many the run may stop, and by group what each measures."""

    processes: int
    first_look: int
    groups: Mapping[str, GroupSize]

    @property
    def stops_early(self) -> bool:
        """Whether the run ends as soon as its verdicts are clear."""
        return Looks(self.first_look, self.processes).many


@dataclass(frozen=True)
class Forecast:
    """What a plan will take and what it can detect, reported before it is carried out.

    `measuring_s` and `starting_s` are the seconds spent in blocks and in starting processes, at
    most. `blocks` is 0 where nothing can be compared, because the models or their baselines do not
    run. `detectable` is the smallest overhead found with 90 % power; `asked` is what was asked for.
    `warnings` are what may withhold the verdict, as the pilot found it. `cooling_s` is how long,
    in total, the run may also wait for the device to cool. `guess` says that no pilot ran.
    """

    SCHEMA: ClassVar[str] = "edgebench.forecast/3"

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
        """How long it takes in all, at most."""
        return self.measuring_s + self.starting_s


def choose_size(
    pace: Pace,
    budget_s: float | None,
    detect: float | None,
    spent_s: float = 0.0,
    stops_early: bool = True,
) -> Forecast:
    """The shortest that detects what is asked for, or else the most that the budget allows.

    Without a budget the limit is `DETECT_LIMIT_S`. The pilot's time is subtracted from the budget,
    but at most half of it. Starting processes counts against the budget too. If that alone is too
    much for a short budget, and half of what is left is enough for the blocks of the smallest
    size, that size is taken, and the forecast shows its time. `stops_early` says that the run is
    looked at after each process, from the first that can decide. Raises `UsageError` if the budget
    is too short even for that.
    """
    left_s = DETECT_LIMIT_S if budget_s is None else max(budget_s - spent_s, budget_s / 2)
    fewest = fewest_processes(pace.comparisons)
    if not pace.groups:
        return _forecast(pace, {}, fewest, fewest, detect)
    seconds = _seconds(pace, left_s)
    a_process_s = pace.start_s + sum(_measuring_s(pace, seconds))
    most = min(int(left_s / a_process_s), MOST_PROCESSES)
    if most < fewest:
        least = _forecast(pace, seconds, fewest, fewest, detect)
        if least.measuring_s <= left_s / 2:
            return least
        raise _too_short(budget_s, spent_s, least.seconds)

    def forecast(processes: int, part: float = 1.0) -> Forecast:
        first = first_look(processes, pace.comparisons) if stops_early else processes
        shorter = {name: part * one for name, one in seconds.items()}
        return _forecast(pace, shorter, processes, first, detect)

    if detect is None:
        return forecast(most)
    found = [forecast(one, part) for one in range(fewest, most + 1) for part in PARTS]
    enough = [one for one in found if one.detectable <= detect]
    return min(enough, key=lambda one: one.seconds) if enough else forecast(most)


def _seconds(pace: Pace, left_s: float) -> dict[str, float]:
    """How long a process measures each group: as is best, or less in favour of more processes."""
    best = {name: min(one.best_s(pace.start_s), LONGEST_S) for name, one in pace.groups.items()}
    longest_s = left_s / fewest_processes(pace.comparisons) - pace.start_s
    wanted_s = max(left_s / WANTED_PROCESSES - pace.start_s, pace.start_s)
    asked_s = sum(best.values())
    shorter = min(max(min(wanted_s, longest_s), 0.0) / asked_s, 1.0) if asked_s else 1.0
    return {name: one * shorter for name, one in best.items()}


def _measuring_s(pace: Pace, seconds: Mapping[str, float]) -> list[float]:
    return [one.rounds(seconds[name]) * one.round_s for name, one in pace.groups.items()]


def _forecast(
    pace: Pace, seconds: Mapping[str, float], processes: int, first: int, detect: float | None
) -> Forecast:
    sizes = {name: _group_size(one, seconds[name]) for name, one in pace.groups.items()}
    variance = max((one.variance(seconds[name]) for name, one in pace.groups.items()), default=0.0)
    size = Size(processes, first, sizes)
    errors = _errors(processes, pace.comparisons) * (LOOKING if size.stops_early else 1)
    return Forecast(
        size=size,
        warmup_s=pace.warmup_s,
        blocks=processes * sum(one.blocks for one in sizes.values()),
        measuring_s=processes * sum(_measuring_s(pace, seconds)),
        starting_s=processes * pace.start_s,
        detectable=math.expm1(errors * math.sqrt(variance / processes)),
        asked=detect,
    )


def _group_size(pace: GroupPace, seconds: float) -> GroupSize:
    rounds = pace.rounds(seconds)
    blocks = min(max(round(rounds * pace.round_s / BLOCK_S), 1), rounds)
    return GroupSize(pace.turn, blocks, math.ceil(rounds / blocks), pace.start_s > 0)


@cache
def _errors(processes: int, comparisons: int) -> float:
    """How many standard errors from zero an overhead has to be to be found.

    (t[0.975] + t[0.9]) (Bloom 1995, "Minimum Detectable Effects"); stricter with more comparisons.
    """
    tail = (1 - CONFIDENCE) / comparisons / 2
    return float(stats.t.isf(tail, processes - 1) + stats.t.ppf(POWER, processes - 1))


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
