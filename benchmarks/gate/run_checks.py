"""The checks of a run: can it be trusted with a verdict on one model?

A check gets the evidence on the model and returns what it found wrong, or None. Readings that a
device cannot give (None) never fail a check.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from edgebench.benchmarks.diagnostic import Diagnostic, Values
from edgebench.benchmarks.gate import machine_checks
from edgebench.benchmarks.gate.check import Check, failed
from edgebench.benchmarks.gate.machine_state import MachineState
from edgebench.benchmarks.statistics.paired import Overhead, fewest_processes
from edgebench.deploy.documents.result import EvaluationResult, MeasuredBlock

INT8 = ("i8", "u8")

ODD = 0.1
"""The part of the processes, on either side, that may disagree with the others."""


@dataclass(frozen=True)
class Evidence:
    """What the checks look at: the blocks of one model and its baseline.

    `blocks` are those in which both were measured, `overhead.blocks` their single overheads in
    the same order. `overhead` is None if there are fewer processes than an interval needs. The
    evaluations are None for an artifact that an interrupted run did not reach. `comparisons` models
    share the baseline, and `steady_share` of the model's visits reached a steady time.
    """

    model: str
    slot: str
    threshold: float
    overhead: Overhead | None
    blocks: tuple[MeasuredBlock, ...]
    evaluation: EvaluationResult | None
    baseline_evaluation: EvaluationResult | None
    delegate: str
    core_count: int
    cores: tuple[int, ...] | None
    against_itself: bool
    comparisons: int
    steady_share: float

    @property
    def machine(self) -> MachineState:
        """The machine's part of the evidence."""
        return MachineState(self.blocks, self.core_count, self.cores)


def not_reached(evidence: Evidence, limit: float) -> Values | None:
    """The run was interrupted before the artifact or its baseline ran at all."""
    if evidence.evaluation is None or evidence.baseline_evaluation is None:
        return {"model": evidence.model}
    return None


def does_not_run(evidence: Evidence, limit: float) -> Values | None:
    """The artifact fails, or gives NaN."""
    one = evidence.evaluation
    return {"model": evidence.model, "error": one.error} if one and one.error else None


def baseline_does_not_run(evidence: Evidence, limit: float) -> Values | None:
    """The baseline fails, or gives NaN."""
    one = evidence.baseline_evaluation
    return {"error": one.error} if one and one.error else None


def too_few_blocks(evidence: Evidence, limit: float) -> Values | None:
    """Too few blocks to know their spread."""
    needed = fewest_processes(evidence.comparisons)
    there = len({block.process for block in evidence.blocks})
    if there >= needed:
        return None
    return {"blocks": len(evidence.blocks), "processes": there, "needed_processes": needed}


def processes_disagree(evidence: Evidence, limit: float) -> Values | None:
    """The fresh processes differ by more than the threshold, and not by chance.

    Then no one overhead is the model's. A quarter of a large one is allowed: its size is uncertain
    in that case but not the verdict. The outermost tenth of the processes on either side is left
    out, because a single odd one of many changes neither the estimate nor its interval.
    """
    processes = _by_process(evidence)
    if evidence.overhead is None or min(map(len, processes), default=0) < 2:
        return None  # One block a process: the interval is of the processes' spread already.
    medians = [float(np.median(part)) for part in processes]
    allowed = max(evidence.threshold, abs(evidence.overhead.value) / 4)
    low, high = (float(np.quantile(medians, share)) for share in (ODD, 1 - ODD))
    if high - low <= allowed or not _differ(processes, limit):
        return None
    return {"low_overhead": low, "high_overhead": high}


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


def delegate_lost(evidence: Evidence, limit: float) -> Values | None:
    """The runtime did not use the delegate that the plan asked for."""
    lost = _without_delegate(evidence.evaluation, evidence.delegate)
    return {"model": evidence.model, "delegate": evidence.delegate} if lost else None


def baseline_delegate_lost(evidence: Evidence, limit: float) -> Values | None:
    """The runtime did not use the delegate for the baseline."""
    lost = _without_delegate(evidence.baseline_evaluation, evidence.delegate)
    return {"delegate": evidence.delegate} if lost else None


def _without_delegate(one: EvaluationResult | None, delegate: str) -> bool:
    return delegate != "none" and one is not None and one.partitions == 0


def partitioned(evidence: Evidence, limit: float) -> Values | None:
    """The delegate took the model in pieces, which costs time."""
    one = evidence.evaluation
    if one is None or one.partitions is None or not (one.partitions > limit or one.leftover_ops):
        return None
    return {
        "model": evidence.model,
        "delegate": evidence.delegate,
        "partitions": one.partitions,
        "leftover_ops": tuple(sorted(set(one.leftover_ops or ()))),
    }


def partly_quantised(evidence: Evidence, limit: float) -> Values | None:
    """The runtime runs some layers of a quantised model in float, at the cost of conversions."""
    types = (evidence.evaluation.layer_types if evidence.evaluation else None) or {}
    in_float = sum(count for name, count in types.items() if name not in INT8)
    if in_float <= limit or not any(name in types for name in INT8):
        return None
    return {"model": evidence.model, "float_layers": in_float, "layers": sum(types.values())}


def unsteady(evidence: Evidence, limit: float) -> Values | None:
    """Most visits did not warm up to a steady time."""
    if evidence.steady_share >= limit:
        return None
    return {"model": evidence.model, "share": 1 - evidence.steady_share}


def summaries_disagree(evidence: Evidence, limit: float) -> Values | None:
    """The median says that one is faster, and another summary is confident of the opposite."""
    if evidence.overhead is None or len(evidence.overhead.contradicted) <= limit:
        return None
    return {"median_overhead": evidence.overhead.value, "against": evidence.overhead.contradicted}


RUNS = (Check(not_reached), Check(does_not_run), Check(baseline_does_not_run))
"""If one of these fails there is no verdict, and nothing else to check."""

GATE = (Check(too_few_blocks), Check(delegate_lost), Check(baseline_delegate_lost))
"""If one of these, or one of the machine's, fails there is no verdict."""

AGREEMENT = Check(processes_disagree, 0.01)
"""It comes last, because what disturbs a machine makes processes disagree too."""

NOTES = (
    Check(partitioned, 1),
    Check(partly_quantised),
    Check(unsteady, 0.5),
    Check(summaries_disagree),
)
"""If one of these fails it is reported beside the verdict."""


def reasons_against(evidence: Evidence) -> tuple[Diagnostic, ...]:
    """Why there can be no verdict; a model that does not run needs no further reason."""
    return failed(RUNS, evidence)[:1] or (
        *failed(GATE, evidence),
        *failed(machine_checks.GATE, evidence.machine),
        *failed((AGREEMENT,), evidence),
    )


def notes_beside(evidence: Evidence) -> tuple[Diagnostic, ...]:
    """What to know beside the verdict."""
    return failed(NOTES, evidence) + failed(machine_checks.NOTES, evidence.machine)
