"""From what a run measured to its comparison: statistics and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgebench.benchmarks.gate.noise_floor import NoiseFloor
from edgebench.benchmarks.gate.run_checks import Evidence
from edgebench.benchmarks.gate.setting import setting_of
from edgebench.benchmarks.gate.verdict import Verdict, judge
from edgebench.benchmarks.planning.design import AGAIN, UNDECIDED, floor_kind, is_floor
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results import instructions
from edgebench.benchmarks.results.accuracy import Answers
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison, ModelRow
from edgebench.benchmarks.results.measured import NOTHING, MeasuredRun, measured
from edgebench.benchmarks.results.sustained import loaded_s, sustained
from edgebench.benchmarks.results.warnings import warnings
from edgebench.benchmarks.statistics import paired
from edgebench.benchmarks.statistics.call import CallShare, CallTimes, call, call_times
from edgebench.benchmarks.statistics.levels import (
    PairedTimes,
    SlotTimes,
    TimedBlock,
    block_log_ratio,
    counts_own_time,
    paired_times,
    timed_block,
    weights,
)
from edgebench.benchmarks.statistics.looks import Looks
from edgebench.benchmarks.statistics.paired import Floats, Latency, Overhead
from edgebench.converters.artifact import Manifest
from edgebench.deploy.documents.plan import Group, Plan

HOPELESS = ("does_not_run", "baseline_does_not_run")
"""Reasons against a verdict that more measuring does not remove."""


ALMOST = 0.95
"""The part of the time of a load that is as good as all of it."""


def compare(run: MeasuredRun) -> Comparison:
    """Derive every figure and verdict of a run."""
    plan, result = run.plan, run.result
    answers = Answers(run)
    here = run.families or tuple(one for one in plan.groups if not is_floor(one))
    groups = tuple(_group(run, answers, group) for group in (*here, *_not_run_here(run)))
    unfinished = not result.complete and len(result.blocks) < len(plan.blocks)
    stopped_early = unfinished and run.timed and decided(run, judgements(run).values())
    interrupted = unfinished and not stopped_early
    if run.families:
        interrupted &= loaded_s(result) < ALMOST * (run.request.sustain_s or 0.0)
    if not plan.blocks:
        done = (result.evaluations.get(slot, NOTHING) for slot in plan.artifacts)
        interrupted = run.measures == "instructions" and instructions.interrupted(done)
        interrupted |= not all(slot in result.evaluations for slot in plan.artifacts)
    return Comparison(
        run=run.name,
        device=run.request.device,
        description=run.device_description,
        started=result.started,
        interrupted=interrupted,
        stopped_early=stopped_early,
        threshold=run.request.threshold,
        threads=plan.threads,
        cores=plan.cores,
        delegate=result.context.delegate,
        processes=plan.processes,
        blocks_planned=len(plan.blocks),
        blocks_done=len(measured(result.blocks)),
        context=result.context,
        groups=groups,
        command=run.command,
        warnings=(*warnings(run), *answers.warnings),
        cooled_s=result.cooled_s if plan.cooldown and result.start_temperatures_c else None,
        measures=run.measures,
        sustained=sustained(run, run.families) if run.families else None,
    )


def _not_run_here(run: MeasuredRun) -> Iterable[Group]:
    """The artifacts that the plan leaves out because the device cannot run their format."""
    rest = {slot: one for slot, one in run.manifests.items() if slot not in run.plan.artifacts}
    for key in dict.fromkeys((one.format, one.precision) for one in rest.values()):
        slots = {s: one for s, one in rest.items() if (one.format, one.precision) == key}
        for slot, one in slots.items():
            others = tuple(s for s in slots if _baseline(run, slots[s]) == one.model and s != slot)
            if others:
                yield Group(f"{one.model}, {' '.join(key)}", slot, (slot, *others), UNDECIDED)


def _baseline(run: MeasuredRun, manifest: Manifest) -> str:
    return run.request.baseline or manifest.baseline


def _group(run: MeasuredRun, answers: Answers, group: Group) -> GroupComparison:
    manifest = run.manifests[group.baseline]
    members = [run.manifests[slot] for slot in group.slots]
    blocks = timed_blocks(run, group)
    runtime = run.result.context.runtimes.get(manifest.format)
    return GroupComparison(
        name=group.name,
        format=manifest.format,
        precision=", ".join(dict.fromkeys(one.precision for one in members)),
        maker="" if any(one.external for one in members) else manifest.maker,
        rows=tuple(
            _row(run, answers, group, slot, blocks)
            for slot in group.slots
            if run.manifests[slot].ablation is None  # They are part of the explanation.
        ),
        within=runtime.within if runtime else None,
        call_s=floor.level if (floor := _call_times(run, group)) else None,
    )


def _row(
    run: MeasuredRun, answers: Answers, group: Group, slot: str, blocks: Sequence[TimedBlock]
) -> ModelRow:
    manifest, baseline = run.manifests[slot], run.manifests[group.baseline]
    runs_here = slot in run.plan.artifacts
    evaluation = run.result.evaluations.get(slot, NOTHING)
    of_slot = [block.slots[slot] for block in blocks if slot in block.slots]
    madds_overhead = None
    if slot != group.baseline and manifest.madds and baseline.madds:
        madds_overhead = manifest.madds / baseline.madds - 1
    judgement, more_instructions = None, None
    if slot != group.baseline and runs_here and run.timed:
        judgement = judged(run, group, slot, blocks)
    elif slot != group.baseline and not run.plan.blocks:
        reference = run.result.evaluations.get(group.baseline, NOTHING)
        more_instructions = instructions.overhead(evaluation, reference)
    return ModelRow(
        slot=slot,
        model=manifest.model,
        against_itself=slot.endswith(AGAIN),
        weights=manifest.weights,
        runs_here=runs_here,
        error=evaluation.error,
        parity=manifest.hops[-1] if manifest.hops else None,
        latency=_latency(of_slot),
        levels_s=_process_levels_s(blocks, slot),
        overhead=judgement.overhead if judgement else None,
        verdict=judgement.verdict if judgement else None,
        madds=manifest.madds,
        madds_overhead=madds_overhead,
        parameters=manifest.parameters,
        size_bytes=manifest.size_bytes,
        task=manifest.evaluation.task.task if manifest.evaluation else None,
        accuracy=answers.accuracy(group, slot),
        drift=answers.drift(slot),
        peak_memory_bytes=evaluation.peak_memory_bytes,
        load_s=evaluation.load_s,
        first_inference_s=evaluation.first_inference_s,
        partitions=evaluation.partitions,
        leftover_ops=evaluation.leftover_ops,
        operators=evaluation.operators,
        instructions=instructions.instructions(evaluation),
        instruction_overhead=more_instructions,
        on_host=answers.on_host(slot),
        call=judgement.call if judgement else None,
    )


def timed_blocks(run: MeasuredRun, group: Group) -> list[TimedBlock]:
    """The times of a group, block by block."""
    own_time = counts_own_time(run.result.context)
    names = {group.name}
    if run.families:  # Each model has blocks of its own.
        names = {one.name for one in run.plan.groups if one.baseline in group.slots}
    blocks = (block for block in measured(run.result.blocks) if block.group in names)
    return [timed_block(block, own_time) for block in blocks]


def _latency(of_slot: Sequence[SlotTimes]) -> Latency | None:
    if not of_slot:
        return None
    found = paired.latency(np.concatenate([one.wall_ns for one in of_slot]))
    summaries = [summary for one in of_slot for summary in one.summaries]
    if not summaries:
        return found
    inferences = sum(summary.inferences for summary in summaries)
    return replace(found, p90_s=None, mean_s=None, min_s=None, samples=inferences)


def _process_levels_s(blocks: Sequence[TimedBlock], slot: str) -> tuple[float, ...]:
    """A slot's level in each process: the median of its samples."""
    times: dict[int, list[Floats]] = {}
    for block in blocks:
        if slot in block.slots:
            times.setdefault(block.block.process, []).append(block.slots[slot].own_ns)
    return tuple(float(np.median(np.concatenate(one))) / 1e9 for one in times.values())


@dataclass(frozen=True)
class Judgement:
    """The overhead of a slot over its group's baseline and the verdict on it.

    `visible_bias` is the smallest bias of the overhead that the checks would have seen. `call` is
    what the call's floor says of it, where it was measured.
    """

    overhead: Overhead | None
    verdict: Verdict
    visible_bias: float
    call: CallShare | None = None

    def answers(self, request: RunRequest) -> bool:
        """Whether nothing more has to be measured; a model that does not run never gets better.

        The question is whether the overhead is above the threshold, or, where one is to be
        detected, whether there is one: it is found, or one as large as that is excluded, by the
        test that the verdict uses too. A bias of half of the threshold has to be visible, also for
        a large overhead, for that may be the bias itself.
        """
        if self.verdict.reasons and self.verdict.reasons[0].id in HOPELESS:
            return True
        if self.overhead is None or self.verdict.outcome == "no verdict":
            return False
        if self.visible_bias > request.threshold / 2:
            return False
        if request.detect is None:
            return self.verdict.outcome != "undecided"
        found, within = self.overhead.interval, self.overhead.equivalence
        none_so_large = -request.detect < within.low and within.high < request.detect
        return not found.low <= 0 <= found.high or none_so_large


def judged(run: MeasuredRun, group: Group, slot: str, blocks: Sequence[TimedBlock]) -> Judgement:
    """Judge a slot of a group by its blocks."""
    processes = paired_times(blocks, slot, group.baseline)
    comparisons = _comparisons(run, group, slot)
    overhead = _overhead(run.plan, processes, comparisons)
    floor = _call_times(run, group)
    beside = call(floor, processes, comparisons) if floor else None
    warm = [one for block in blocks for one in block.block.warmups if one.slot == slot]
    evidence = Evidence(
        model=run.manifests[slot].model,
        slot=slot,
        threshold=run.request.threshold,
        overhead=overhead,
        processes=tuple(processes),
        needed_processes=_looks(run.plan).fewest(comparisons),
        evaluation=run.result.evaluations.get(slot),
        baseline_evaluation=run.result.evaluations.get(group.baseline),
        delegate=run.plan.delegate,
        core_count=run.result.context.core_count,
        cores=run.plan.cores,
        against_itself=slot.endswith(AGAIN),
        steady_share=float(np.mean([one.steady for one in warm])) if warm else 1.0,
        clock_s=run.result.context.clock_s or 0.0,
        batch=group.turn.batch,
        call=beside,
    )
    return Judgement(overhead, judge(evidence, _floor(run, slot)), evidence.visible_bias, beside)


def _call_times(run: MeasuredRun, group: Group) -> CallTimes | None:
    """The call's floor for a group, None where it was not measured."""
    kind = floor_kind(run.manifests[group.baseline])
    for one in filter(is_floor, run.plan.groups):
        if floor_kind(run.manifests[one.baseline]) == kind and not is_floor(group):
            again = one.baseline + AGAIN
            return call_times(paired_times(timed_blocks(run, one), again, one.baseline))
    return None


def _looks(plan: Plan) -> Looks:
    return Looks(plan.first_look, plan.processes)


def _overhead(plan: Plan, processes: Sequence[PairedTimes], comparisons: int) -> Overhead | None:
    """None for fewer processes than an interval needs."""
    looks = _looks(plan)
    if len(processes) < looks.fewest(comparisons):
        return None
    _, *others = np.array([one.summaries for one in processes]).T
    summaries = dict(zip(paired.SUMMARIES[1:], others, strict=True))
    after = [one.after_another for one in processes if one.after_another is not None]
    every = [(one, block) for one in processes for block in one.blocks]
    if any(block.slots[one.slot].summaries for one, block in every):
        summaries = {}  # A turn's only sample has no p90 and no minimum of its own.
    return paired.overhead(
        [one.level for one in processes],
        [block_log_ratio(block, one.slot, one.baseline) for one, block in every],
        comparisons,
        summaries,
        looks,
        after if len(after) == len(processes) else None,
        weights(processes),
    )


def judgements(run: MeasuredRun) -> dict[str, Judgement]:
    """The judgement on every slot that is compared with a baseline."""
    found = {}
    for group in (one for one in run.plan.groups if not is_floor(one)):
        blocks = timed_blocks(run, group)
        for slot in group.slots:
            if slot != group.baseline:
                found[slot] = judged(run, group, slot, blocks)
    return found


def decided(run: MeasuredRun, found: Iterable[Judgement]) -> bool:
    """Whether a run that may stop early has answered its question for every model."""
    done = len({block.process for block in measured(run.result.blocks)})
    stops = _looks(run.plan).many and done >= run.plan.first_look
    return stops and all(one.answers(run.request) for one in found)


def _floor(run: MeasuredRun, slot: str) -> NoiseFloor | None:
    if run.floors is None:
        return None
    one = run.manifests[slot]
    return run.floors.find(one.format, one.precision, setting_of(run.result, one.format))


def _comparisons(run: MeasuredRun, group: Group, slot: str) -> int:
    """How many models share the 95 % with this one; an artifact against itself does not count."""
    if slot.endswith(AGAIN):
        return 1
    models = [
        one
        for one in group.slots
        if one != group.baseline and not one.endswith(AGAIN) and run.manifests[one].ablation is None
    ]
    reached = (run.result.evaluations.get(one) for one in models)
    return sum(one is not None and not one.error for one in reached) or 1
