"""The pace of a device, as a pilot finds it, and what follows for turns, rounds and blocks.

A block's log ratio scatters for three reasons: the layout of memory, which is another each time
that the models are loaded, what else the machine does from one turn to the next, and the noise of
single pairs of samples (`statistics.local_pairs`). So of P processes with B blocks of n pairs of
turns of m samples each,

    variance of the overhead = (layout^2 + (turns^2 + scatter^2 / m) / n) / (P B)

and a block costs the time to load the models besides that of its turns, and a turn the inferences
that are dropped. What gives the smallest variance in the same time is the rule for the size of
clusters in a sample (Cochran, Sampling Techniques, 10.6): a block has
sqrt(turns^2 + scatter^2 / m) / layout * sqrt(load / turn) turns. For the samples of a turn the rule
does not hold, because turns scatter by a few large changes, which medians and weights leave out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from edgebench.deploy.documents.plan import TurnLength

LAYOUT_SCATTER = 0.004
"""By the layout of memory, as long as it is not known: up to a per cent, one way or the other."""

UNTOUCHED_S = 0.5
"""Inferences that take so long are not touched by what ran before them."""

USUAL_CARRY_OVER = 2
"""So many inferences after another model's do not count, as long as it is not known how many."""

FEWEST_COUNTING = 2
"""So many samples of a turn count, where they fit."""

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

MEDIAN_COST = math.pi / 2
"""How much more a median scatters than a mean, in variance, for normal log times."""


@dataclass(frozen=True)
class GroupPace:
    """What a pilot found of a group.

    inference_s: seconds an inference, by slot; the baseline is the first.
    scatter: standard deviation of the log ratio of a pair of samples in their turns, of the
        noisiest model.
    turn_scatter: that of a pair of turns, beyond what their samples explain.
    start_s: the rest of a turn's time, if every turn is a process of its own.
    layout: standard deviation of a block's log ratio by the layout of memory alone.
    carry_over: how many inferences after another model's may not count, because they take longer.
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
    turn_scatter: float = 0.0

    @property
    def turn(self) -> TurnLength:
        """How long a turn is to be.

        What another model's turn has touched is dropped, and one inference at least. As many
        samples count, if they fit into `TURN_S`, and two at least. Of 124 recorded runs of two
        networks, with one core loaded, parts of the turns were judged: to the same interval it
        takes 1.3 to 1.4 times as long if one sample counts after two or three that are dropped,
        and with two to four it takes the same time to 0.1.
        """
        slowest_s, fastest_s = max(self.inference_s.values()), min(self.inference_s.values())
        if self.start_s:
            return TurnLength(max(math.ceil(APART_S / slowest_s), 3), 2, 1)
        if slowest_s >= UNTOUCHED_S:
            return TurnLength(1, 0, 1)
        shortest_s = max(SHORTEST_SAMPLE_S, CLOCK_STEPS * self.clock_s)
        batch = max(math.ceil(shortest_s / fastest_s), 1)
        dropped = math.ceil(max(self.carry_over, 1) / batch)
        longest_s = min(TURN_S, LONGEST_ROUND_S / len(self.inference_s) ** 2)
        fitting = int(longest_s / (slowest_s * batch)) - dropped
        counting = min(max(dropped, FEWEST_COUNTING), fitting)
        return TurnLength(dropped + max(counting, 1), dropped, batch)

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
    def _turns_variance(self) -> float:
        """The variance of the log ratio of a pair of turns."""
        samples = 1 if self.start_s else self.turn.samples - self.turn.dropped
        return MEDIAN_COST * (self.turn_scatter**2 + self.scatter**2 / samples)

    def rounds(self, seconds: float) -> int:
        """How many rounds fit best into so many seconds."""
        return max(round(seconds / self.round_s), 1)

    @property
    def best_s(self) -> float:
        """How long a block should be; one round at least."""
        turn_s = self.round_s / self.turns
        turns = math.sqrt(self._turns_variance * self.load_s / turn_s) / self.layout
        return max(turns * turn_s, self.round_s)

    def variance(self, seconds: float) -> float:
        """The variance of one block's log ratio."""
        return self.layout**2 + self._turns_variance / (self.rounds(seconds) * self.turns)


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
