"""The tables of every report: which columns each has, and the legend below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edgebench import tasks
from edgebench.benchmarks.report import columns
from edgebench.benchmarks.report.columns import (
    COMPUTED,
    INSTRUCTIONS,
    LATENCY,
    LATENCY_IN_FULL,
    ON_HOST,
    SIZE,
    UNTRUSTED,
    Columns,
    untrusted,
)
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison, ModelRow

ON_HOST_LEGEND = (
    "The outputs of the same files from {here}'s kernels, compared with those from {there}'s "
    "({runtimes}): agree (%), SNR (dB), and the largest difference of an output."
)
INTERVALS_LEGEND = (
    "Intervals: 95 % over the images, for these weights; another training may differ by more."
)
COMPUTED_LEGEND = (
    f"{COMPUTED}: computed from the file at the export, because it does not run on this device."
)
UNTRUSTED_LEGEND = f"{UNTRUSTED}: the run failed a check, so this figure cannot be trusted."


@dataclass(frozen=True)
class Sheet:
    """One table. Each section is a group's name and, by row, the row and its cells."""

    title: str
    legend: str
    columns: tuple[str, ...]
    sections: tuple[tuple[str, tuple[tuple[ModelRow, tuple[str, ...]], ...]], ...]


def sheets(comparison: Comparison, in_full: bool = False) -> tuple[Sheet, ...]:
    """All tables of a report; several formats share one summary, unless asked `in_full`."""
    if comparison.measures == "sustained":
        return (size(comparison),)
    if comparison.measures != "time":
        return tuple(sheet for sheet in computed(comparison, in_full) if _says(sheet))
    every = (
        latency(comparison, in_full),
        *accuracies(comparison, in_full),
        size(comparison),
    )
    each = tuple(sheet for sheet in every if _says(sheet))
    if len({group.format for group in comparison.groups}) == 1:
        return each
    return (summary(comparison), *each) if in_full else (summary(comparison),)


def _says(sheet: Sheet) -> bool:
    """Whether a table has any rows or a legend."""
    return bool(sheet.sections or sheet.legend)


def computed(comparison: Comparison, in_full: bool) -> Iterator[Sheet]:
    """The tables of an emulated device, in which there is no time."""
    here = [group for group in comparison.groups if any(row.runs_here for row in group.rows)]
    counts = replace(comparison, groups=tuple(here))
    if comparison.measures == "instructions":
        yield _sheet("Instructions per inference", INSTRUCTIONS, counts)
    yield from accuracies(comparison, in_full)
    on_host = [row.on_host for group in here for row in group.rows if row.on_host]
    if on_host:
        there = on_host[0].machine
        runtimes = dict.fromkeys(f"{one.runtime.name} {one.runtime.version}" for one in on_host)
        legend = ON_HOST_LEGEND.format(
            here=comparison.context.machine, there=there, runtimes=", ".join(runtimes)
        )
        with_both = [group for group in here if any(row.on_host for row in group.rows)]
        counts = replace(comparison, groups=tuple(with_both))
        yield _sheet(f"{comparison.context.machine} against {there}", ON_HOST, counts, legend)
    yield _sheet("Size", tuple(one for one in SIZE if not one.timed), comparison)


def summary(comparison: Comparison) -> Sheet:
    """Models by formats and precisions, one line each."""
    makers = dict.fromkeys(f"{group.format} by {group.maker}" for group in comparison.groups)
    known = [tasks.get(name) for name in dict.fromkeys(map(_task, comparison.groups)) if name]
    return _sheet(
        "Formats", columns.summary(known), comparison, COMPUTED_LEGEND, f"Made {', '.join(makers)}."
    )


def latency(comparison: Comparison, in_full: bool = False) -> Sheet:
    """Latency and overhead, with p90, mean, min and what was detectable if asked `in_full`."""
    here = tuple(g for g in comparison.groups if any(row.runs_here for row in g.rows))
    comparison = replace(comparison, groups=here)
    marked = any(untrusted(row) for group in comparison.groups for row in group.rows)
    full = LATENCY_IN_FULL if in_full else LATENCY
    return _sheet("Latency", full, comparison, UNTRUSTED_LEGEND * marked, again=True)


def accuracies(comparison: Comparison, in_full: bool = False) -> tuple[Sheet, ...]:
    """Accuracy and drift: a table for each task, with all its figures if asked `in_full`.

    Groups without a trained model have no rows: their names stand in the legend instead. There is
    no accuracy of external files.
    """
    untrained = dict.fromkeys(
        row.model
        for group in comparison.groups
        for row in group.rows
        if row.weights == "untrained" and not row.against_itself
    )
    groups = tuple(
        group
        for group in comparison.groups
        if not group.external and any(row.weights != "untrained" for row in group.rows)
    )
    elsewhere = not all(row.runs_here for group in groups for row in group.rows)
    names = dict.fromkeys(map(_task, groups)) or {None: None}
    return tuple(
        _sheet(
            "Accuracy and drift" + (f", {name}" if len(names) > 1 and name else ""),
            columns.accuracy(None if name is None else tasks.get(name), in_full),
            replace(comparison, groups=tuple(one for one in groups if _task(one) == name)),
            INTERVALS_LEGEND if groups else "",
            COMPUTED_LEGEND * elsewhere,
            f"Untrained, measured for latency only: {', '.join(untrained)}." if untrained else "",
        )
        for name in names
    )


def _task(group: GroupComparison) -> str | None:
    """The task of a group: that of the first row which has one."""
    return next((row.task for row in group.rows if row.task is not None), None)


def size(comparison: Comparison) -> Sheet:
    """Size, memory and the start."""
    return _sheet("Size, memory and start", SIZE, comparison)


def _sheet(
    title: str, filled: Columns, comparison: Comparison, *legend: str, again: bool = False
) -> Sheet:
    """Fill a sheet; without `again` an artifact's second slot has no row of its own.

    Its legend is what its columns mean, if it has any rows, and what else there is to say.
    """
    meanings = [column.meaning for column in filled] if comparison.groups else []
    return Sheet(
        title=title,
        legend=" ".join(filter(None, dict.fromkeys((*meanings, *legend)))),
        columns=tuple(column.name for column in filled),
        sections=tuple(
            (
                group.kind,
                tuple(
                    (row, tuple(column.cell(row) for column in filled))
                    for row in group.rows
                    if again or not row.against_itself
                ),
            )
            for group in comparison.groups
        ),
    )
