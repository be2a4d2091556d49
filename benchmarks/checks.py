"""The checks of a run: each small, with a name, a threshold and a reason in words.

A check gets the evidence on one model and returns why the run cannot be trusted with a verdict on
it, or None. Readings that a device cannot give (None) never fail a check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from edgebench.benchmarks.statistics import Overhead, fewest_processes
from edgebench.benchmarks.wording import signed, whole
from edgebench.deploy.result import Block, Evaluation

DISAGREEMENT = 0.01
"""The p value below which processes differ by more than the chance of the blocks."""

MAX_DRIFT = 0.15
"""Change of the baseline's time, first third of a run to last, that counts as another speed."""

MIN_CORE_SHARE = 0.9
"""Part of the time that the measuring process has to have a core for."""

MAX_STEAL = 0.05
"""Part of all cores' time that the hypervisor may take for others."""

LOUD_NEIGHBOURS = 0.1
"""Part of all cores' time from which other processes' load is worth a note."""

MIN_STEADY = 0.5
"""Part of a model's visits that has to warm up to a steady time."""


@dataclass(frozen=True)
class Evidence:
    """What the checks look at: one model's blocks beside its baseline's.

    `blocks` are those in which both were measured, `overhead.blocks` their single overheads in
    the same order, and `baseline_s` the baseline's level in them, in seconds. `comparisons` models
    share the baseline, and `steady_share` of the model's visits got steady.
    """

    model: str
    slot: str
    threshold: float
    overhead: Overhead | None
    blocks: tuple[Block, ...]
    baseline_s: tuple[float, ...]
    evaluation: Evaluation
    baseline_evaluation: Evaluation
    delegate: str
    core_count: int
    madds_overhead: float | None
    against_itself: bool
    comparisons: int
    steady_share: float


Check = Callable[[Evidence], str | None]


def does_not_run(evidence: Evidence) -> str | None:
    """The artifact or its baseline fails, or gives NaN."""
    for name, one in (
        (evidence.model, evidence.evaluation),
        ("the baseline", evidence.baseline_evaluation),
    ):
        if one.error:
            return f"{name} does not run: {one.error}"
    return None


def too_few_blocks(evidence: Evidence) -> str | None:
    """Too few blocks to know their spread."""
    needed = fewest_processes(evidence.comparisons)
    there = len({block.process for block in evidence.blocks})
    if there < needed:
        return (
            f"only {len(evidence.blocks)} blocks were measured, in {there} fresh processes; "
            f"it takes {needed}"
        )
    return None


def processes_disagree(evidence: Evidence) -> str | None:
    """The fresh processes differ by more than the threshold, and not by chance.

    Then blocks do not tell the whole spread. A quarter of a large overhead is allowed: its size
    is unsure in that case but not the verdict.
    """
    processes = _by_process(evidence)
    if evidence.overhead is None or min(map(len, processes), default=0) < 2:
        return None  # One block a process: the interval is of the processes' spread already.
    medians = [float(np.median(part)) for part in processes]
    allowed = max(evidence.threshold, abs(evidence.overhead.value) / 4)
    if max(medians) - min(medians) <= allowed or not _differ(processes):
        return None
    return f"the processes disagree, from {signed(min(medians))} to {signed(max(medians))}"


def _differ(processes: list[list[float]]) -> bool:
    """Whether the processes differ by more than their blocks do (analysis of variance)."""
    return bool(stats.f_oneway(*processes).pvalue < DISAGREEMENT)


def _by_process(evidence: Evidence) -> list[list[float]]:
    """The blocks' overheads, process by process."""
    processes: dict[int, list[float]] = {}
    if evidence.overhead is not None:
        for block, value in zip(evidence.blocks, evidence.overhead.blocks, strict=True):
            processes.setdefault(block.process, []).append(value)
    return list(processes.values())


def starved(evidence: Evidence) -> str | None:
    """The measuring process did not get a core for itself."""
    shares = [
        (block.after.own_s - block.before.own_s) / (block.after.unix_s - block.before.unix_s)
        for block in evidence.blocks
        if block.before and block.after and block.after.unix_s > block.before.unix_s
    ]
    share = float(np.median(shares)) if shares else 1.0
    if share < MIN_CORE_SHARE:
        return f"others were so busy that the runner had a core for only {whole(share)} of the time"
    return None


def stolen(evidence: Evidence) -> str | None:
    """The hypervisor gave this machine's cores to others."""
    share = _share(evidence, "steal_s")
    if share is not None and share > MAX_STEAL:
        return f"the hypervisor took {whole(share)} of the processor's time for others"
    return None


def speed_changed(evidence: Evidence) -> str | None:
    """The machine changed its speed, and the overhead is another one at the other speed."""
    change = _speed_change(evidence)
    if evidence.overhead is None or abs(change) <= MAX_DRIFT:
        return None
    order = np.argsort(evidence.baseline_s)
    overheads = np.asarray(evidence.overhead.blocks)[order]
    half = len(order) // 2
    fast, slow = float(np.median(overheads[:half])), float(np.median(overheads[-half:]))
    if abs(fast - slow) <= evidence.threshold:
        return None
    return (
        f"the machine changed its speed, and the overhead with it: {signed(fast)} in the faster "
        f"blocks, {signed(slow)} in the slower ones"
    )


def speed_wandered(evidence: Evidence) -> str | None:
    """The machine changed its speed, but the paired overhead held."""
    change = _speed_change(evidence)
    if abs(change) <= MAX_DRIFT or speed_changed(evidence):
        return None
    return f"the machine changed its speed on the way: the baseline's time went {signed(change)}"


def _speed_change(evidence: Evidence) -> float:
    """The baseline's change from the first third of the blocks to the last."""
    third = len(evidence.baseline_s) // 3
    if third == 0:
        return 0.0
    first, last = evidence.baseline_s[:third], evidence.baseline_s[-third:]
    return float(np.median(last) / np.median(first)) - 1


def delegate_lost(evidence: Evidence) -> str | None:
    """The plan asked for a delegate that the runtime did not use."""
    for name, one in (
        (evidence.model, evidence.evaluation),
        ("the baseline", evidence.baseline_evaluation),
    ):
        if evidence.delegate != "none" and one.partitions == 0:
            return f"{name} ran without the {evidence.delegate} delegate that was asked for"
    return None


def left_over(evidence: Evidence) -> str | None:
    """The delegate took the model in pieces, which costs time."""
    one = evidence.evaluation
    if one.partitions is not None and (one.partitions > 1 or one.leftover_ops):
        names = ", ".join(sorted(set(one.leftover_ops or ()))) or "none"
        return (
            f"the {evidence.delegate} delegate runs {evidence.model} in {one.partitions} "
            f"partitions (left over: {names})"
        )
    return None


def loud_neighbours(evidence: Evidence) -> str | None:
    """Other processes used a good part of the machine, though they left us a core."""
    busy, own = _share(evidence, "busy_s"), _share(evidence, "own_s")
    if busy is None or own is None or busy - own <= LOUD_NEIGHBOURS:
        return None
    return f"other processes kept {whole(busy - own)} of the processor busy meanwhile"


def unsteady(evidence: Evidence) -> str | None:
    """Most visits did not warm up to a steady time."""
    if evidence.steady_share < MIN_STEADY:
        unsteady = whole(1 - evidence.steady_share)
        return f"{evidence.model} never reached a steady time in {unsteady} of its visits"
    return None


def _share(evidence: Evidence, reading: str) -> float | None:
    """What part of all cores' time a cumulative reading grew by, during the blocks."""
    grown = elapsed = 0.0
    for block in evidence.blocks:
        if block.before is None or block.after is None:
            continue
        before, after = getattr(block.before, reading), getattr(block.after, reading)
        if before is None or after is None:
            return None
        grown += after - before
        elapsed += block.after.unix_s - block.before.unix_s
    return grown / (elapsed * evidence.core_count) if elapsed > 0 else None


CHECKS: tuple[Check, ...] = (
    too_few_blocks,
    delegate_lost,
    starved,
    stolen,
    speed_changed,
    processes_disagree,
)
"""A failed one takes the verdict away."""

NOTES: tuple[Check, ...] = (left_over, speed_wandered, loud_neighbours, unsteady)
"""A failed one is said beside the verdict."""


def reasons_against(evidence: Evidence) -> tuple[str, ...]:
    """Why there can be no verdict; a model that does not run needs no further reason."""
    failure = does_not_run(evidence)
    return (failure,) if failure else _failed(CHECKS, evidence)


def remarks(evidence: Evidence) -> tuple[str, ...]:
    """What to know beside the verdict."""
    return _failed(NOTES, evidence)


def _failed(checks: tuple[Check, ...], evidence: Evidence) -> tuple[str, ...]:
    return tuple(filter(None, (check(evidence) for check in checks)))
