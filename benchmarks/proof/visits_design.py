"""The design that edgebench had before: visits of ten inferences, there and back.

Beside the product's own it shows what fine interleaving is worth, on the same machine in the same
minutes. Ten inferences in a row are a visit, of which four count; a block visits all models in
random order and back (A B C C B A), and each process has three of them. The level of a visit is the
median of its wall times, that of a process the Hodges-Lehmann centre of its blocks.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgebench.benchmarks.planning.design import lay_out
from edgebench.benchmarks.planning.sizing import GroupSize, Size
from edgebench.benchmarks.statistics.paired import MIN_PROCESSES, Floats, centre
from edgebench.deploy.device.interface import Device
from edgebench.deploy.documents.plan import Plan, TurnLength
from edgebench.deploy.documents.result import MeasuredBlock, RunResult
from edgebench.deploy.documents.staging import FILES, read_plan, write_plan
from edgebench.intervals import Estimate
from edgebench.progress import Progress

VISIT = TurnLength(samples=10, dropped=6, batch=1)
BLOCKS = 3
"""In each process, of each group."""

WARMUP_S = 0.2


@dataclass(frozen=True)
class VisitsRun:
    """A run of visits, and the seconds that it took."""

    plan: Plan
    result: RunResult
    seconds: float

    def overhead(self, slot: str, baseline: str) -> Estimate:
        """The log ratio of a slot with its interval."""
        blocks: dict[int, list[float]] = {}
        for block in self.result.blocks:
            levels = _levels(block)
            if slot in levels and baseline in levels:
                blocks.setdefault(block.process, []).append(levels[slot] - levels[baseline])
        return centre(np.array([_middle(np.array(of)) for of in blocks.values()]))


def measure(whole: Path, folder: Path, device: Device, progress: Progress) -> VisitsRun:
    """Measure the artifacts of a run folder in visits, in the fewest processes there can be."""
    plan = read_plan(whole)
    size = GroupSize(VISIT, BLOCKS, rounds=1, there_and_back=True)
    bare = replace(
        plan,
        id=f"{plan.id}/visits",
        artifacts={slot: replace(one, evaluation=None) for slot, one in plan.artifacts.items()},
    )
    bare = lay_out(
        bare, Size(MIN_PROCESSES, MIN_PROCESSES, {one.name: size for one in plan.groups}), WARMUP_S
    )
    folder.mkdir(parents=True)
    shutil.copytree(whole / FILES, folder / FILES)
    write_plan(bare, folder)
    began = time.monotonic()
    result = device.run(folder, progress)
    if not result.complete:
        raise KeyboardInterrupt
    return VisitsRun(bare, result, time.monotonic() - began)


def _levels(block: MeasuredBlock) -> dict[str, float]:
    """By slot, the mean of its visits' log medians."""
    visits: dict[str, list[float]] = {}
    for turn in block.turns:
        visits.setdefault(turn.slot, []).append(float(np.log(np.median(turn.samples_ns))))
    return {slot: float(np.mean(of)) for slot, of in visits.items()}


def _middle(values: Floats) -> float:
    first, second = np.triu_indices(values.size)
    return float(np.median((values[first] + values[second]) / 2))
