"""From what a run measured to its comparison: statistics and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from edgebench.benchmarks.gate.noise_floor import NoiseFloor
from edgebench.benchmarks.gate.run_checks import Evidence
from edgebench.benchmarks.gate.setting import setting_of
from edgebench.benchmarks.gate.verdict import Verdict, judge
from edgebench.benchmarks.planning.design import AGAIN
from edgebench.benchmarks.results import instructions
from edgebench.benchmarks.results.accuracy import Answers
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison, ModelRow
from edgebench.benchmarks.results.measured import NOTHING, MeasuredRun, measured
from edgebench.benchmarks.results.warnings import warnings
from edgebench.benchmarks.statistics import paired
from edgebench.benchmarks.statistics.levels import SlotTimes, TimedBlock, timed_block
from edgebench.benchmarks.statistics.paired import Latency, Overhead
from edgebench.converters.artifact import Manifest
from edgebench.deploy.documents.plan import Group


def compare(run: MeasuredRun) -> Comparison:
    """Derive every figure and verdict of a run."""
    plan, result = run.plan, run.result
    interrupted = not result.complete and len(result.blocks) < len(plan.blocks)
    if not run.timed:
        done = (result.evaluations.get(slot, NOTHING) for slot in plan.artifacts)
        interrupted = instructions.interrupted(done)
    answers = Answers(run)
    groups = tuple(_group(run, answers, group) for group in (*plan.groups, *_not_run_here(run)))
    return Comparison(
        run=run.name,
        device=run.request.device,
        description=run.device_description,
        started=result.started,
        interrupted=interrupted,
        threshold=run.request.threshold,
        threads=plan.threads,
        cores=plan.cores,
        delegate=plan.delegate,
        processes=plan.processes,
        blocks_planned=len(plan.blocks),
        blocks_done=len(measured(result.blocks)),
        context=result.context,
        groups=groups,
        command=run.command,
        warnings=(*warnings(run), *answers.warnings),
        cooled_s=result.cooled_s if plan.cooldown and result.start_temperatures_c else None,
        measures="time" if run.timed else "instructions",
    )


def _not_run_here(run: MeasuredRun) -> Iterable[Group]:
    """The artifacts that the plan leaves out because the device cannot run their format."""
    rest = {slot: one for slot, one in run.manifests.items() if slot not in run.plan.artifacts}
    for key in dict.fromkeys((one.format, one.precision) for one in rest.values()):
        slots = {s: one for s, one in rest.items() if (one.format, one.precision) == key}
        for slot, one in slots.items():
            others = tuple(s for s in slots if _baseline(run, slots[s]) == one.model and s != slot)
            if others:
                yield Group(f"{one.model}, {' '.join(key)}", slot, (slot, *others))


def _baseline(run: MeasuredRun, manifest: Manifest) -> str:
    return run.request.baseline or manifest.baseline


def _group(run: MeasuredRun, answers: Answers, group: Group) -> GroupComparison:
    manifest = run.manifests[group.baseline]
    members = [run.manifests[slot] for slot in group.slots]
    blocks = [timed_block(b) for b in measured(run.result.blocks) if b.group == group.name]
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
    overhead, verdict, more_instructions = None, None, None
    if slot != group.baseline and runs_here and run.timed:
        overhead, verdict = judged(run, group, slot, blocks)
    elif slot != group.baseline:
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
        overhead=overhead,
        verdict=verdict,
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
        instructions=instructions.instructions(evaluation),
        instruction_overhead=more_instructions,
        on_host=answers.on_host(slot),
    )


def _latency(of_slot: Sequence[SlotTimes]) -> Latency | None:
    times = [time for one in of_slot for visit in one.samples_ns for time in visit]
    if not times:
        return None
    found = paired.latency(times)
    summaries = [summary for one in of_slot for summary in one.summaries]
    if not summaries:
        return found
    inferences = sum(summary.inferences for summary in summaries)
    return replace(found, p90_s=None, mean_s=None, min_s=None, samples=inferences)


def _process_levels_s(blocks: Sequence[TimedBlock], slot: str) -> tuple[float, ...]:
    """A slot's level in each process: the geometric mean of its blocks' levels."""
    logs: dict[int, list[float]] = {}
    for block in blocks:
        if slot in block.slots:
            logs.setdefault(block.block.process, []).append(np.log(block.slots[slot].level_s))
    return tuple(float(np.exp(np.mean(one))) for one in logs.values())


def judged(
    run: MeasuredRun, group: Group, slot: str, blocks: Sequence[TimedBlock]
) -> tuple[Overhead | None, Verdict]:
    """The overhead of a slot over its group's baseline, and the verdict on it."""
    both = [one for one in blocks if {slot, group.baseline} <= one.slots.keys()]
    comparisons = _comparisons(run, group, slot)
    overhead = None
    processes = [one.block.process for one in both]
    if len(set(processes)) >= paired.fewest_processes(comparisons):
        ratios = np.array(
            [one.slots[slot].log_levels - one.slots[group.baseline].log_levels for one in both]
        )
        headline, *others = ratios.T
        summaries = dict(zip(paired.SUMMARIES[1:], others, strict=True))
        if any(one.slots[name].summaries for one in both for name in (slot, group.baseline)):
            summaries = {}  # A visit's only sample has no p90 and no minimum of its own.
        overhead = paired.overhead(headline, processes, comparisons, summaries)
    steady = [steady for one in both for steady in one.slots[slot].steady]
    verdict = judge(
        Evidence(
            model=run.manifests[slot].model,
            slot=slot,
            threshold=run.request.threshold,
            overhead=overhead,
            blocks=tuple(one.block for one in both),
            evaluation=run.result.evaluations.get(slot),
            baseline_evaluation=run.result.evaluations.get(group.baseline),
            delegate=run.plan.delegate,
            core_count=run.result.context.core_count,
            cores=run.plan.cores,
            against_itself=slot.endswith(AGAIN),
            comparisons=comparisons,
            steady_share=float(np.mean(steady)) if steady else 1.0,
        ),
        _floor(run, slot),
    )
    return overhead, verdict


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
