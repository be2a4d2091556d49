"""The size of a run: how many blocks a process has, and how many processes there may be.

Blocks are as long as is best (`planning.pace`). The number of processes is what the budget allows,
or what detects the overhead that was asked for; the run stops before that if its question is
answered (`statistics.sequential`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from scipy import stats

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.planning.pace import Length, Pace
from edgebench.benchmarks.planning.request import DETECT_LIMIT_S
from edgebench.benchmarks.statistics.looks import Looks, fewest_processes, first_look
from edgebench.benchmarks.statistics.paired import POWER
from edgebench.deploy.documents.plan import TurnLength
from edgebench.errors import UsageError
from edgebench.intervals import CONFIDENCE

MOST_PROCESSES = 60
"""More would make a run that is decided early longer, because it is looked at more often. With 30 a
noisy run for 3 % was at its end, undecided, when its budget was not (docs/method.md).
"""

WANTED_PROCESSES = 24
"""So many, if they are not so short that half of the time goes into their start: a run can stop
after a third of them."""

LONGEST_S = 10.0
"""The longest that a process measures one group."""

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
        length = _filling(pace, length, number, left_s)
        number = max(min(int(left_s / pace.process_s(length)), MOST_PROCESSES), number)
    return forecast(number, length)


def _filling(pace: Pace, length: Length, processes: int, left_s: float) -> Length:
    """As many more blocks in each process as fill the time in about the most processes.

    So many processes fit in any case.
    """
    block_s = (pace.process_s(length) - pace.start_s) / length.blocks
    fitting = min(
        round((left_s / MOST_PROCESSES - pace.start_s) / block_s),
        int((left_s / processes - pace.start_s) / block_s),
    )
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
