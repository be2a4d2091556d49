"""The size of a run: how long its turns and processes are, and how many processes there may be.

A block's log ratio scatters for two reasons: the layout of memory, which is another each time that
the models are loaded, and the noise of its pairs of samples (`statistics.local_pairs`). So of P
processes with B blocks of n pairs each,

    variance of the overhead = (layout^2 + scatter^2 / n) / (P B)

and a block costs the time to load the models besides that of its pairs. The number of pairs that
gives the smallest variance in the same time is scatter / layout * sqrt(load / pair), the rule for
the size of clusters in a sample (Cochran, Sampling Techniques, 10.6). The number of processes is
what the budget allows, or what detects the overhead that was asked for; the run stops before that
if its question is answered (`statistics.sequential`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from scipy import stats

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.planning.request import DETECT_LIMIT_S
from edgebench.benchmarks.statistics.looks import Looks, fewest_processes, first_look
from edgebench.benchmarks.statistics.paired import POWER
from edgebench.deploy.documents.plan import TurnLength
from edgebench.errors import UsageError
from edgebench.intervals import CONFIDENCE

LAYOUT_SCATTER = 0.004
"""By the layout of memory, as long as it is not known: up to a per cent, one way or the other."""

MOST_PROCESSES = 60
"""Twice as many as 30 make a run that is decided early 7 % longer, because it is looked at more
often; of noisy runs that want all of a budget of 60 s for 3 %, 9 in 100 more find it.
"""

WANTED_PROCESSES = 24
"""So many, if they are not so short that half of the time goes into their start: a run can stop
after a third of them."""

LONGEST_S = 10.0
"""The longest that a process measures one group."""

UNTOUCHED_S = 0.5
"""Inferences that take so long are not touched by what ran before them."""

USUAL_CARRY_OVER = 1
"""So many inferences are longer because another model ran before, as long as that is not known."""

TURN_S = 0.15
"""A turn is no longer, unless it takes longer to drop what has to be dropped and count one."""

MOST_BALANCED = 6
LONGEST_ROUND_S = 3.0
"""A balanced round of more models, or a longer one, takes too long: machines change meanwhile."""

SHORTEST_SAMPLE_S = 0.0005
"""Of faster inferences several are a sample: a clock's reading takes about 0.1 us."""

CLOCK_STEPS = 100
"""A sample takes at least as many steps of a coarse clock: one is off by 0.4 % of its time then.

A browser's clock is read between its steps (`page/clock.js` of that transport), so that what is
left is noise around nothing, which many pairs take away. It is a tenth of the interval or less for
all that are wider than 0.1 %, of 100 pairs and more; `gate.run_checks.coarse_clock` looks at it.
"""

APART_S = 0.5
"""How long a turn's samples take that is a process of its own."""

PARTS = (1.0, 0.5, 0.25, 0.1, 0.0)
"""The parts of the best length of a block that are tried if a large overhead is to be detected;
with the last one it is one round.
"""

ROUGHLY = 4
"""What detects an overhead may take so many times as long as a pilot lets expect: of fewer than ten
blocks the standard deviation is known to a factor of two.
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
    layout: standard deviation of a block's log ratio by the layout of memory alone.
    carry_over: how many inferences are longer because another model ran before them.
    load_s: seconds to load and warm up its models, before each block.
    clock_s: the step of the clock that times inferences; 0 for one that is fine enough.
    """

    inference_s: Mapping[str, float]
    scatter: float
    start_s: float = 0.0
    layout: float = LAYOUT_SCATTER
    carry_over: int = USUAL_CARRY_OVER
    load_s: float = 0.0
    clock_s: float = 0.0

    @property
    def turn(self) -> TurnLength:
        """How long a turn is to be.

        What another model's turn has touched is dropped, with one more for what the pilot is too
        short to see. As many samples count, if they fit into `TURN_S`: then the more have to be
        dropped the longer are the turns, and the part of the time that counts stays the same.
        """
        slowest_s, fastest_s = max(self.inference_s.values()), min(self.inference_s.values())
        if self.start_s:
            return TurnLength(max(math.ceil(APART_S / slowest_s), 3), 2, 1)
        if slowest_s >= UNTOUCHED_S:
            return TurnLength(1, 0, 1)
        shortest_s = max(SHORTEST_SAMPLE_S, CLOCK_STEPS * self.clock_s)
        batch = max(math.ceil(shortest_s / fastest_s), 1)
        dropped = math.ceil((self.carry_over + 1) / batch)
        longest_s = min(TURN_S, LONGEST_ROUND_S / len(self.inference_s) ** 2)
        fitting = int(longest_s / (slowest_s * batch)) - dropped
        return TurnLength(dropped + max(min(dropped, fitting), 1), dropped, batch)

    @property
    def there_and_back(self) -> bool:
        """Whether a round is a random order there and back, instead of a balanced one.

        It is if that took too long, and if the models cannot take turns.
        """
        slots = len(self.inference_s)
        long = slots > MOST_BALANCED or slots * self._turn_of_each_s > LONGEST_ROUND_S
        return self.start_s > 0 or long

    @property
    def turns(self) -> int:
        """The turns of each slot in a round."""
        return 2 if self.there_and_back else len(self.inference_s)

    @property
    def round_s(self) -> float:
        """The seconds of one round."""
        return self.turns * self._turn_of_each_s

    @property
    def _turn_of_each_s(self) -> float:
        inferences = self.turn.samples * self.turn.batch
        return sum(self.start_s + inferences * one for one in self.inference_s.values())

    @property
    def pairs(self) -> int:
        """The pairs of samples that a round gives for each model."""
        return self.turns * (1 if self.start_s else self.turn.samples - self.turn.dropped)

    def rounds(self, seconds: float) -> int:
        """How many rounds fit best into so many seconds."""
        return max(round(seconds / self.round_s), 1)

    @property
    def best_s(self) -> float:
        """How long a block should be; one round at least."""
        pair_s = self.round_s / self.pairs
        pairs = math.sqrt(MEDIAN_COST * self.load_s / pair_s) * self.scatter / self.layout
        return max(pairs * pair_s, self.round_s)

    def variance(self, seconds: float) -> float:
        """The variance of one block's log ratio."""
        pairs = self.rounds(seconds) * self.pairs
        return self.layout**2 + MEDIAN_COST * self.scatter**2 / pairs


@dataclass(frozen=True)
class Pace:
    """What a pilot found.

    groups: by name; only those that have something to compare.
    comparisons: how many models share a baseline, at most.
    warmup_s: how long a slot may warm up, before each block.
    start_s: how long a fresh process takes until it loads the first models.
    """

    groups: Mapping[str, GroupPace]
    comparisons: int
    warmup_s: float
    start_s: float

    @property
    def load_s(self) -> float:
        """The seconds to load and warm up the models of all groups once."""
        return sum(one.load_s for one in self.groups.values())

    def measuring_s(self, length: Length) -> float:
        """The seconds that a process measures."""
        each = (one.rounds(length.seconds[name]) * one.round_s for name, one in self.groups.items())
        return length.blocks * sum(each)

    def process_s(self, length: Length) -> float:
        """The seconds that a process takes in all."""
        return self.start_s + length.blocks * self.load_s + self.measuring_s(length)


@dataclass(frozen=True)
class Length:
    """How many blocks of each group a process has, and by group about how long one is."""

    blocks: int
    seconds: Mapping[str, float]

    def shorter(self, blocks: int, part: float) -> Length:
        """One of so many blocks, and of a part of their length."""
        return Length(blocks, {name: part * one for name, one in self.seconds.items()})


@dataclass(frozen=True)
class GroupSize:
    """A group's turns, the blocks of it in each process, and the rounds in a block.

    A round is balanced, or a random order there and back.
    """

    turn: TurnLength
    blocks: int
    rounds: int
    there_and_back: bool


@dataclass(frozen=True)
class Size:
    """The most processes, after how many the run may stop, and by group what each measures."""

    processes: int
    first_look: int
    groups: Mapping[str, GroupSize]

    @property
    def stops_early(self) -> bool:
        """Whether the run ends as soon as its question is answered."""
        return Looks(self.first_look, self.processes).many


@dataclass(frozen=True)
class Forecast:
    """What a plan will take and what it can detect, reported before it is carried out.

    `measuring_s` and `starting_s` are the seconds spent in blocks, and in starting processes and
    loading models, at most. `blocks` is 0 where nothing can be compared, because the models or
    their baselines do not run. `detectable` is the smallest overhead found with 90 % power; `asked`
    is what was asked for. `warnings` are what may withhold the verdict, as the pilot found it.
    `cooling_s` is how long, in total, the run may also wait for the device to cool. `guess` says
    that no pilot ran.
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
    """The most that the budget allows; where something is to be detected, in short processes.

    A run that is not looked at before its end has only as many as detect what is asked for. One
    that is goes on through its budget as long as that is open, or without one `ROUGHLY` times as
    long as the pilot lets expect.

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
        return _forecast(pace, Length(1, {}), fewest, fewest, detect)
    length = _length(pace, left_s)
    most = min(int(left_s / pace.process_s(length)), MOST_PROCESSES)
    if most < fewest:
        least = _forecast(pace, length, fewest, fewest, detect)
        if least.measuring_s <= left_s / 2:
            return least
        raise _too_short(budget_s, spent_s, least.seconds)

    def forecast(processes: int, length: Length) -> Forecast:
        first = first_look(processes, pace.comparisons) if stops_early else processes
        return _forecast(pace, length, processes, first, detect)

    if detect is None:
        return forecast(most, length)
    lengths = [length.shorter(blocks, 1.0) for blocks in range(length.blocks, 1, -1)]
    lengths += [length.shorter(1, part) for part in PARTS]
    enough = []
    for one in lengths:
        numbers = (n for n in range(fewest, most + 1) if forecast(n, one).detectable <= detect)
        if number := next(numbers, 0):
            enough.append((number, one))
    if not enough:
        return forecast(most, length)
    number, length = min(enough, key=lambda one: one[0] * pace.process_s(one[1]))
    if stops_early:
        if budget_s is None:
            left_s = min(left_s, ROUGHLY * number * pace.process_s(length))
        length = _filling(pace, length, left_s)
        number = max(min(int(left_s / pace.process_s(length)), MOST_PROCESSES), number)
    return forecast(number, length)


def _filling(pace: Pace, length: Length, left_s: float) -> Length:
    """As many more blocks in each process as fill the time in about the most processes."""
    block_s = (pace.process_s(length) - pace.start_s) / length.blocks
    fitting = round((left_s / MOST_PROCESSES - pace.start_s) / block_s)
    return Length(max(fitting, length.blocks), length.seconds)


def _length(pace: Pace, left_s: float) -> Length:
    """Blocks as long as is best, as many as fit; or else one, shorter for more processes."""
    best = {name: min(one.best_s, LONGEST_S) for name, one in pace.groups.items()}
    longest_s = left_s / fewest_processes(pace.comparisons) - pace.start_s
    wanted_s = max(left_s / WANTED_PROCESSES, 2 * (pace.start_s + pace.load_s)) - pace.start_s
    room_s = max(min(wanted_s, longest_s, LONGEST_S * len(best)), 0.0)
    asked_s = sum(best.values())
    if (blocks := int(room_s / (pace.load_s + asked_s))) >= 1:
        return Length(blocks, best)
    return Length(1, best).shorter(1, max(room_s - pace.load_s, 0.0) / asked_s)


def _forecast(
    pace: Pace, length: Length, processes: int, first: int, detect: float | None
) -> Forecast:
    sizes = {
        name: GroupSize(
            one.turn, length.blocks, one.rounds(length.seconds[name]), one.there_and_back
        )
        for name, one in pace.groups.items()
    }
    variance = max(
        (one.variance(length.seconds[name]) for name, one in pace.groups.items()), default=0.0
    )
    size = Size(processes, first, sizes)
    errors = _errors(processes, pace.comparisons) * (LOOKING if size.stops_early else 1)
    return Forecast(
        size=size,
        warmup_s=pace.warmup_s,
        blocks=processes * length.blocks * len(sizes),
        measuring_s=processes * pace.measuring_s(length),
        starting_s=processes * (pace.start_s + length.blocks * pace.load_s),
        detectable=math.expm1(errors * math.sqrt(variance / length.blocks / processes)),
        asked=detect,
    )


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
