"""The pilot: a short run that measures how long inferences take here and how they scatter.

It is an ordinary plan with an ordinary result, in the folder `pilot` of the run folder. It stops
when it has used its part of the budget, in the way a run stops on Ctrl-C.
"""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edgebench.benchmarks.planning.design import AGAIN, WARMUP_WINDOW, lay_out
from edgebench.benchmarks.planning.pace import (
    LAYOUT_SCATTER,
    MEDIAN_COST,
    USUAL_CARRY_OVER,
    GroupPace,
    Pace,
)
from edgebench.benchmarks.planning.run_until import MEASURING, run_until
from edgebench.benchmarks.planning.sizing import PILOT_SHARE, GroupSize, Size
from edgebench.benchmarks.statistics.levels import TimedBlock, counts_own_time, timed_block
from edgebench.benchmarks.statistics.local_pairs import pairs
from edgebench.benchmarks.statistics.paired import Floats
from edgebench.deploy.device.interface import Device
from edgebench.deploy.documents.plan import CALL_FLOOR, Group, Plan, TurnLength
from edgebench.deploy.documents.result import EvaluationResult, MeasuredBlock, RunResult, Turn
from edgebench.progress import Progress

PILOT = "pilot"
PROCESSES = 2
GROUP_SIZE = GroupSize(TurnLength(6, 2, 1), blocks=4, rounds=1, there_and_back=True)
WARMUP_S = 0.2

FLOOR_S = 0.3
"""How long the call's floor is measured in each process."""

LONGEST_S = 20.0

USUAL_SCATTER = 0.02
"""The assumed scatter of a pair's log ratio before anything is measured."""

USUAL_WEIGHT = 4
"""The assumed scatter counts as much as this many pairs from the pilot."""

USUAL_LAYOUT_WEIGHT = 6
"""The assumed scatter by the layout of memory counts as much as this many blocks."""

SETTLED = 0.0075
"""An inference is settled if it takes at most so much longer, in log time, than those after it."""

FEWEST_TURNS = 10
"""Of fewer turns nothing is said of how fast inferences settle."""

SLOWEST_START_S = 5.0
USUAL_INFERENCE_S = 0.05

MEAN_DEVIATION = 1.2533
"""Standard deviations in a mean absolute deviation, for normal values."""


def pilot_plan(draft: Plan) -> Plan:
    """The pilot of a run whose plan is drafted: its artifacts and groups, without evaluation."""
    artifacts = {slot: replace(one, evaluation=None) for slot, one in draft.artifacts.items()}
    bare = replace(draft, id=f"{draft.id}/{PILOT}", artifacts=artifacts)
    size = Size(PROCESSES, PROCESSES, {group.name: GROUP_SIZE for group in draft.groups})
    return lay_out(bare, size, WARMUP_S)


def limit_s(budget_s: float | None) -> float:
    """How long a pilot may measure."""
    return LONGEST_S if budget_s is None else min(LONGEST_S, PILOT_SHARE * budget_s)


def run_pilot(folder: Path, device: Device, limit_s: float, progress: Progress) -> RunResult:
    """Carry out what is left of the pilot in a folder, until it is done or has taken long enough.

    Raises `KeyboardInterrupt` if the user interrupts it, and `EdgeBenchError`.
    """
    limit = _Limit(limit_s)

    def listener(step: str, done: int, total: int) -> None:
        # What is not measured any more is not missing: the bar ends full.
        progress("pilot: " + step, total if limit.reached else done, total)

    result, stopped = run_until(folder, device, listener, limit)
    if not (result.complete or stopped or _failed(result)):
        raise KeyboardInterrupt
    return result


@dataclass
class _Limit:
    """Whether blocks have taken long enough."""

    limit_s: float
    began: float = field(default_factory=time.monotonic)
    reached: bool = False

    def __call__(self, step: str, done: int, total: int) -> bool:
        now = time.monotonic()
        if step != MEASURING:
            self.began = now
        self.reached = now - self.began >= self.limit_s and done < total
        return self.reached


def _failed(result: RunResult) -> bool:
    """Whether the result is incomplete because of an error, and not of an interruption."""
    return any(one.error for one in result.evaluations.values()) or any(
        block.error for block in result.blocks
    )


def pace(plan: Plan, result: RunResult) -> Pace:
    """The models' times, from a pilot's result.

    Slots that do not run are left out, and so are groups with nothing left to compare. A slot
    that was not reached has the time of its first inference.
    """
    blocks = [block for block in result.blocks if not block.error]
    timed = [timed_block(block, counts_own_time(result.context)) for block in blocks]
    clock_s = result.context.clock_s or 0.0
    found = {
        group.name: replace(_group(group, timed, result.evaluations), clock_s=clock_s)
        for group in plan.groups
    }
    groups = {name: one for name, one in found.items() if len(one.inference_s) > 1}
    return Pace(
        groups=groups,
        comparisons=max((comparisons(one.inference_s) for one in groups.values()), default=1),
        warmup_s=_longest_warmup_s(blocks, groups),
        start_s=_start_s(plan, result),
    )


def without_floors(found: Pace) -> tuple[Pace, dict[str, GroupSize]]:
    """The pace of what is judged, and the size of the call's floors: a short block a process."""
    floors = {
        name: one
        for name, one in found.groups.items()
        if any(slot.startswith(f"{CALL_FLOOR}.") for slot in one.inference_s)
    }
    judged = {name: one for name, one in found.groups.items() if name not in floors}
    sizes = {
        name: GroupSize(one.turn, 1, one.rounds(FLOOR_S), one.there_and_back)
        for name, one in floors.items()
    }
    return replace(found, groups=judged), sizes


def _longest_warmup_s(blocks: Sequence[MeasuredBlock], groups: Mapping[str, GroupPace]) -> float:
    """How long a slot may warm up: long enough for nearly all."""
    seen = [sum(one.times_ns) / 1e9 for block in blocks for one in block.warmups]
    inference_s = [one for group in groups.values() for one in group.inference_s.values()]
    shortest = [2 * WARMUP_WINDOW * one for one in inference_s]
    return 2 * max((*seen, *shortest), default=WARMUP_S)


def comparisons(slots: Iterable[str]) -> int:
    """The models among a group's slots: neither the baseline nor an artifact against itself."""
    return max(sum(not slot.endswith(AGAIN) for slot in slots) - 1, 1)


def _group(
    group: Group, timed: Sequence[TimedBlock], evaluations: Mapping[str, EvaluationResult]
) -> GroupPace:
    own = [one for one in timed if one.block.group == group.name]
    blocks = [one.block for one in own]
    turns = [turn for block in blocks for turn in block.turns]
    inference_s = {}
    for slot in (group.baseline, *(one for one in group.slots if one != group.baseline)):
        evaluation = evaluations.get(slot)
        if evaluation is None or evaluation.error:
            if slot == group.baseline:
                return GroupPace({}, USUAL_SCATTER)
            continue
        times_ns = [time for turn in turns if turn.slot == slot for time in turn.samples_ns]
        first_s = evaluation.first_inference_s or USUAL_INFERENCE_S
        inference_s[slot] = float(np.median(times_ns)) / 1e9 if times_ns else first_s
    scatter, layout = _scatter(group.baseline, own)
    beside_s = _beside_s(blocks, turns)
    loads = [evaluations[slot].load_s or 0.0 for slot in inference_s]
    load_s = 0.0 if beside_s else sum(loads) + _warming_s(blocks) / max(len(blocks), 1)
    return GroupPace(inference_s, scatter, beside_s, layout, _carry_over(turns), load_s)


def _warming_s(blocks: Sequence[MeasuredBlock]) -> float:
    return sum(sum(one.times_ns) for block in blocks for one in block.warmups) / 1e9


def _beside_s(blocks: Sequence[MeasuredBlock], turns: Sequence[Turn]) -> float:
    """The time of a turn beyond its inferences, if it is a process of its own; else 0."""
    inferring_ns = [
        sum(turn.samples_ns) * turn.summary.inferences for turn in turns if turn.summary
    ]
    if not inferring_ns:
        return 0.0
    return max(measured_s(blocks) - sum(inferring_ns) / 1e9, 0.0) / len(turns)


def _carry_over(turns: Sequence[Turn]) -> int:
    """How many inferences are longer because another model ran before, by all slots' turns.

    A slot's turn that follows its own shows nothing. The last two inferences of a turn are taken
    for settled.
    """
    after_another = [
        np.log([*turn.dropped_ns, *turn.samples_ns])
        for turn, last in zip(turns[1:], turns, strict=False)
        if turn.slot != last.slot and turn.summary is None
    ]
    if len(after_another) < FEWEST_TURNS:
        return USUAL_CARRY_OVER
    times = np.array(after_another)
    longer = np.median(times[:, :-2] - times[:, -2:].mean(axis=1, keepdims=True), axis=0)
    settled = np.flatnonzero(longer <= SETTLED)
    return int(settled[0]) if settled.size else longer.size


def _scatter(baseline: str, blocks: Sequence[TimedBlock]) -> tuple[float, float]:
    """Standard deviations of the model that scatters most: of its pairs, and by its layout.

    The times are those that the run will be judged by. That of a pair's log ratio is based on mean
    absolute deviations, because one disturbed pair says little about the others, and the other is
    what blocks differ by beyond what their pairs explain. Both are shrunk towards usual values
    if there are few.
    """
    models = dict.fromkeys(slot for block in blocks for slot in block.slots)
    found = []
    for model in models:
        if model == baseline:
            continue
        ratios = [
            pairs(block.slots[model].own_ns, block.slots[baseline].own_ns)
            for block in blocks
            if {model, baseline} <= block.slots.keys()
        ]
        if sum(one.size for one in ratios) > 1:
            scatter = _pair_scatter(np.concatenate(ratios))
            found.append((scatter, _layout_scatter(ratios, scatter)))
    return max(found, default=(USUAL_SCATTER, LAYOUT_SCATTER))


def _pair_scatter(ratios: Floats) -> float:
    # Values deviate from their own median by less than from the true one.
    lost = ratios.size / (ratios.size - 1)
    own = MEAN_DEVIATION * lost * float(np.mean(np.abs(ratios - np.median(ratios))))
    weighted = own**2 * ratios.size + USUAL_SCATTER**2 * USUAL_WEIGHT
    return math.sqrt(weighted / (ratios.size + USUAL_WEIGHT))


def _layout_scatter(blocks: Sequence[Floats], scatter: float) -> float:
    levels = np.array([np.median(one) for one in blocks])
    free = len(levels) - 1
    by_pairs = MEDIAN_COST * scatter**2 * float(np.mean([1 / one.size for one in blocks]))
    beyond = max(float(np.var(levels, ddof=1)) - by_pairs, 0.0) if free else 0.0
    weighted = beyond * free + LAYOUT_SCATTER**2 * USUAL_LAYOUT_WEIGHT
    return math.sqrt(weighted / (free + USUAL_LAYOUT_WEIGHT))


def measured_s(blocks: Sequence[MeasuredBlock]) -> float:
    """How long blocks took."""
    return sum(
        block.after.unix_s - block.before.unix_s for block in blocks if block.before and block.after
    )


def _start_s(plan: Plan, result: RunResult) -> float:
    """How long a fresh process takes to start.

    The rest of the pilot's time went into one process that identifies the runtime, one for each
    artifact, and those that measured, and into loading models and warming them up before each
    block. Where every turn is a process of its own, its start is part of the turn (`_beside_s`).
    """
    if any(turn.summary for block in result.blocks for turn in block.turns):
        return 0.0
    loads = {slot: one.load_s or 0.0 for slot, one in result.evaluations.items()}
    loading = sum(loads.values())
    loading += sum(loads[one.slot] for block in result.blocks for one in block.warmups)
    measuring = len({block.process for block in result.blocks}) or 1
    elapsed = _seconds(result.updated) - _seconds(result.started)
    bare = elapsed - measured_s(result.blocks) - loading - _warming_s(result.blocks)
    return min(max(bare / (1 + len(plan.artifacts) + measuring), 0.0), SLOWEST_START_S)


def _seconds(stamp: str) -> float:
    return datetime.datetime.fromisoformat(stamp).timestamp()
