"""The pilot: a short run that measures how long inferences take here and how they scatter.

It is an ordinary plan with an ordinary result, in the folder `pilot` of the run folder. It stops
when it has used its part of the budget, in the way a run stops on Ctrl-C.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edgebench.benchmarks.planning.design import AGAIN, WARMUP_WINDOW, lay_out
from edgebench.benchmarks.planning.sizing import PILOT_SHARE, Pace, Size, SlotPace, median_variance
from edgebench.benchmarks.statistics.paired import level_s
from edgebench.deploy.device.interface import Device
from edgebench.deploy.documents.plan import Group, Plan, VisitLength
from edgebench.deploy.documents.result import MeasuredBlock, RunResult, Visit
from edgebench.deploy.documents.staging import RESULT
from edgebench.documents import load
from edgebench.progress import Progress

PILOT = "pilot"
MEASURING = "measuring blocks"
"""The step whose progress is that of blocks."""

SIZE = Size(processes=2, blocks=6, visit_s=0.05)
WARMUP_S = 0.2

LONGEST_S = 20.0

USUAL_SCATTER = 0.01
"""The assumed scatter of a block's log ratio before anything is measured."""

USUAL_WEIGHT = 3
"""The assumed scatter counts as much as this many values from the pilot."""

SLOWEST_START_S = 5.0

MEAN_DEVIATION = 1.2533
"""Standard deviations in a mean absolute deviation, for normal values."""


def pilot_plan(draft: Plan) -> Plan:
    """The pilot of a run whose plan is drafted: its artifacts and groups, without evaluation."""
    artifacts = {slot: replace(one, evaluation=None) for slot, one in draft.artifacts.items()}
    bare = replace(draft, id=f"{draft.id}/{PILOT}", artifacts=artifacts, visit=VisitLength(0, 1))
    return lay_out(bare, SIZE, WARMUP_S)


def limit_s(budget_s: float | None) -> float:
    """How long a pilot may measure."""
    return LONGEST_S if budget_s is None else min(LONGEST_S, PILOT_SHARE * budget_s)


class _Enough(KeyboardInterrupt):
    """Our own interruption, so that a user's Ctrl-C is not mistaken for it."""


@dataclass
class _Stop:
    """Passes progress on, and interrupts the run once its blocks have taken long enough."""

    listener: Progress
    limit_s: float
    began: float = field(default_factory=time.monotonic)
    reached: bool = False

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if step != MEASURING:
            self.began = now
        self.reached = now - self.began >= self.limit_s and done < total
        self.listener("pilot: " + step, total if self.reached else done, total)
        if self.reached:
            raise _Enough


def run_pilot(folder: Path, device: Device, limit_s: float, progress: Progress) -> RunResult:
    """Carry out what is left of the pilot in a folder, until it is done or has taken long enough.

    Raises `KeyboardInterrupt` if the user interrupts it, and `EdgeBenchError`.
    """
    stop = _Stop(progress, limit_s)
    try:
        result = device.run(folder, stop)
    except _Enough:
        return load(folder / RESULT, RunResult)
    if not (result.complete or stop.reached or _failed(result)):
        raise KeyboardInterrupt
    return result


def _failed(result: RunResult) -> bool:
    """Whether the result is incomplete because of an error, and not of an interruption."""
    return any(one.error for one in result.evaluations.values()) or any(
        block.error for block in result.blocks
    )


def pace(plan: Plan, result: RunResult) -> Pace:
    """The models' times, from a pilot's result.

    Slots that do not run are left out, and so are groups with nothing left to compare. A slot
    that was not reached is known by its first inference alone.
    """
    blocks = [block for block in result.blocks if not block.error]
    groups = {group.name: _slots(group, blocks, result) for group in plan.groups}
    groups = {name: slots for name, slots in groups.items() if len(slots) > 1}
    return Pace(
        groups=groups,
        comparisons=max((comparisons(slots) for slots in groups.values()), default=1),
        block_scatter=_block_scatter(plan.groups, blocks, groups),
        warmup_s=_longest_warmup_s(blocks, groups),
        start_s=_start_s(plan, result),
    )


def _longest_warmup_s(
    blocks: Sequence[MeasuredBlock], groups: Mapping[str, Mapping[str, SlotPace]]
) -> float:
    """How long a visit may warm up: long enough for nearly all visits.

    A limit in seconds cuts the slower model short by more inferences than the faster, which makes
    its overhead larger than it is.
    """
    seen = [sum(visit.warmup_ns) / 1e9 for block in blocks for visit in block.visits]
    usual = [slot.warmup_s for slots in groups.values() for slot in slots.values()]
    return 2 * max((*seen, *usual), default=WARMUP_S)


def comparisons(slots: Mapping[str, SlotPace]) -> int:
    """The models among a group's slots: neither the baseline nor an artifact against itself."""
    return max(sum(not slot.endswith(AGAIN) for slot in slots) - 1, 1)


def _slots(group: Group, blocks: Sequence[MeasuredBlock], result: RunResult) -> dict[str, SlotPace]:
    found = {}
    beside_s = _beside_s(blocks)
    for slot in (group.baseline, *(one for one in group.slots if one != group.baseline)):
        evaluation = result.evaluations.get(slot)
        if evaluation is None or evaluation.error:
            if slot == group.baseline:
                return {}
            continue
        visits = [v for block in blocks for v in block.visits if v.slot == slot]
        if not visits:
            first_s = evaluation.first_inference_s or SIZE.visit_s
            found[slot] = SlotPace(first_s, 2 * WARMUP_WINDOW * first_s, USUAL_SCATTER)
            continue
        inference_s = level_s([v.samples_ns for v in visits])
        warmup_s = float(np.mean([sum(v.warmup_ns) for v in visits])) / 1e9
        # The pilot may stop before two windows are alike, but the run goes on until they are.
        warmup_s = max(warmup_s, 2 * WARMUP_WINDOW * inference_s)
        found[slot] = SlotPace(
            inference_s=inference_s,
            warmup_s=warmup_s,
            scatter=_inference_scatter(visits),
            start_s=max(beside_s - warmup_s, 0.0),
        )
    return found


def _beside_s(blocks: Sequence[MeasuredBlock]) -> float:
    """The time of a visit beyond its timed inferences, if it is a process of its own; else 0."""
    visits = [visit for block in blocks for visit in block.visits]
    inferring_ns = [
        sum(visit.samples_ns) * visit.summary.inferences for visit in visits if visit.summary
    ]
    if not inferring_ns:
        return 0.0
    return max(measured_s(blocks) - sum(inferring_ns) / 1e9, 0.0) / len(visits)


def _inference_scatter(visits: Sequence[Visit]) -> float:
    """The standard deviation of one inference's log time within a visit."""
    deviations: list[float] = []
    for visit in visits:
        logs = np.log(visit.samples_ns)
        if logs.size > 1:
            # Values deviate from their own median by less than from the true one.
            lost = logs.size / (logs.size - 1)
            deviations += list(np.abs(logs - np.median(logs)) * lost)
    return MEAN_DEVIATION * float(np.mean(deviations)) if deviations else USUAL_SCATTER


def _block_scatter(
    groups: Sequence[Group],
    blocks: Sequence[MeasuredBlock],
    paces: Mapping[str, Mapping[str, SlotPace]],
) -> float:
    """The blocks' own scatter: what the inferences' scatter leaves unexplained.

    It is based on mean absolute deviations, because one disturbed block says little about the
    others, and is shrunk towards the usual scatter if there are few values.
    """
    deviations: list[float] = []
    explained: list[float] = []
    for group in groups:
        baseline, *models = paces.get(group.name) or (group.baseline,)
        for model in models:
            pairs = [
                (_visits(block, model), _visits(block, baseline))
                for block in blocks
                if block.group == group.name
            ]
            levels = [[level_s(visits) for visits in pair] for pair in pairs if all(pair)]
            ratios = np.array([np.log(own / other) for own, other in levels])
            if ratios.size > 1:
                # The values deviate from their own mean by less than from the true one.
                lost = np.sqrt(ratios.size / (ratios.size - 1))
                deviations += list(np.abs(ratios - ratios.mean()) * lost)
                slots = [paces[group.name][slot] for slot in (model, baseline)]
                explained.append(sum(median_variance(slot, SIZE.visit_s) for slot in slots))
    if not deviations:
        return USUAL_SCATTER
    variance = (float(np.mean(deviations)) * MEAN_DEVIATION) ** 2 - float(np.mean(explained))
    known = len(deviations)
    weighted = max(variance, 0.0) * known + USUAL_SCATTER**2 * USUAL_WEIGHT
    return float(np.sqrt(weighted / (known + USUAL_WEIGHT)))


def _visits(block: MeasuredBlock, slot: str) -> list[tuple[int, ...]]:
    return [visit.samples_ns for visit in block.visits if visit.slot == slot]


def measured_s(blocks: Sequence[MeasuredBlock]) -> float:
    """How long blocks took."""
    return sum(
        block.after.unix_s - block.before.unix_s for block in blocks if block.before and block.after
    )


def _start_s(plan: Plan, result: RunResult) -> float:
    """How long a fresh process takes: to start, and to load every artifact.

    The rest of the pilot's time went into one process that identifies the runtime, one for each
    artifact, and those that measured.
    """
    loading = [one.load_s for one in result.evaluations.values() if one.load_s is not None]
    measuring = len({block.process for block in result.blocks}) or 1
    elapsed = _seconds(result.updated) - _seconds(result.started) - measured_s(result.blocks)
    bare = (elapsed - sum(loading) * (1 + measuring)) / (1 + len(plan.artifacts) + measuring)
    return min(max(bare, 0.0), SLOWEST_START_S) + sum(loading)


def _seconds(stamp: str) -> float:
    return datetime.datetime.fromisoformat(stamp).timestamp()
