"""The checks of a run: each small, with a name, a threshold, a reason in words and a remedy.

A check gets the evidence on one model and returns why the run cannot be trusted with a verdict on
it, or None. Readings that a device cannot give (None) never fail a check.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from edgebench.benchmarks.formatting import signed, signed_in, whole
from edgebench.benchmarks.gate import machine_checks
from edgebench.benchmarks.gate.check import Check, Finding, failed
from edgebench.benchmarks.gate.machine_state import Conditions
from edgebench.benchmarks.statistics.paired import Overhead, fewest_processes
from edgebench.deploy.documents.result import EvaluationResult, MeasuredBlock
from edgebench.intervals import Interval

INT8 = ("i8", "u8")


ODD = 0.1
"""The part of the processes, on either side, that may disagree with the others."""


@dataclass(frozen=True)
class Evidence:
    """What the checks look at: one model's blocks beside its baseline's.

    `blocks` are those in which both were measured, `overhead.blocks` their single overheads in
    the same order. `comparisons` models share the baseline, and `steady_share` of the model's
    visits got steady.
    """

    model: str
    slot: str
    threshold: float
    overhead: Overhead | None
    blocks: tuple[MeasuredBlock, ...]
    evaluation: EvaluationResult
    baseline_evaluation: EvaluationResult
    delegate: str
    core_count: int
    cores: tuple[int, ...] | None
    madds_overhead: float | None
    against_itself: bool
    comparisons: int
    steady_share: float

    @property
    def conditions(self) -> Conditions:
        """The machine's part of the evidence."""
        return Conditions(self.blocks, self.core_count, self.cores)


def does_not_run(evidence: Evidence, limit: float) -> str | None:
    """The artifact or its baseline fails, or gives NaN."""
    for name, one in (
        (evidence.model, evidence.evaluation),
        ("the baseline", evidence.baseline_evaluation),
    ):
        if one.error:
            return f"{name} does not run: {one.error.rstrip('.')}"
    return None


def too_few_blocks(evidence: Evidence, limit: float) -> str | None:
    """Too few blocks to know their spread."""
    needed = fewest_processes(evidence.comparisons)
    there = len({block.process for block in evidence.blocks})
    if there < needed:
        return (
            f"only {len(evidence.blocks)} blocks were measured, in {there} fresh processes; "
            f"it takes {needed}"
        )
    return None


def processes_disagree(evidence: Evidence, limit: float) -> str | None:
    """The fresh processes differ by more than the threshold, and not by chance.

    Then no one overhead is the model's. A quarter of a large one is allowed: its size is unsure in
    that case but not the verdict. The outermost tenth of the processes on either side is left
    out, for a single odd one of many moves neither the estimate nor its interval.
    """
    processes = _by_process(evidence)
    if evidence.overhead is None or min(map(len, processes), default=0) < 2:
        return None  # One block a process: the interval is of the processes' spread already.
    medians = [float(np.median(part)) for part in processes]
    allowed = max(evidence.threshold, abs(evidence.overhead.value) / 4)
    low, high = (float(np.quantile(medians, share)) for share in (ODD, 1 - ODD))
    if high - low <= allowed or not _differ(processes, limit):
        return None
    return f"the processes disagree, from {signed(low)} to {signed(high)}"


def _differ(processes: list[list[float]], limit: float) -> bool:
    """Whether the processes differ by more than their blocks do (analysis of variance)."""
    return bool(stats.f_oneway(*processes).pvalue < limit)


def _by_process(evidence: Evidence) -> list[list[float]]:
    """The blocks' overheads, process by process."""
    processes: dict[int, list[float]] = {}
    if evidence.overhead is not None:
        for block, value in zip(evidence.blocks, evidence.overhead.blocks, strict=True):
            processes.setdefault(block.process, []).append(value)
    return list(processes.values())


def delegate_lost(evidence: Evidence, limit: float) -> str | None:
    """The plan asked for a delegate that the runtime did not use."""
    for name, one in (
        (evidence.model, evidence.evaluation),
        ("the baseline", evidence.baseline_evaluation),
    ):
        if evidence.delegate != "none" and one.partitions is not None and one.partitions <= limit:
            return f"{name} ran without the {evidence.delegate} delegate that was asked for"
    return None


def left_over(evidence: Evidence, limit: float) -> str | None:
    """The delegate took the model in pieces, which costs time."""
    one = evidence.evaluation
    if one.partitions is not None and (one.partitions > limit or one.leftover_ops):
        names = ", ".join(sorted(set(one.leftover_ops or ()))) or "none"
        pieces = f"{one.partitions} partition{'' if one.partitions == 1 else 's'}"
        return (
            f"the {evidence.delegate} delegate runs {evidence.model} in {pieces} "
            f"(left over: {names})"
        )
    return None


def partly_quantised(evidence: Evidence, limit: float) -> str | None:
    """The runtime runs some layers of a quantised model in float, at the cost of conversions."""
    types = evidence.evaluation.layer_types or {}
    in_float = sum(count for name, count in types.items() if name not in INT8)
    if in_float > limit and any(name in types for name in INT8):
        return f"{in_float} of {sum(types.values())} layers of {evidence.model} run in float"
    return None


def unsteady(evidence: Evidence, limit: float) -> str | None:
    """Most visits did not warm up to a steady time."""
    if evidence.steady_share < limit:
        unsteady = whole(1 - evidence.steady_share)
        return f"{evidence.model} never reached a steady time in {unsteady} of its visits"
    return None


def contradicted(evidence: Evidence, limit: float) -> str | None:
    """The median says that one is faster, and another summary is sure of the other."""
    if evidence.overhead is None or len(evidence.overhead.contradicted) <= limit:
        return None
    said = ", ".join(
        f"{name} {signed_in(one.value, Interval(one.low, one.high))}"
        for name in evidence.overhead.contradicted
        for one in (evidence.overhead.beside[name],)
    )
    return f"summaries disagree on who is faster: median {signed(evidence.overhead.value)}, {said}"


RUNS = Check("runs", 0, does_not_run, "export it again, or leave it out")

GATE = (
    Check(
        "processes", 0, too_few_blocks, "go on with --resume, or measure for longer with --budget"
    ),
    Check("delegate", 0, delegate_lost, "see which operations it takes, or ask for none of it"),
)
"""A failed one takes the verdict away, and so does one of the machine's."""

AGREEMENT = Check(
    "agreement of processes", 0.01, processes_disagree, "measure for longer with --budget"
)
"""It comes last, for what disturbs a machine makes processes disagree too."""

NOTES = (
    Check("partitions", 1, left_over, "see which operations the delegate takes"),
    Check("types", 0, partly_quantised, "a pass may have chosen it: see passes in the manifest"),
    Check("steady", 0.5, unsteady, "measure for longer with --budget"),
    Check("summaries", 0, contradicted, "look at every block in the HTML report: --html"),
)
"""A failed one is said beside the verdict."""


def reasons_against(evidence: Evidence) -> tuple[Finding, ...]:
    """Why there can be no verdict; a model that does not run needs no further reason."""
    return failed((RUNS,), evidence) or (
        *failed(GATE, evidence),
        *failed(machine_checks.GATE, evidence.conditions),
        *failed((AGREEMENT,), evidence),
    )


def remarks(evidence: Evidence) -> tuple[Finding, ...]:
    """What to know beside the verdict."""
    return failed(NOTES, evidence) + failed(machine_checks.NOTES, evidence.conditions)
