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
from edgebench.benchmarks.statistics.levels import (
    SlotTimes,
    TimedBlock,
    counts_own_time,
    timed_block,
)
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

UNNOTICED = 0.25
"""It counts too if it takes longer by at most this part of what turns scatter by."""

MOST_CARRIED = 0.04
"""It does not if it takes longer by more, in log time, however much turns scatter."""

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
    beside_s = _beside_s(blocks, turns)
    carry = _carry(turns)
    scatter, turn_scatter, layout = _scatter(group.baseline, own, carry)
    loads = [evaluations[slot].load_s or 0.0 for slot in inference_s]
    load_s = 0.0 if beside_s else sum(loads) + _warming_s(blocks) / max(len(blocks), 1)
    return GroupPace(
        inference_s,
        scatter,
        beside_s,
        layout,
        _carry_over(carry, turn_scatter),
        load_s,
        turn_scatter=turn_scatter,
    )


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


def _carry(turns: Sequence[Turn]) -> Floats:
    """By place in a turn, how much longer inferences are because another model ran before, in log.

    Of all slots' turns; one that follows the slot's own shows nothing. The last two inferences of a
    turn are taken for settled. It is empty for too few turns.
    """
    after_another = [
        np.log([*turn.dropped_ns, *turn.samples_ns])
        for turn, last in zip(turns[1:], turns, strict=False)
        if turn.slot != last.slot and turn.summary is None
    ]
    if len(after_another) < FEWEST_TURNS:
        return np.zeros(0)
    times = np.array(after_another)
    return np.asarray(np.median(times - times[:, -2:].mean(axis=1, keepdims=True), axis=0))


def _carry_over(carry: Floats, turn_scatter: float) -> int:
    """How many inferences after another model's may not count.

    Those that are longer, and one more for what the pilot is too short to see. Where the machine
    changes from turn to turn, so that more and shorter turns say more, what is a little longer
    counts too. What a model has to load again takes about as long for a heavier one, so that an
    overhead looks smaller, by about the part that is left: +20 % may read +19.2 % for
    `MOST_CARRIED`. The worst pair that was measured loses a third of what is left, or 0.9 points
    (docs/method.md). Each run looks for what is left in its overhead (`gate.run_checks`).
    """
    if not carry.size:
        return USUAL_CARRY_OVER
    return min(
        _first_below(carry[:-2], SETTLED) + 1,
        _first_below(carry[:-2], min(UNNOTICED * turn_scatter, MOST_CARRIED)),
    )


def _first_below(values: Floats, limit: float) -> int:
    """The first place of a value that is at most the limit; their number if there is none."""
    return int(np.flatnonzero([*(values <= limit), True])[0])


def _scatter(
    baseline: str, blocks: Sequence[TimedBlock], carry: Floats
) -> tuple[float, float, float]:
    """Standard deviations of the log ratio: of a pair of samples, of a pair of turns, by layout.

    Each is what the one before does not explain, of the model whose turns scatter most. The times
    are those that the run will be judged by, without the `carry` of what ran before them. They are
    based on mean absolute deviations, because one disturbed pair says little about the others, and
    shrunk towards usual values if there are few.
    """
    models = dict.fromkeys(slot for block in blocks for slot in block.slots)
    found = []
    for model in models:
        both = [block for block in blocks if {model, baseline} <= block.slots.keys()]
        if model != baseline and both:
            found.append(_components([_log_ratios(one, model, baseline, carry) for one in both]))
    return max(found, default=(USUAL_SCATTER, 0.0, LAYOUT_SCATTER), key=lambda one: one[:2][::-1])


def _log_ratios(block: TimedBlock, model: str, baseline: str, carry: Floats) -> Floats:
    """Of the n-th turns of a model and its baseline: (turns, samples)."""
    one, other = (_logs(block.slots[slot], carry) for slot in (model, baseline))
    count = min(len(one), len(other))
    return np.asarray(one[:count] - other[:count])


def _logs(times: SlotTimes, carry: Floats) -> Floats:
    """Of a slot's samples, without the carry-over: (turns, samples)."""
    if times.summaries:
        return times.turn_logs[:, np.newaxis]
    logs = np.log(times.own_ns).reshape(times.turn_logs.size, -1)
    if carry.size:
        logs[~times.repeated] -= carry[-logs.shape[1] :]
    return logs


def _components(blocks: Sequence[Floats]) -> tuple[float, float, float]:
    samples = blocks[0].shape[1]
    turns = float(np.mean([len(one) for one in blocks]))
    by_turn = [np.median(one, axis=1) for one in blocks]
    scatter = _deviation(blocks, samples)
    own = len(blocks) * turns * (samples - 1)
    scatter = _shrunk(scatter**2, own, USUAL_SCATTER, USUAL_WEIGHT)
    by_samples = MEDIAN_COST * scatter**2 / samples
    of_turns, free = _deviation(by_turn, turns) ** 2, len(blocks) * (turns - 1)
    turn_scatter = _shrunk(max(of_turns - by_samples, 0.0), free, 0.0, USUAL_WEIGHT)
    explained = (of_turns if free else by_samples) / turns
    levels, free = np.array([one.mean() for one in by_turn]), len(blocks) - 1
    beyond = max(_deviation([levels], len(blocks)) ** 2 - explained, 0.0)
    return scatter, turn_scatter, _shrunk(beyond, free, LAYOUT_SCATTER, USUAL_LAYOUT_WEIGHT)


def _deviation(values: Sequence[Floats], count: float) -> float:
    """The standard deviation of so many values each about their own mean; 0 for one."""
    if count <= 1:
        return 0.0
    # Values deviate from their own mean by less than from the true one.
    lost = math.sqrt(count / (count - 1))
    deviations = [np.abs(one - one.mean(axis=-1, keepdims=True)) for one in values]
    return MEAN_DEVIATION * lost * float(np.concatenate(deviations).mean())


def _shrunk(variance: float, count: float, usual: float, weight: float) -> float:
    """The standard deviation, where a usual one counts as much as so many values."""
    return math.sqrt((variance * count + usual**2 * weight) / (count + weight))


def measured_s(blocks: Sequence[MeasuredBlock]) -> float:
    """How long blocks took."""
    return sum(
        block.after.unix_s - block.before.unix_s for block in blocks if block.before and block.after
    )


def _start_s(plan: Plan, result: RunResult) -> float:
    """How long a fresh process takes to start.

    The rest of the pilot's time went into one process that identifies the runtime, one for each
    artifact's file, and those that measured, and into loading models and warming them up before
    each block. Where every turn is a process of its own, its start is part of it (`_beside_s`).
    """
    if any(turn.summary for block in result.blocks for turn in block.turns):
        return 0.0
    loads = {slot: one.load_s or 0.0 for slot, one in result.evaluations.items()}
    files = {one.file: loads.get(slot, 0.0) for slot, one in plan.artifacts.items()}
    loading = sum(files.values())
    loading += sum(loads[one.slot] for block in result.blocks for one in block.warmups)
    measuring = len({block.process for block in result.blocks}) or 1
    elapsed = _seconds(result.updated) - _seconds(result.started)
    bare = elapsed - measured_s(result.blocks) - loading - _warming_s(result.blocks)
    return min(max(bare / (1 + len(files) + measuring), 0.0), SLOWEST_START_S)


def _seconds(stamp: str) -> float:
    return datetime.datetime.fromisoformat(stamp).timestamp()
