"""What a reader has to know of a whole run before its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from edgebench.benchmarks.gate import noise_floor
from edgebench.benchmarks.gate.setting import setting_of
from edgebench.benchmarks.planning.design import AGAIN
from edgebench.benchmarks.results.measured import Run
from edgebench.deploy.documents.result import RunResult


def cautions(run: Run) -> tuple[str, ...]:
    """Every caution of a run, a sentence each."""
    return (
        *_other_cores(run),
        *_failed_blocks(run.result),
        *_floors(run),
        *_summaries(run.result),
        *_without_outputs(run),
    )


def _other_cores(run: Run) -> Iterable[str]:
    """That the cores are not those of the device, as where a farm gave the plan to another."""
    found = run.result.context
    if run.cores_known not in (None, found.core_count):
        device, what = run.request.device, found.cpu_model or "an unknown processor"
        yield (
            f"{device} has {run.cores_known} cores, and this ran on {found.core_count} ({what}): "
            f"if that was another device, these figures are not of {device}"
        )


def _failed_blocks(result: RunResult) -> Iterable[str]:
    """Which blocks have no figures, by what went wrong."""
    for error, count in Counter(block.error for block in result.blocks if block.error).items():
        which = "a block" if count == 1 else f"{count} blocks"
        yield f"{which} of {len(result.blocks)} failed: {error}; try again with --resume"


def _floors(run: Run) -> tuple[str, ...]:
    """What to know of the noise floors that the verdicts are read against."""
    if run.floors is None or not run.timed:
        return ()
    compared = [
        run.manifests[group.baseline]
        for group in run.plan.groups
        if any(slot != group.baseline and not slot.endswith(AGAIN) for slot in group.slots)
    ]
    kinds = dict.fromkeys((one.format, one.precision) for one in compared)
    return noise_floor.cautions(
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
