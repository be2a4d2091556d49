"""From a block's visits to each slot's level: the steady times, and their level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.benchmarks.statistics.paired import Floats, log_levels
from edgebench.benchmarks.statistics.steady import Steadiness, steadiness
from edgebench.deploy.documents.result import MeasuredBlock, SampleSummary, Visit


@dataclass(frozen=True)
class SlotTimes:
    """One slot in one block.

    `samples_ns` are the steady timed inferences of its visits, `log_levels` their log levels, one
    for each of `statistics.SUMMARIES`, and `steady` says which visits became steady at all.
    `summaries` are those of visits whose only sample is one; all their log levels are its own.
    """

    samples_ns: tuple[Sequence[int], ...]
    log_levels: Floats
    steady: tuple[bool, ...]
    summaries: tuple[SampleSummary, ...] = ()

    @property
    def level_s(self) -> float:
        """The level in seconds: the geometric mean of the visits' medians."""
        return float(np.exp(self.log_levels[0]) / 1e9)


@dataclass(frozen=True)
class TimedBlock:
    """A block, with the times of its slots."""

    block: MeasuredBlock
    slots: dict[str, SlotTimes]


def timed_block(block: MeasuredBlock) -> TimedBlock:
    """Find the steady part of every visit, and each slot's levels."""
    slots = dict.fromkeys(visit.slot for visit in block.visits)
    return TimedBlock(block, {slot: _slot_times(block, slot) for slot in slots})


def _slot_times(block: MeasuredBlock, slot: str) -> SlotTimes:
    visits = [visit for visit in block.visits if visit.slot == slot]
    found = [_steadiness(visit) for visit in visits]
    samples_ns = tuple(
        visit.samples_ns[one.start :] for visit, one in zip(visits, found, strict=True)
    )
    return SlotTimes(
        samples_ns=samples_ns,
        log_levels=log_levels(samples_ns),
        steady=tuple(one.steady for one in found),
        summaries=tuple(visit.summary for visit in visits if visit.summary),
    )


def _steadiness(visit: Visit) -> Steadiness:
    """From the visit's samples, or from the runner's own judgement where it reports a summary."""
    if visit.summary:
        return Steadiness(visit.steady, 0)
    return steadiness(visit.warmup_ns, visit.samples_ns)
