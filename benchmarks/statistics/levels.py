"""From a block's turns to each slot's times, and from those to a process's log ratio.

The time of a sample is the time that the model itself ran. On one thread of a CPU that is the
process's own CPU time where that is less than the wall time: the rest is time in which others had
the core. On several threads, or with a processor beside the CPU, only the wall time says how long
an inference took.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from edgebench.benchmarks.statistics import local_pairs, paired
from edgebench.benchmarks.statistics.paired import Flags, Floats
from edgebench.deploy.documents.result import Context, MeasuredBlock, SampleSummary, Turn

ON_THE_CPU = ("xnnpack", "none", "xnnpack-provider")
"""The delegates with which an inference on one thread is the CPU's work from start to end."""

CALM = 0.008
"""Where times scatter by less a block is no better known, because of the layout of memory."""

USUAL_WEIGHT = 20
"""The usual scatter counts as much as so many samples."""


@dataclass(frozen=True)
class SlotTimes:
    """One slot in one block, in ns an inference.

    `wall_ns` and `own_ns` are of the samples that count, and `turn_logs` are the mean logarithms of
    the latter by turn. `repeated` says which turns follow the slot's own. `first_ns` are the first
    dropped samples of the turns that follow another slot's.
    """

    wall_ns: Floats
    own_ns: Floats
    turn_logs: Floats
    repeated: Flags
    first_ns: Floats
    summaries: tuple[SampleSummary, ...] = ()

    @property
    def settling(self) -> Floats:
        """How much longer a turn after another slot's took than the slot's own after it, in log."""
        settled = self.repeated[1:] & ~self.repeated[:-1]
        return np.asarray((self.turn_logs[:-1] - self.turn_logs[1:])[settled])

    @property
    def level_s(self) -> float:
        """The median sample in seconds."""
        return float(np.median(self.own_ns)) / 1e9


@dataclass(frozen=True)
class TimedBlock:
    """A block, with the times of its slots."""

    block: MeasuredBlock
    slots: dict[str, SlotTimes]

    @property
    def deviations(self) -> Floats:
        """How far the log times of all slots' samples are from their slot's median."""
        logs = [np.log(one.own_ns) for one in self.slots.values()]
        return np.concatenate([one - np.median(one) for one in logs])


def counts_own_time(context: Context) -> bool:
    """Whether an inference is the work of one thread of the CPU alone."""
    return context.threads == 1 and context.delegate in ON_THE_CPU


def timed_block(block: MeasuredBlock, own_time: bool) -> TimedBlock:
    """Each slot's times in a block."""
    turns: dict[str, list[tuple[Turn, bool]]] = {}
    last = None
    for turn in block.turns:
        turns.setdefault(turn.slot, []).append((turn, turn.slot == last))
        last = turn.slot
    return TimedBlock(block, {slot: _slot_times(of, own_time) for slot, of in turns.items()})


def _slot_times(turns: Sequence[tuple[Turn, bool]], own_time: bool) -> SlotTimes:
    wall = _floats(time for turn, _ in turns for time in turn.samples_ns)
    own = wall
    if own_time and all(turn.cpu_ns is not None for turn, _ in turns):
        own = np.minimum(wall, _floats(time for turn, _ in turns for time in turn.cpu_ns or ()))
    own = np.maximum(own, 1.0)
    ends = np.cumsum([len(turn.samples_ns) for turn, _ in turns])
    return SlotTimes(
        wall_ns=wall,
        own_ns=own,
        turn_logs=np.array([part.mean() for part in np.split(np.log(own), ends[:-1])]),
        repeated=np.array([again for _, again in turns], dtype=bool),
        first_ns=_floats(
            turn.dropped_ns[0] for turn, again in turns if turn.dropped_ns and not again
        ),
        summaries=tuple(turn.summary for turn, _ in turns if turn.summary),
    )


def _floats(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)


@dataclass(frozen=True)
class PairedTimes:
    """A model and its baseline in one process: all blocks in which both were measured."""

    process: int
    blocks: tuple[TimedBlock, ...]
    slot: str
    baseline: str

    @property
    def log_ratios(self) -> Floats:
        """Of the pairs of samples."""
        return np.concatenate([_log_ratios(one, self.slot, self.baseline) for one in self.blocks])

    @property
    def turns(self) -> list[tuple[Floats, Floats]]:
        """Of each block the log ratios of pairs of turns, and the mean log times of those pairs."""
        found = []
        for block in self.blocks:
            model, baseline = (block.slots[one].turn_logs for one in (self.slot, self.baseline))
            count = min(model.size, baseline.size)
            model, baseline = model[:count], baseline[:count]
            found.append((model - baseline, (model + baseline) / 2))
        return found

    @property
    def level(self) -> float:
        """The log ratio of the process: the median of the pairs, those of calm blocks more."""
        by_block = [_log_ratios(one, self.slot, self.baseline) for one in self.blocks]
        calm = np.repeat(np.sqrt(precisions(self.blocks)), [one.size for one in by_block])
        return local_pairs.median(np.concatenate(by_block), calm)[0]

    @property
    def baseline_s(self) -> float:
        """The baseline's level in seconds: the median of its samples."""
        return float(np.median(self._own(self.baseline))) / 1e9

    @property
    def difference_s(self) -> float:
        """How much longer the model takes, in seconds: the median of the pairs."""
        model, baseline = self._own(self.slot), self._own(self.baseline)
        count = min(model.size, baseline.size)
        return float(np.median(model[:count] - baseline[:count])) / 1e9

    @property
    def summaries(self) -> Floats:
        """The log ratios of `paired.SUMMARIES`."""
        return paired.summaries(self._own(self.slot)) - paired.summaries(self._own(self.baseline))

    @property
    def after_another(self) -> float | None:
        """The log ratio of the first samples after another model's turn, None without any."""
        model, baseline = (
            np.concatenate([block.slots[slot].first_ns for block in self.blocks])
            for slot in (self.slot, self.baseline)
        )
        if not model.size or not baseline.size:
            return None
        return float(local_pairs.level(local_pairs.pairs(model, baseline)))

    @property
    def settling(self) -> list[tuple[Floats, Floats]]:
        """By block `SlotTimes.settling` of the model and of the baseline."""
        return [
            (one.slots[self.slot].settling, one.slots[self.baseline].settling)
            for one in self.blocks
        ]

    @property
    def followers(self) -> list[tuple[Floats, Floats]]:
        """By block the log ratios of pairs of turns after another slot's, and after their own."""
        return [(self._followers(one, False), self._followers(one, True)) for one in self.blocks]

    def _followers(self, block: TimedBlock, own: bool) -> Floats:
        model, baseline = (
            one.turn_logs[one.repeated == own]
            for one in (block.slots[self.slot], block.slots[self.baseline])
        )
        count = min(model.size, baseline.size)
        return np.asarray(model[:count] - baseline[:count])

    def _own(self, slot: str) -> Floats:
        return np.concatenate([block.slots[slot].own_ns for block in self.blocks])


def paired_times(blocks: Sequence[TimedBlock], slot: str, baseline: str) -> list[PairedTimes]:
    """A model and its baseline in each process, in the order of the processes."""
    both: dict[int, list[TimedBlock]] = {}
    for one in blocks:
        if {slot, baseline} <= one.slots.keys():
            both.setdefault(one.block.process, []).append(one)
    return [PairedTimes(number, tuple(of), slot, baseline) for number, of in both.items()]


def precisions(blocks: Sequence[TimedBlock]) -> Floats:
    """How well each block knows a log ratio: the inverse of its variance, 1 for a usual block.

    A neighbour that comes or goes changes the machine's speed, and a block in which it does says
    little: with one core loaded, on a machine where that slowed the other one down by a third, the
    log ratios of the calmest fifth of the blocks scattered by 1.5 % and those of the most disturbed
    by 9 %. How calm a block was is seen from the scatter of all models' times about their own
    levels (their mean absolute deviation), which does not tell which model is slower. It is drawn
    towards the usual one where samples are few, so that on a machine whose blocks are alike the
    weights cost nothing: the interval is wider by 0.6 % at most.
    """
    if not blocks:
        return np.zeros(0)
    deviations = [one.deviations for one in blocks]
    variances = np.array([np.abs(one).mean() for one in deviations]) ** 2 + CALM**2
    known = np.array([one.size / (one.size + USUAL_WEIGHT) for one in deviations])
    return np.asarray((variances / np.median(variances)) ** -known)


def weights(processes: Sequence[PairedTimes]) -> Floats:
    """How well each process knows the overhead: the sum of its blocks' precisions."""
    of_blocks = iter(precisions([block for process in processes for block in process.blocks]))
    return np.array([sum(islice(of_blocks, len(one.blocks))) for one in processes])


def block_log_ratio(block: TimedBlock, slot: str, baseline: str) -> float:
    """One block's log ratio, the median of its pairs."""
    return float(local_pairs.level(_log_ratios(block, slot, baseline)))


def _log_ratios(block: TimedBlock, slot: str, baseline: str) -> Floats:
    return local_pairs.pairs(block.slots[slot].own_ns, block.slots[baseline].own_ns)
