"""The machine's state during a run: what it reported of itself, and how fast it was.

`edgebench.benchmarks.gate.machine_checks` judges these figures; nothing here does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from statistics import median

import numpy as np

from edgebench.benchmarks.statistics.paired import Floats
from edgebench.deploy.documents.result import MeasuredBlock, Readings, Turn

NOISE_BOUND = 4.0
"""A turn has another speed if its median is this many of its own standard errors away."""

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
        """By turn, how much longer it took than is usual for its slot, as a logarithm."""
        slowness = np.zeros(len(self._turns))
        for places in self._places.values():
            # Turns have a few samples, for which NumPy's median takes twenty times as long.
            medians = np.array([median(self._turns[place].samples_ns) for place in places])
            slowness[places] = np.log(medians / np.median(medians))
        return slowness

    def off_share(self, limit: float) -> float:
        """The share of turns at another speed: faster or slower than usual by more than a limit.

        Usual is the median, so that it does not matter which of its speeds a machine had for
        longer. The slot with the smallest share counts, because a machine's change of speed
        affects all slots, and what affects one model only is not the machine. If a slot's times
        scatter by more than the limit from one turn to the next, turns have to differ by more than
        that scatter.
        """
        shares = []
        for places in self._places.values():
            bound = max(np.log1p(limit), NOISE_BOUND * _scatter(self.slowness[places]))
            shares.append(float(np.mean(np.abs(self.slowness[places]) > bound)))
        return min(shares, default=0.0)

    @cached_property
    def block_slowness(self) -> Floats:
        """The median slowness of each block's turns, as a logarithm."""
        if not self.blocks:
            return np.zeros(0)
        ends = np.cumsum([len(block.turns) for block in self.blocks])
        return np.array([np.median(part) for part in np.split(self.slowness, ends[:-1])])

    @cached_property
    def probe_slowness(self) -> Floats:
        """By reading, how much longer than usual the probe took, as a logarithm."""
        times = [float(np.median(one.probe_ns)) for one in self.readings if one.probe_ns]
        return np.log(np.array(times) / np.median(times)) if times else np.zeros(0)

    @cached_property
    def _turns(self) -> list[Turn]:
        return [turn for block in self.blocks for turn in block.turns]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Which of the turns are each slot's."""
        places: dict[str, list[int]] = {}
        for place, turn in enumerate(self._turns):
            places.setdefault(turn.slot, []).append(place)
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


def _scatter(slowness: Floats) -> float:
    """The standard deviation of single turns' logs, by their successive differences."""
    if slowness.size < 2:
        return 0.0
    return DEVIATION * float(np.median(np.abs(np.diff(slowness)))) / math.sqrt(2)


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
