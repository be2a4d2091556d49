"""What to know of a whole run before reading its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from edgebench.benchmarks.diagnostic import Diagnostic, Values
from edgebench.benchmarks.gate import noise_floor
from edgebench.benchmarks.gate.setting import setting_of
from edgebench.benchmarks.planning.design import AGAIN, is_floor
from edgebench.benchmarks.results.measured import MeasuredRun, measured
from edgebench.deploy.documents.plan import ACCELERATORS
from edgebench.deploy.documents.result import RunResult

SHORT_NS = 1_000_000
"""Of longer inferences the call is a small part: accelerators take some tenths of a millisecond."""


def warnings(run: MeasuredRun) -> tuple[Diagnostic, ...]:
    """All warnings of a run."""
    return (
        *_other_cores(run),
        *_failed_blocks(run.result),
        *_noise_floors(run),
        *_summaries(run.result),
        *_call_not_known(run),
        *_missing_outputs(run),
    )


def _other_cores(run: MeasuredRun) -> Iterable[Diagnostic]:
    """The cores are not those of the device, for example if a farm used another one."""
    context = run.result.context
    if run.cores_known not in (None, context.core_count):
        yield Diagnostic(
            "other_cores",
            {
                "device": run.request.device,
                "known_cores": run.cores_known,
                "cores": context.core_count,
                "processor": context.cpu_model,
            },
        )


def _failed_blocks(result: RunResult) -> Iterable[Diagnostic]:
    """Blocks that failed, by error."""
    for error, count in Counter(block.error for block in result.blocks if block.error).items():
        values: Values = {"failed": count, "blocks": len(result.blocks), "error": error}
        yield Diagnostic("failed_blocks", values)


def _noise_floors(run: MeasuredRun) -> tuple[Diagnostic, ...]:
    """What to know of the noise floors that the verdicts are read against."""
    if run.floors is None or not run.timed:
        return ()
    compared = [
        run.manifests[group.baseline]
        for group in run.plan.groups
        if any(slot != group.baseline and not slot.endswith(AGAIN) for slot in group.slots)
    ]
    kinds = dict.fromkeys((one.format, one.precision) for one in compared)
    return noise_floor.warnings(
        run.floors,
        [(*kind, setting_of(run.result, kind[0])) for kind in kinds],
        run.result.started[:10],
    )


def _summaries(result: RunResult) -> Iterable[Diagnostic]:
    """A tool reports one figure a turn, and no single times."""
    turns = [turn for block in result.blocks for turn in block.turns]
    for kind in dict.fromkeys(turn.summary.kind for turn in turns if turn.summary):
        names = dict.fromkeys(one.name for one in result.context.runtimes.values())
        yield Diagnostic("summaries_only", {"runtimes": tuple(names), "kind": kind})


def _call_not_known(run: MeasuredRun) -> Iterable[Diagnostic]:
    """A short inference on an accelerator may be mostly the call."""
    if run.plan.delegate not in ACCELERATORS or any(map(is_floor, run.plan.groups)):
        return
    turns = [turn for block in measured(run.result.blocks) for turn in block.turns]
    shortest_ns = min((min(turn.samples_ns) for turn in turns if turn.samples_ns), default=None)
    if shortest_ns is not None and shortest_ns < SHORT_NS:
        yield Diagnostic("call_not_known", {"latency_ms": shortest_ns / 1e6})


def _missing_outputs(run: MeasuredRun) -> Iterable[Diagnostic]:
    """Artifacts that had inputs to evaluate, and whose outputs did not come back."""
    missing = [
        slot
        for slot, evaluation in run.result.evaluations.items()
        if run.plan.artifacts[slot].evaluation
        and not (evaluation.error or evaluation.outputs or slot.endswith(AGAIN))
    ]
    if missing:
        yield Diagnostic("missing_outputs", {"slots": tuple(missing)})
