"""Made-up machines and runs for the checks: quiet ones, but for what a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from replay import QUIET

from edgebench.benchmarks.gate.machine_state import MachineState
from edgebench.benchmarks.gate.run_checks import Evidence
from edgebench.benchmarks.statistics.levels import PairedTimes, paired_times, timed_block
from edgebench.benchmarks.statistics.paired import overhead
from edgebench.deploy.documents.result import EvaluationResult, MeasuredBlock, Turn

BLOCKS = 20
Fields = Callable[[int], dict[str, Any]]


def nothing(index: int) -> dict[str, Any]:
    return {}


def machine(
    slow: Sequence[float] = (1.0,) * BLOCKS,
    told: Fields = nothing,
    before: Fields = nothing,
    after: Fields = nothing,
    only: str = "",
    cores: tuple[int, ...] | None = None,
) -> MachineState:
    """A quiet machine of 4 cores but for what is said: how slow its blocks were, and readings.

    With `only` that slot alone was slow.
    """
    blocks = []
    for index, factor in enumerate(slow):
        start = replace(QUIET, unix_s=index * 2.0, own_s=index * 2.0, busy_s=index * 2.0)
        end = replace(start, unix_s=start.unix_s + 2, own_s=start.own_s + 2, busy_s=start.own_s + 2)
        turns = tuple(
            Turn(slot, (), _times(factor if only in ("", slot) else 1.0, index, turn))
            for turn, slot in enumerate("abba")
        )
        start = replace(start, **{**told(index), **before(index)})
        end = replace(end, **{**told(index), **after(index)})
        blocks.append(MeasuredBlock(index, index // 2, "g", None, start, end, (), turns))
    return MachineState(tuple(blocks), 4, cores)


def _times(factor: float, index: int, turn: int) -> tuple[int, ...]:
    noise = np.random.default_rng((index, turn)).normal(0, 0.01, 9)
    return tuple(int(one) for one in 1e6 * factor * np.exp(noise))


def late(value: object, usual: object) -> Callable[[int], object]:
    """`value` in the last quarter of the run."""
    return lambda index: value if index >= BLOCKS * 3 // 4 else usual


FINE = EvaluationResult(None, partitions=1)
NOISE = np.random.default_rng(0).normal(0, 1, (8, 2, 20))


def processes(
    log_ratios: Sequence[float] = (0.01,) * 8,
    *,
    disturbed: float = 0.0,
    settling: float = 0.0,
    scatter: float = 0.002,
) -> tuple[PairedTimes, ...]:
    """Processes of these log ratios, whose model takes turns with its baseline.

    For four fifths of the time the machine is slower, and the model then by `disturbed` more; right
    after the baseline's turn the model's log ratio is larger by `settling`. `scatter` is that of
    the log times.
    """
    found = []
    for number, ratio in enumerate(log_ratios):
        turns = []
        for turn in range(20):
            slow = turn % 5 > 0
            for slot in "ab" if turn % 2 else "ba":
                own = ratio + disturbed * slow if slot == "b" else 0.0
                inherited = settling * (slot == "b" and turn % 2)
                noise = scatter * NOISE[number % 8, int(slot == "b"), turn]
                log = own + inherited + 0.1 * slow + noise
                wall = round(1e6 * np.exp(log))
                turns.append(Turn(slot, (wall,), (wall,), (wall * 9 // 10,)))
        block = MeasuredBlock(number, number, "g", None, QUIET, QUIET, (), tuple(turns))
        found += paired_times([timed_block(block, True)], "b", "a")
    return tuple(found)


EVIDENCE = Evidence(
    model="model",
    slot="model.fp32.tflite",
    threshold=0.05,
    overhead=overhead([0.01] * 8),
    processes=processes(),
    needed_processes=6,
    evaluation=FINE,
    baseline_evaluation=FINE,
    delegate="xnnpack",
    core_count=4,
    cores=None,
    against_itself=False,
    steady_share=1.0,
)
