"""The machine's state during a run: what it reported of itself, and how fast it was.

`edgebench.benchmarks.gate.machine_checks` judges these figures; nothing here does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgebench.benchmarks.statistics.paired import Floats
from edgebench.deploy.documents.result import MeasuredBlock, Readings, Visit

NOISE_BOUND = 4.0
"""A visit has another speed if its median is this many of its own standard errors away."""

MEDIAN_ERROR = 1.2533
"""Standard errors of a median in those of a mean, for normal values."""

DEVIATION = 1.4826
"""Standard deviations in a median absolute deviation, for normal values."""


@dataclass(frozen=True)
class MachineState:
    """Blocks with their readings, the machine's number of cores, and those it was pinned to."""

    blocks: tuple[MeasuredBlock, ...]
    core_count: int
    cores: tuple[int, ...] | None

    @property
    def readings(self) -> list[Readings]:
        """All readings, in the order they were taken."""
        return [one for block in self.blocks for one in (block.before, block.after) if one]

    @property
    def spans(self) -> list[tuple[Readings, Readings]]:
        """The readings before and after each block that took any time."""
        return [
            (block.before, block.after)
            for block in self.blocks
            if block.before and block.after and block.after.unix_s > block.before.unix_s
        ]

    def reported(self, read: Callable[[Readings], object]) -> list[object]:
        """One field of all readings that have it."""
        return [value for one in self.readings if (value := read(one)) is not None]

    def used_share(self, read: Callable[[Readings], float | None]) -> float | None:
        """The growth of a cumulative reading during the blocks, as a share of all cores' time."""
        used_share = elapsed = 0.0
        for before, after in self.spans:
            start, end = read(before), read(after)
            if start is None or end is None:
                return None
            used_share += end - start
            elapsed += after.unix_s - before.unix_s
        return used_share / (elapsed * self.core_count) if elapsed > 0 else None

    @cached_property
    def slowness(self) -> Floats:
        """By visit, how much longer it took than is usual for its slot, as a logarithm."""
        slowness = np.zeros(len(self._visits))
        for places in self._places.values():
            medians = np.array([np.median(self._visits[place].samples_ns) for place in places])
            slowness[places] = np.log(medians / np.median(medians))
        return slowness

    def off_share(self, limit: float) -> float:
        """The share of visits at another speed: faster or slower than usual by more than a limit.

        Usual is the median, so that it does not matter which of its speeds a machine had for
        longer. The slot with the smallest share counts, because a machine's change of speed
        affects all slots, and what affects one model only is not the machine. If a slot's times
        scatter so much that a visit's median is less precise than the limit, visits have to differ
        by more than that scatter.
        """
        shares = []
        for places in self._places.values():
            errors = [_median_error(self._visits[place].samples_ns) for place in places]
            bound = max(np.log1p(limit), NOISE_BOUND * float(np.median(errors)))
            shares.append(float(np.mean(np.abs(self.slowness[places]) > bound)))
        return min(shares, default=0.0)

    @cached_property
    def block_slowness(self) -> Floats:
        """The median slowness of each block's visits, as a logarithm."""
        if not self.blocks:
            return np.zeros(0)
        ends = np.cumsum([len(block.visits) for block in self.blocks])
        return np.array([np.median(part) for part in np.split(self.slowness, ends[:-1])])

    @cached_property
    def probe_slowness(self) -> Floats:
        """By reading, how much longer than usual the probe took, as a logarithm."""
        times = [float(np.median(one.probe_ns)) for one in self.readings if one.probe_ns]
        return np.log(np.array(times) / np.median(times)) if times else np.zeros(0)

    @cached_property
    def _visits(self) -> list[Visit]:
        return [visit for block in self.blocks for visit in block.visits]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Which of the visits are each slot's."""
        places: dict[str, list[int]] = {}
        for place, visit in enumerate(self._visits):
            places.setdefault(visit.slot, []).append(place)
        return places

    def frequencies_khz(self) -> list[float]:
        """The frequency of the core that measured, block by block, where the machine reports it.

        It is the mean over the block where the kernel counts the time in each state, and the
        reading at its end otherwise, when the core is still busy. If it is not known which core it
        was, it is the mean of those that the run was pinned to.
        """
        found = []
        for before, after in self.spans:
            cores = (self.cores or ()) if after.core is None else (after.core,)
            reported = [khz for core in cores if (khz := _frequency_khz(before, after, core))]
            if reported:
                found.append(float(np.mean(reported)))
        return found


def _median_error(samples_ns: Sequence[int]) -> float:
    """The standard error of the log of a visit's median, from its own samples."""
    logs = np.log(samples_ns)
    scatter = DEVIATION * float(np.median(np.abs(logs - np.median(logs))))
    return MEDIAN_ERROR * scatter / math.sqrt(logs.size)


def _frequency_khz(before: Readings, after: Readings, number: int) -> float | None:
    core = f"cpu{number}"
    start, end = ((one.time_in_state_s or {}).get(core) for one in (before, after))
    if start is not None and end is not None:
        spent = dict(_spent(start, end))
        if (total := sum(spent.values())) > 0:
            return sum(khz * seconds for khz, seconds in spent.items()) / total
    return (after.frequencies_khz or {}).get(core)


def _spent(start: dict[str, float], end: dict[str, float]) -> Iterator[tuple[int, float]]:
    for state, seconds in end.items():
        yield int(state), seconds - start.get(state, 0.0)
