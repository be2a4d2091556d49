"""The checks of a run: can it be trusted with a verdict on one model?

A check gets the evidence on the model and returns what it found wrong, or None. Readings that a
device cannot give (None) never fail a check.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import stats

from edgebench.benchmarks.diagnostic import Diagnostic, Values
from edgebench.benchmarks.gate import machine_checks
from edgebench.benchmarks.gate.check import Check, failed
from edgebench.benchmarks.gate.machine_state import MachineState
from edgebench.benchmarks.statistics import local_pairs
from edgebench.benchmarks.statistics.call import CallShare
from edgebench.benchmarks.statistics.levels import PairedTimes, precisions
from edgebench.benchmarks.statistics.local_pairs import SURE, SURE_OF_PARTS
from edgebench.benchmarks.statistics.paired import Floats, Overhead
from edgebench.deploy.documents.plan import ACCELERATORS
from edgebench.deploy.documents.result import EvaluationResult

INT8 = ("i8", "u8")

Estimated = tuple[float, float]
"""A value and its standard error."""

UNKNOWN: Estimated = (0.0, math.inf)

MEDIAN_ERROR = 1.2533
"""How much more a median scatters than a mean, for normal values."""

ODD = 0.1
"""The part of the processes, on either side, that may disagree with the others."""

BY_SPEED = 0.25
"""How much of the threshold the overhead may change with the machine's speed."""

VISIBLE = 2.0
"""A bias of so many standard errors stands out, with 95 %; to withhold a verdict it takes more."""


@dataclass(frozen=True)
class Evidence:
    """What the checks look at: one model and its baseline, process by process.

    `overhead` is None if there are fewer than `needed_processes`; otherwise `overhead.blocks` are
    the overheads of the processes' blocks, in the same order. The evaluations are None for an
    artifact that an interrupted run did not reach. `steady_share` of the model's warm-ups reached a
    steady time. `clock_s` is the step of a coarse clock, and a sample `batch` inferences at least.
    `call` is what the call's floor says, if known.
    """

    model: str
    slot: str
    threshold: float
    overhead: Overhead | None
    processes: tuple[PairedTimes, ...]
    needed_processes: int
    evaluation: EvaluationResult | None
    baseline_evaluation: EvaluationResult | None
    delegate: str
    core_count: int
    cores: tuple[int, ...] | None
    against_itself: bool
    steady_share: float
    clock_s: float = 0.0
    batch: int = 1
    call: CallShare | None = None

    @cached_property
    def speed_dependence(self) -> Estimated:
        """How the log ratio depends on the machine's speed, with its standard error."""
        if self.overhead is None:
            return UNKNOWN
        turns = [one for of in self.processes for one in of.turns]
        return local_pairs.speed_dependence(turns, self._weights, _allowed(self, BY_SPEED))

    @cached_property
    def inheritance(self) -> Estimated:
        """How it depends on whose turn was before, with its standard error."""
        if self.overhead is None:
            return UNKNOWN
        settling = [one for of in self.processes for one in of.settling]
        followers = [one for of in self.processes for one in of.followers]
        return local_pairs.inheritance(settling, followers, self._weights)

    @cached_property
    def _weights(self) -> Floats:
        """By block the inverse of the scatter."""
        return np.sqrt(precisions([one for of in self.processes for one in of.blocks]))

    @property
    def visible_bias(self) -> float:
        """The smallest bias of the overhead that would be seen, in what turns inherit or by speed.

        Of the turns of n models all but one in n follow another's, and the bias by what they
        inherit is that part of the change. Turns that are processes of their own inherit nothing,
        and where the order is there and back hardly any turn follows its own.

        Of a bias by the machine's speed twice as much may be hidden. Where there is one it is far
        larger than that, and hidden by far more: `make prove-statistics` withholds 99 % of what a
        neighbour on the memory bus biases by half of the threshold, and withheld 88 % when runs
        stopped without looking at this error at all. Not to halve it made runs under load a fifth
        longer.
        """
        blocks = [block for one in self.processes for block in one.blocks]
        if not blocks:
            return math.inf
        models, turns = len(blocks[0].slots), blocks[0].block.turns
        own = sum(one.slot == other.slot for one, other in pairwise(turns))
        seen = SURE_OF_PARTS * self.speed_dependence[1] / 2
        if turns[0].summary or own < models - 1:
            return seen
        return max(seen, VISIBLE * self.inheritance[1] * (1 - 1 / models))

    @property
    def machine(self) -> MachineState:
        """The machine's part of the evidence."""
        blocks = tuple(one.block for process in self.processes for one in process.blocks)
        return MachineState(blocks, self.core_count, self.cores)


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


def too_few_processes(evidence: Evidence, limit: float) -> Values | None:
    """Too few processes to know their spread."""
    there = len(evidence.processes)
    if there >= evidence.needed_processes:
        return None
    return {"processes": there, "needed_processes": evidence.needed_processes}


def depends_on_speed(evidence: Evidence, limit: float) -> Values | None:
    """The overhead is another one when the machine is slow: what slows it hits one model more.

    Allowed is a share of the threshold, and for large overheads a tenth of them, because then the
    verdict is not in question.
    """
    change, error = evidence.speed_dependence
    if abs(change) <= max(_allowed(evidence, limit), SURE_OF_PARTS * error):
        return None
    measured = evidence.overhead.value if evidence.overhead else 0.0
    undisturbed = math.expm1(math.log1p(measured) - change)
    return {"overhead": measured, "undisturbed_overhead": undisturbed}


def not_settled(evidence: Evidence, limit: float) -> Values | None:
    """The overhead is another one after another model's turn, in the samples that count too.

    Then turns are too short for the clock or the caches to be the model's own.
    """
    change, error = evidence.inheritance
    if abs(change) <= max(_allowed(evidence, limit), SURE * error):
        return None
    return {"change": float(np.expm1(change))}


def understates(evidence: Evidence, reason: Diagnostic) -> bool:
    """Whether a reason says that the model costs more than was measured."""
    biases = {
        depends_on_speed.__name__: evidence.speed_dependence,
        not_settled.__name__: evidence.inheritance,
    }
    return reason.id in biases and biases[reason.id][0] < 0


def coarse_clock(evidence: Evidence, limit: float) -> Values | None:
    """The clock's steps are too coarse for how narrow the interval is.

    A sample is off by the difference of two readings, each up to a step: by a standard deviation of
    step / sqrt(6). The median of n pairs takes most of that away. What is left may be `limit` of
    the interval's width.
    """
    ratios = [one.log_ratios for one in evidence.processes]
    pairs = sum(map(len, ratios))
    if not evidence.clock_s or evidence.overhead is None or not pairs:
        return None
    slots = [one.blocks[0].slots[one.baseline] for one in evidence.processes]
    sample_s = evidence.batch * float(np.median([one.level_s for one in slots]))
    error = MEDIAN_ERROR * evidence.clock_s / sample_s / math.sqrt(3 * pairs)
    interval = evidence.overhead.interval
    if error <= limit * (interval.high - interval.low):
        return None
    return {"clock_ms": evidence.clock_s * 1e3, "sample_ms": sample_s * 1e3}


def _allowed(evidence: Evidence, limit: float) -> float:
    overhead = abs(evidence.overhead.value) if evidence.overhead else 0.0
    return max(limit * evidence.threshold, overhead / 10)


def hidden_by_the_call(evidence: Evidence, limit: float) -> Values | None:
    """The latency is so much the call's that a small overhead says nothing of the model."""
    call, overhead = evidence.call, evidence.overhead
    if call is None or overhead is None or overhead.equivalence.high >= evidence.threshold:
        return None
    if call.resolves(evidence.threshold):
        return None
    return {
        "model": evidence.model,
        "share": call.share,
        "needed_us": evidence.threshold * call.rest_s * 1e6,
        "reach_us": call.reach_s * 1e6,
        "net_high": None if call.net is None else call.net.high,
    }


def processes_disagree(evidence: Evidence, limit: float) -> Values | None:
    """The fresh processes differ by more than the threshold, and not by chance.

    A quarter of a large overhead is allowed: its size is uncertain in that case but not the
    verdict. The outermost tenth of the processes on either side is left out, because a single odd
    one of many changes neither the estimate nor its interval.
    """
    processes = [one.log_ratios for one in evidence.processes]
    if evidence.overhead is None or min(map(len, processes), default=0) < 2:
        return None
    medians = [float(np.expm1(one.level)) for one in evidence.processes]
    allowed = max(evidence.threshold, abs(evidence.overhead.value) / 4)
    low, high = (float(np.quantile(medians, share)) for share in (ODD, 1 - ODD))
    # By ranks (Kruskal and Wallis): single pairs that were disturbed decide nothing.
    if high - low <= allowed or stats.kruskal(*processes).pvalue >= limit:
        return None
    return {"low_overhead": low, "high_overhead": high}


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


def placement_unknown(evidence: Evidence, limit: float) -> Values | None:
    """An accelerator was asked for, and nothing says what ran there: it may have been the CPU."""
    seen = {evidence.model: evidence.evaluation, "the baseline": evidence.baseline_evaluation}
    for name, one in seen.items():
        if _unplaced(one, evidence.delegate):
            return {"model": name, "delegate": evidence.delegate}
    return None


def _unplaced(one: EvaluationResult | None, delegate: str) -> bool:
    told = one is None or one.partitions is not None or one.leftover_ops is not None
    return delegate in ACCELERATORS and not told


def delegate_reason(one: EvaluationResult | None, delegate: str, model: str) -> Diagnostic | None:
    """Why what a model ran on is not, or may not be, what the plan asked for."""
    values = {"model": model, "delegate": delegate}
    if _without_delegate(one, delegate):
        return Diagnostic(delegate_lost.__name__, values)
    return Diagnostic(placement_unknown.__name__, values) if _unplaced(one, delegate) else None


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
    """Most warm-ups did not reach a steady time."""
    if evidence.steady_share >= limit:
        return None
    return {"model": evidence.model, "share": 1 - evidence.steady_share}


def other_caches(evidence: Evidence, limit: float) -> Values | None:
    """The overhead is another one right after another model ran, when the caches are that one's."""
    after = evidence.overhead.after_another if evidence.overhead else None
    if evidence.overhead is None or after is None:
        return None
    value = evidence.overhead.value
    if abs(after.value - value) <= _allowed(evidence, limit) or after.low <= value <= after.high:
        return None
    return {"overhead": value, "after_another": after.value}


def waited(evidence: Evidence, limit: float) -> Values | None:
    """Other programs had the core while the models wanted it, which the overhead leaves out."""
    times = [
        block.slots[slot]
        for process in evidence.processes
        for block in process.blocks
        for slot in (process.slot, process.baseline)
    ]
    wall = sum(float(one.wall_ns.sum()) for one in times)
    if not wall or (share := 1 - sum(float(one.own_ns.sum()) for one in times) / wall) <= limit:
        return None
    return {"share": share}


def summaries_disagree(evidence: Evidence, limit: float) -> Values | None:
    """The median says that one is faster, and another summary is confident of the opposite."""
    if evidence.overhead is None or len(evidence.overhead.contradicted) <= limit:
        return None
    return {"median_overhead": evidence.overhead.value, "against": evidence.overhead.contradicted}


RUNS = (Check(not_reached), Check(does_not_run), Check(baseline_does_not_run))
"""If one of these fails there is no verdict, and nothing else to check."""

GATE = (
    Check(too_few_processes),
    Check(delegate_lost),
    Check(baseline_delegate_lost),
    Check(placement_unknown),
    Check(depends_on_speed, BY_SPEED),
    Check(not_settled, 0.5),
    Check(coarse_clock, 0.1),
    Check(hidden_by_the_call),
)
"""If one of these, or one of the machine's, fails there is no verdict.

`depends_on_speed` and `not_settled` look at what would bias the overhead, whatever its cause; their
limits are shares of the threshold. A bias of half of it must not pass. What the first finds is less
than the bias, for the fastest pairs of noisy times are not all undisturbed; what the second finds
is all of it.
`make prove-statistics` shows what the limits make of machines that bias the ratio, and of others.
"""

NOTES = (
    Check(partitioned, 1),
    Check(partly_quantised),
    Check(unsteady, 0.5),
    Check(waited, 0.05),
    Check(other_caches, 0.5),
    Check(summaries_disagree),
    Check(processes_disagree, 0.01),
)
"""If one of these fails it is reported beside the verdict."""

OTHER_WORK = ("waited", "no_core_of_its_own", "long_run_queue", "busy_neighbours")
"""These have one cause, and the first of them is enough."""


def reasons_against(evidence: Evidence) -> tuple[Diagnostic, ...]:
    """Why there can be no verdict; a model that does not run needs no further reason."""
    return failed(RUNS, evidence)[:1] or (
        *failed(GATE, evidence),
        *failed(machine_checks.GATE, evidence.machine),
    )


def notes_beside(evidence: Evidence) -> tuple[Diagnostic, ...]:
    """What to know beside the verdict."""
    found = failed(NOTES, evidence) + failed(machine_checks.NOTES, evidence.machine)
    causes = [one for one in found if one.id in OTHER_WORK]
    return tuple(one for one in found if one not in causes[1:])
