"""From a run folder to its comparison: samples and outputs in, statistics and verdicts out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edgebench.benchmarks import counted, proportions, statistics
from edgebench.benchmarks.checks import Evidence
from edgebench.benchmarks.comparison import (
    Accuracy,
    Beside,
    Comparison,
    Drift,
    GroupComparison,
    Row,
)
from edgebench.benchmarks.design import AGAIN
from edgebench.benchmarks.levels import SlotTimes, TimedBlock, timed_block
from edgebench.benchmarks.noise import NoiseFloor, NoiseFloors, cautions
from edgebench.benchmarks.request import RunRequest
from edgebench.benchmarks.settings import setting_of
from edgebench.benchmarks.statistics import Floats, Latency, Overhead
from edgebench.benchmarks.verdict import Verdict, judge
from edgebench.converters.artifact import Manifest
from edgebench.deploy.plan import Group, Plan
from edgebench.deploy.result import Block, Evaluation, RunResult
from edgebench.errors import InvalidFileError


@dataclass(frozen=True)
class Run:
    """All that a comparison is made of.

    `manifests` is by slot. `evaluations` gives, by slot, the labels (N,) and the trained model's
    logits (N, classes); slots whose accuracy means nothing have none. `outputs` gives, by slot,
    what came back from the device, (N, classes). `floors` are the device's noise floors; None for
    a run that is not read against any. `host` and its outputs are those of the same plan on the
    host's own processor, where a device wanted them.
    """

    name: str
    request: RunRequest
    device_description: str
    plan: Plan
    result: RunResult
    manifests: Mapping[str, Manifest]
    references: Mapping[str, tuple[Floats, Floats]]
    outputs: Mapping[str, Floats]
    command: str
    floors: NoiseFloors | None = None
    host: RunResult | None = None
    host_outputs: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def timed(self) -> bool:
        """Whether time is measured: a device that counts instructions has a plan without blocks."""
        return bool(self.plan.blocks)


ELSEWHERE = Evaluation(error="this device does not run files of this format")
NOT_RUN = Evaluation(error="it was not reached before the run was interrupted")


def compare(run: Run) -> Comparison:
    """Derive every figure and verdict of a run."""
    plan, result = run.plan, run.result
    interrupted = not result.complete and len(measured(result.blocks)) < len(plan.blocks)
    if not run.timed:
        done = (result.evaluations.get(slot, Evaluation(None)) for slot in plan.artifacts)
        interrupted = counted.interrupted(done)
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
        groups=tuple(_group(run, group) for group in (*plan.groups, *_not_run_here(run))),
        command=run.command,
        cautions=(*_cautions(run), *_summaries(run.result), *_without_outputs(run)),
        cooled_s=result.cooled_s if plan.cooldown and result.start_temperatures_c else None,
        measures="time" if run.timed else "instructions",
    )


def _not_run_here(run: Run) -> Iterable[Group]:
    """The artifacts that the plan leaves out because the device does not run their format."""
    rest = {slot: one for slot, one in run.manifests.items() if slot not in run.plan.artifacts}
    for key in dict.fromkeys((one.format, one.precision) for one in rest.values()):
        slots = {s: one for s, one in rest.items() if (one.format, one.precision) == key}
        for slot, one in slots.items():
            others = tuple(s for s in slots if _baseline(run, slots[s]) == one.model and s != slot)
            if others:
                yield Group(f"{one.model}, {' '.join(key)}", slot, (slot, *others))


def _baseline(run: Run, manifest: Manifest) -> str:
    return run.request.baseline or manifest.baseline


def measured(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks that have visits."""
    return tuple(block for block in blocks if not block.error)


def _group(run: Run, group: Group) -> GroupComparison:
    manifest = run.manifests[group.baseline]
    members = [run.manifests[slot] for slot in group.slots]
    blocks = [timed_block(b) for b in measured(run.result.blocks) if b.group == group.name]
    return GroupComparison(
        name=group.name,
        format=manifest.format,
        precision=", ".join(dict.fromkeys(one.precision for one in members)),
        maker="" if any(one.foreign for one in members) else manifest.maker,
        rows=tuple(
            _row(run, group, slot, blocks)
            for slot in group.slots
            if run.manifests[slot].ablation is None  # `explain` says what they are for.
        ),
    )


def _row(run: Run, group: Group, slot: str, blocks: Sequence[TimedBlock]) -> Row:
    manifest, baseline = run.manifests[slot], run.manifests[group.baseline]
    runs_here = slot in run.plan.artifacts
    evaluation = run.result.evaluations.get(slot, NOT_RUN) if runs_here else ELSEWHERE
    of_slot = [block.slots[slot] for block in blocks if slot in block.slots]
    madds_overhead = None
    if slot != group.baseline and manifest.madds and baseline.madds:
        madds_overhead = manifest.madds / baseline.madds - 1
    overhead, verdict, more_instructions = None, None, None
    if slot != group.baseline and runs_here and run.timed:
        overhead, verdict = judged(run, group, slot, blocks, madds_overhead)
    elif slot != group.baseline:
        reference = run.result.evaluations.get(group.baseline, NOT_RUN)
        more_instructions = counted.overhead(evaluation, reference)
    return Row(
        slot=slot,
        model=manifest.model + (" (again)" if slot.endswith(AGAIN) else ""),
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
        accuracy=_accuracy(run, group, slot),
        drift=_drift(run, slot),
        peak_memory_bytes=evaluation.peak_memory_bytes,
        load_s=evaluation.load_s,
        first_inference_s=evaluation.first_inference_s,
        partitions=evaluation.partitions,
        leftover_ops=evaluation.leftover_ops,
        instructions=counted.instructions(evaluation),
        instruction_overhead=more_instructions,
        beside=_beside(run, slot),
    )


def _beside(run: Run, slot: str) -> Beside | None:
    """How a slot's outputs differ from the host's own, where it has some."""
    outputs, theirs = run.outputs.get(slot), run.host_outputs.get(slot)
    if run.host is None or outputs is None or theirs is None or outputs.shape != theirs.shape:
        return None
    return counted.beside(outputs, theirs, run.host, run.manifests[slot].format)


def _latency(of_slot: Sequence[SlotTimes]) -> Latency | None:
    times = [time for one in of_slot for visit in one.samples_ns for time in visit]
    if not times:
        return None
    found = statistics.latency(times)
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
    run: Run,
    group: Group,
    slot: str,
    blocks: Sequence[TimedBlock],
    madds_overhead: float | None,
) -> tuple[Overhead | None, Verdict]:
    """The overhead of a slot over its group's baseline, and what to make of it."""
    both = [one for one in blocks if {slot, group.baseline} <= one.slots.keys()]
    comparisons = _comparisons(run, group, slot)
    overhead = None
    processes = [one.block.process for one in both]
    if len(set(processes)) >= statistics.fewest_processes(comparisons):
        ratios = np.array(
            [one.slots[slot].log_levels - one.slots[group.baseline].log_levels for one in both]
        )
        headline, *others = ratios.T
        beside = dict(zip(statistics.SUMMARIES[1:], others, strict=True))
        if any(one.slots[name].summaries for one in both for name in (slot, group.baseline)):
            beside = {}  # A visit's only sample has no p90 and no minimum of its own.
        overhead = statistics.overhead(headline, processes, comparisons, beside)
    steady = [steady for one in both for steady in one.slots[slot].steady]
    verdict = judge(
        Evidence(
            model=run.manifests[slot].model,
            slot=slot,
            threshold=run.request.threshold,
            overhead=overhead,
            blocks=tuple(one.block for one in both),
            evaluation=run.result.evaluations.get(slot, NOT_RUN),
            baseline_evaluation=run.result.evaluations.get(group.baseline, NOT_RUN),
            delegate=run.plan.delegate,
            core_count=run.result.context.core_count,
            cores=run.plan.cores,
            madds_overhead=madds_overhead,
            against_itself=slot.endswith(AGAIN),
            comparisons=comparisons,
            steady_share=float(np.mean(steady)) if steady else 1.0,
        ),
        _floor(run, slot),
    )
    return overhead, verdict


def _floor(run: Run, slot: str) -> NoiseFloor | None:
    if run.floors is None:
        return None
    one = run.manifests[slot]
    return run.floors.find(one.format, one.precision, setting_of(run.result, one.format))


def _cautions(run: Run) -> tuple[str, ...]:
    """What to know of the noise floors that the verdicts are read against."""
    if run.floors is None or not run.timed:
        return ()
    compared = [
        run.manifests[group.baseline]
        for group in run.plan.groups
        if any(slot != group.baseline and not slot.endswith(AGAIN) for slot in group.slots)
    ]
    kinds = dict.fromkeys((one.format, one.precision) for one in compared)
    return cautions(
        run.floors,
        [(*kind, setting_of(run.result, kind[0])) for kind in kinds],
        run.result.started[:10],
    )


def _summaries(result: RunResult) -> Iterable[str]:
    """What to know of times that a tool tells as one figure a visit."""
    visits = [visit for block in result.blocks for visit in block.visits]
    for kind in dict.fromkeys(visit.summary.kind for visit in visits if visit.summary):
        names = ", ".join(dict.fromkeys(one.name for one in result.context.runtimes.values()))
        yield (
            f"{names} keeps single times to itself: every sample is the {kind} of a visit's "
            "inferences, in a process of its own"
        )


def _without_outputs(run: Run) -> Iterable[str]:
    """What to know of artifacts that had inputs to evaluate, and gave nothing back."""
    missing = [
        slot
        for slot, evaluation in run.result.evaluations.items()
        if run.plan.artifacts[slot].evaluation
        and not (evaluation.error or evaluation.outputs or slot.endswith(AGAIN))
    ]
    if missing:
        yield (
            f"no outputs of {', '.join(missing)} came back: accuracy and drift on the device are "
            "not known"
        )


def _comparisons(run: Run, group: Group, slot: str) -> int:
    """How many models share this one's 95 %; an artifact against itself is no model."""
    if slot.endswith(AGAIN):
        return 1
    models = [
        one
        for one in group.slots
        if one != group.baseline and not one.endswith(AGAIN) and run.manifests[one].ablation is None
    ]
    return sum(not run.result.evaluations.get(one, NOT_RUN).error for one in models) or 1


def _answers(run: Run, slot: str) -> tuple[Floats, Floats, Floats] | None:
    """Labels, the trained model's logits and the device's outputs, where they mean something."""
    if run.manifests[slot].weights != "trained":
        return None
    if slot not in run.references or slot not in run.outputs:
        return None
    labels, logits = run.references[slot]
    outputs = run.outputs[slot]
    evaluation = run.result.evaluations.get(slot)
    alone = len(outputs) if evaluation is None else evaluation.images
    labels, logits = labels[:alone], logits[:alone]  # Some run the first inputs alone.
    if outputs.shape != logits.shape or len(labels) != len(logits):
        raise InvalidFileError(
            f"the outputs of {slot} are {outputs.shape}, the trained model's are {logits.shape}",
            "export it again with: edgebench export",
        )
    return labels, logits, outputs


def _accuracy(run: Run, group: Group, slot: str) -> Accuracy | None:
    answers = _answers(run, slot)
    if answers is None:
        return None
    labels, logits, outputs = answers
    hits = outputs.argmax(-1) == labels
    trained = logits.argmax(-1) == labels
    gain = None
    beside = _answers(run, group.baseline) if slot != group.baseline else None
    if beside is not None and np.array_equal(beside[0], labels):
        gain = proportions.paired_difference(hits, beside[2].argmax(-1) == labels)
    return Accuracy(
        on_device=proportions.proportion(hits),
        trained=proportions.proportion(trained),
        drop=proportions.paired_difference(hits, trained),
        gain=gain,
    )


def _drift(run: Run, slot: str) -> Drift | None:
    answers = _answers(run, slot)
    if answers is None:
        return None
    _, logits, outputs = answers
    return Drift(
        hops=run.manifests[slot].hops,
        samples=len(logits),
        agreement=proportions.proportion(outputs.argmax(-1) == logits.argmax(-1)),
        snr_db=proportions.snr_db(logits, outputs),
        max_abs_error=float(np.abs(outputs - logits).max()),
    )


def load_outputs(result: RunResult, folder: Path) -> dict[str, Floats]:
    """The outputs that lie in a run folder, by slot. Raises `InvalidFileError`."""
    outputs = {}
    for slot, evaluation in result.evaluations.items():
        if evaluation.outputs is not None:
            outputs[slot] = _array(folder / evaluation.outputs)
    return outputs


def _array(path: Path) -> Floats:
    try:
        array: Floats = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InvalidFileError(
            f"cannot read {path}: {error}", "bring it back from the device, or measure it again"
        ) from error
    return array
