"""What changed between two runs: of each artifact's overhead, and of its latency.

Two runs are two sessions, and nothing pairs them. But an overhead is paired within its own run, so
whatever made one whole session faster than the other has already cancelled from it: two runs can
be compared by the change of the *overhead*. Latencies are compared too, but that comparison is
only valid if the two sessions were alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from edgebench.benchmarks.diagnostic import Diagnostic, SettingDifference
from edgebench.benchmarks.formatting import difference
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison, ModelRow
from edgebench.benchmarks.statistics import paired
from edgebench.benchmarks.statistics.paired import Overhead
from edgebench.errors import UsageError
from edgebench.intervals import Estimate

Outcome = Literal[
    "regressed", "undecided", "held", "slower", "faster", "no change seen", "baseline", "not judged"
]


Which = Literal["first", "second"]


@dataclass(frozen=True)
class Unjudged:
    """Why an artifact is not judged: the reason, and in which of the two runs.

    The reason's id is missing, does_not_run or not_measured, or else that of the reason why the
    run has no verdict.
    """

    run: Which
    reason: Diagnostic


@dataclass(frozen=True)
class Shift:
    """How one artifact changed from the first run to the second.

    `overhead` and `latency` are after / before - 1 of the artifact's time, the first relative to
    its baseline of the same run and the second absolute, each with its 95 % interval; they are
    None where a run has none. `before` and `after` are the two runs' rows, None where an artifact
    is missing. `outcome` judges the overhead's change, and the latency's where that was asked for,
    against the limit: regressed (the whole interval lies above it), held (it lies below) or
    undecided. Without a limit it is slower, faster or no change seen. A baseline has no overhead
    and is judged by its latency only. `reasons` say why an artifact is not judged.
    """

    model: str
    format: str
    precision: str
    before: ModelRow | None
    after: ModelRow | None
    overhead: Estimate | None
    latency: Estimate | None
    outcome: Outcome
    reasons: tuple[Unjudged, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.model} {self.format} {self.precision}"


@dataclass(frozen=True)
class Change:
    """Two runs compared. `differences` are those that were allowed with `--anyway`.

    `limit` is the growth that is allowed, as a share. `latency_judged` says that latencies
    count too.
    """

    SCHEMA: ClassVar[str] = "edgebench.change/2"

    before: str
    after: str
    before_started: str
    after_started: str
    limit: float | None
    latency_judged: bool
    differences: tuple[SettingDifference, ...]
    shifts: tuple[Shift, ...]

    def having(self, outcome: Outcome) -> tuple[Shift, ...]:
        """The artifacts with this outcome."""
        return tuple(shift for shift in self.shifts if shift.outcome == outcome)


def change(
    before: Comparison,
    after: Comparison,
    limit: float | None = None,
    latency: bool = False,
    anyway: bool = False,
) -> Change:
    """Compare two runs, artifact by artifact.

    Raises `UsageError` if they were not measured alike, unless `anyway` is given, and if they have
    no artifact in common.
    """
    differences = tuple(differing(before, after))
    if differences and not anyway:
        raise UsageError(
            f"{before.run} and {after.run} were not measured alike: "
            + "; ".join(map(difference, differences)),
            "compare runs of one set-up, or add --anyway to compare them nevertheless",
        )
    old, new = dict(_rows(before)), dict(_rows(after))
    if not old.keys() & new.keys():
        raise UsageError(
            f"{before.run} and {after.run} have no artifact in common",
            "compare two runs of the same models, formats and precisions",
        )
    return Change(
        before=before.run,
        after=after.run,
        before_started=before.started,
        after_started=after.started,
        limit=limit,
        latency_judged=latency,
        differences=differences,
        shifts=tuple(
            _shift(key, old.get(key), new.get(key), limit, latency)
            for key in dict.fromkeys([*old, *new])
        ),
    )


def differing(before: Comparison, after: Comparison) -> Iterator[SettingDifference]:
    """What was not the same in two runs; artifacts may differ, and do."""
    for name, old, new in (
        ("device", before.device, after.device),
        ("processor", before.context.cpu_model, after.context.cpu_model),
        ("architecture", before.context.machine, after.context.machine),
        ("threads", before.threads, after.threads),
        ("cores", before.cores, after.cores),
        ("delegate", before.delegate, after.delegate),
    ):
        if old != new:
            yield SettingDifference(name, old, new)
    for form in before.context.runtimes.keys() & after.context.runtimes.keys():
        runtimes = (one.context.runtimes[form] for one in (before, after))
        one, other = (f"{runtime.name} {runtime.version}" for runtime in runtimes)
        if one != other:
            yield SettingDifference("runtime", one, other, of=form)
    baselines, later = dict(_baselines(before)), dict(_baselines(after))
    for key in baselines.keys() & later.keys():
        if baselines[key] != later[key]:
            yield SettingDifference("baseline", baselines[key], later[key], of=" ".join(key))


def _baselines(comparison: Comparison) -> Iterator[tuple[tuple[str, str, str], str]]:
    for group in comparison.groups:
        for row in group.rows[1:]:
            yield _key(group, row), group.rows[0].model


Key = tuple[str, str, str]


def _key(group: GroupComparison, row: ModelRow) -> Key:
    return row.model, group.format, group.precision


def _rows(comparison: Comparison) -> Iterator[tuple[Key, ModelRow]]:
    """Every artifact that ran, once; the second slot of an artifact against itself is left out."""
    for group in comparison.groups:
        for row in group.rows:
            if row.runs_here and not row.against_itself:
                yield _key(group, row), row


def _shift(
    key: Key, before: ModelRow | None, after: ModelRow | None, limit: float | None, latency: bool
) -> Shift:
    reasons = tuple(_reasons(before, after))
    overhead = moved = None
    if before is not None and after is not None:
        moved = latency_change(before.levels_s, after.levels_s)
        if before.overhead is not None and after.overhead is not None:
            overhead = overhead_change(before.overhead, after.overhead)
    judged = [one for one in (overhead, moved if latency else None) if one is not None]
    outcome: Outcome = "not judged" if reasons else _judge(judged, limit)
    return Shift(*key, before, after, overhead, moved, outcome, reasons)


def _judge(changes: list[Estimate], limit: float | None) -> Outcome:
    """The outcome of the worst change."""
    if not changes:
        return "baseline"
    low, high = max(one.low for one in changes), max(one.high for one in changes)
    if limit is not None:
        return "regressed" if low > limit else "undecided" if high > limit else "held"
    return "slower" if low > 0 else "faster" if high < 0 else "no change seen"


def _reasons(before: ModelRow | None, after: ModelRow | None) -> Iterator[Unjudged]:
    runs: tuple[tuple[Which, ModelRow | None], ...] = (("first", before), ("second", after))
    for which, row in runs:
        if row is None:
            yield Unjudged(which, Diagnostic("missing", {}))
        elif row.error is not None:
            values = {"model": row.model, "error": row.error}
            yield Unjudged(which, Diagnostic("does_not_run", values))
        elif row.verdict is not None and row.verdict.outcome == "no verdict":
            yield Unjudged(which, row.verdict.reasons[0])
        elif not row.levels_s:
            yield Unjudged(which, Diagnostic("not_measured", {}))


def overhead_change(before: Overhead, after: Overhead) -> Estimate:
    """(1 + overhead after) / (1 + overhead before) - 1, with a 95 % interval.

    The two runs are independent, and each has an interval from its own blocks. On the
    log scale the change is a difference, and its interval is made of those two by the method of
    variance estimates recovery (Zou and Donner, Statistics in Medicine 2008, 27, 1693-1702). It
    requires neither equal noise nor equally many blocks in both runs, and swapping the runs
    inverts the interval.
    """
    old, new = _logs(before), _logs(after)
    middle = new.value - old.value
    below = np.hypot(new.value - new.low, old.high - old.value)
    above = np.hypot(new.high - new.value, old.value - old.low)
    ends = (float(np.expm1(one)) for one in (middle, middle - below, middle + above))
    return Estimate(*ends)


def _logs(overhead: Overhead) -> Estimate:
    ends = (overhead.value, overhead.interval.low, overhead.interval.high)
    return Estimate(*(float(np.log1p(one)) for one in ends))


def latency_change(before: tuple[float, ...], after: tuple[float, ...]) -> Estimate | None:
    """latency after / before - 1 from each session's processes, in seconds; None for too few.

    The interval covers the scatter within the sessions. Differences between whole sessions, such
    as another temperature or clock, are not in it.
    """
    if min(len(before), len(after)) < paired.MIN_PROCESSES:
        return None
    common = np.median(before)
    return overhead_change(
        paired.overhead(np.log(np.asarray(before) / common)),
        paired.overhead(np.log(np.asarray(after) / common)),
    )
