"""From a run folder to its comparison: samples and outputs in, statistics and verdicts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgebench.benchmarks import statistics
from edgebench.benchmarks.checks import Evidence
from edgebench.benchmarks.comparison import Accuracy, Comparison, Drift, GroupComparison, Row
from edgebench.benchmarks.design import AGAIN
from edgebench.benchmarks.request import RunRequest
from edgebench.benchmarks.statistics import Floats, Overhead
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
    what came back from the device, (N, classes).
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


NOT_RUN = Evaluation(error="it was not reached before the run was interrupted")


def compare(run: Run) -> Comparison:
    """Derive every figure and verdict of a run."""
    plan, result = run.plan, run.result
    return Comparison(
        run=run.name,
        device=run.request.device,
        description=run.device_description,
        started=result.started,
        interrupted=not result.complete and len(measured(result.blocks)) < len(plan.blocks),
        threshold=run.request.threshold,
        threads=plan.threads,
        cores=plan.cores,
        delegate=plan.delegate,
        processes=plan.processes,
        blocks_planned=len(plan.blocks),
        blocks_done=len(measured(result.blocks)),
        context=result.context,
        groups=tuple(_group(run, group) for group in plan.groups),
        command=run.command,
    )


def measured(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks that have visits."""
    return tuple(block for block in blocks if not block.error)


def samples(blocks: Sequence[Block], slot: str) -> list[tuple[int, ...]]:
    """A slot's timed inferences in ns, visit by visit."""
    return [v.samples_ns for block in blocks for v in block.visits if v.slot == slot]


def _group(run: Run, group: Group) -> GroupComparison:
    manifest = run.manifests[group.baseline]
    return GroupComparison(
        name=group.name,
        format=manifest.format,
        precision=manifest.precision,
        rows=tuple(_row(run, group, slot) for slot in group.slots),
    )


def _row(run: Run, group: Group, slot: str) -> Row:
    manifest, baseline = run.manifests[slot], run.manifests[group.baseline]
    evaluation = run.result.evaluations.get(slot, NOT_RUN)
    blocks = [b for b in measured(run.result.blocks) if b.group == group.name]
    times = [time for visit in samples(blocks, slot) for time in visit]
    madds_overhead = None
    if slot != group.baseline and manifest.madds and baseline.madds:
        madds_overhead = manifest.madds / baseline.madds - 1
    overhead, verdict = None, None
    if slot != group.baseline:
        overhead, verdict = _judged(run, group, slot, evaluation, madds_overhead)
    return Row(
        slot=slot,
        model=manifest.model + (" (again)" if slot.endswith(AGAIN) else ""),
        weights=manifest.weights,
        error=evaluation.error,
        latency=statistics.latency(times) if times else None,
        levels_s=tuple(
            statistics.level_s(visits) for block in blocks if (visits := samples([block], slot))
        ),
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
    )


def _judged(
    run: Run, group: Group, slot: str, evaluation: Evaluation, madds_overhead: float | None
) -> tuple[Overhead | None, Verdict]:
    both = [
        block
        for block in measured(run.result.blocks)
        if block.group == group.name and {slot, group.baseline} <= {v.slot for v in block.visits}
    ]
    pairs = [(samples([b], slot), samples([b], group.baseline)) for b in both]
    overhead = None
    if len(pairs) >= statistics.MIN_BLOCKS:
        overhead = statistics.overhead([statistics.log_ratio(*pair) for pair in pairs])
    verdict = judge(
        Evidence(
            model=run.manifests[slot].model,
            slot=slot,
            threshold=run.request.threshold,
            overhead=overhead,
            blocks=tuple(both),
            baseline_s=tuple(statistics.level_s(baseline) for _, baseline in pairs),
            evaluation=evaluation,
            baseline_evaluation=run.result.evaluations.get(group.baseline, NOT_RUN),
            delegate=run.plan.delegate,
            core_count=run.result.context.core_count,
            madds_overhead=madds_overhead,
            against_itself=slot.endswith(AGAIN),
        )
    )
    return overhead, verdict


def _answers(run: Run, slot: str) -> tuple[Floats, Floats, Floats] | None:
    """Labels, the trained model's logits and the device's outputs, where they mean something."""
    if run.manifests[slot].weights != "trained":
        return None
    if slot not in run.references or slot not in run.outputs:
        return None
    labels, logits = run.references[slot]
    outputs = run.outputs[slot]
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
        gain = statistics.paired_difference(hits, beside[2].argmax(-1) == labels)
    return Accuracy(
        on_device=statistics.proportion(hits),
        trained=statistics.proportion(trained),
        drop=statistics.paired_difference(hits, trained),
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
        agreement=statistics.proportion(outputs.argmax(-1) == logits.argmax(-1)),
        snr_db=statistics.snr_db(logits, outputs),
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
        raise InvalidFileError(f"cannot read {path}: {error}", "measure it again") from error
    return array
