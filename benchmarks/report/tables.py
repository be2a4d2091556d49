"""The tables of every report: which columns there are, and what is said below them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edgebench.benchmarks.report.columns import (
    ACCURACY,
    ACCURACY_IN_FULL,
    BESIDE,
    COMPUTED,
    INSTRUCTIONS,
    LATENCY,
    LATENCY_IN_FULL,
    SIZE,
    SUMMARY,
    TIMED,
    UNTRUSTED,
    Columns,
    untrusted,
)
from edgebench.benchmarks.results.comparison import Comparison, ModelRow

INSTRUCTIONS_LEGEND = (
    "*: counted. Instructions are those that the runtime executes in one inference, on one thread, "
    "under emulation; MAdds are the model's multiply-adds. Neither is time, and none was measured "
    "here."
)
BESIDE_LEGEND = (
    "The outputs of the same files, from {here}'s kernels and from those of {there} ({runtimes}): "
    "agree (%), SNR (dB), and the largest difference of an output."
)
LATENCY_LEGEND = (
    "Overhead: time against the baseline, paired by block, with its 95 % interval. "
    "MAdds*: multiply-adds against the baseline, counted, not measured."
)
DETECTABLE_LEGEND = (
    "In brackets beside p90, mean and min: their own overheads, paired in the same way. "
    "Detectable: the smallest overhead that a run of this noise finds nine times in ten."
)
ACCURACY_LEGEND = (
    "Top-1: right answers among the device's own outputs. Gain: points over the baseline. "
    "Drop: points against the trained model; agree (%) and SNR (dB) compare the outputs with it "
    "too. Intervals: 95 % over the images, for these weights; another training may differ by more."
)
COMPUTED_LEGEND = (
    f"{COMPUTED} Computed from the file at the export, for it does not run on this device."
)
SUMMARY_LEGEND = (
    "Parity: SNR of the file's "
    "outputs to those of the ONNX graph, when it was exported; drift: SNR of the outputs on the "
    "device to the trained model's. " + COMPUTED_LEGEND
)
SIZE_LEGEND = (
    "Params*: counted. Peak: memory above the bare runtime. First: the first inference. "
    "Parts: partitions of the delegate, best 1."
)


@dataclass(frozen=True)
class Sheet:
    """One table. Each section is a group's name and, by row, the row and its cells."""

    title: str
    legend: str
    columns: tuple[str, ...]
    sections: tuple[tuple[str, tuple[tuple[ModelRow, tuple[str, ...]], ...]], ...]


def sheets(comparison: Comparison, in_full: bool = False) -> tuple[Sheet, ...]:
    """All tables of a report; over several formats one stands for all, unless asked `in_full`."""
    if comparison.measures == "instructions":
        return tuple(sheet for sheet in counted(comparison, in_full) if _says(sheet))
    every = latency(comparison, in_full), accuracy(comparison, in_full), size(comparison)
    each = tuple(sheet for sheet in every if _says(sheet))
    if len({group.format for group in comparison.groups}) == 1:
        return each
    return (summary(comparison), *each) if in_full else (summary(comparison),)


def _says(sheet: Sheet) -> bool:
    """Whether there is anything in a table, or below it."""
    return bool(sheet.sections or sheet.legend)


def counted(comparison: Comparison, in_full: bool) -> Iterator[Sheet]:
    """The tables of a device that counts instructions, in which there is no time."""
    here = [group for group in comparison.groups if any(row.runs_here for row in group.rows)]
    counts = replace(comparison, groups=tuple(here))
    yield _sheet(
        "Instructions an inference", INSTRUCTIONS_LEGEND, INSTRUCTIONS, counts, again=False
    )
    yield accuracy(comparison, in_full)
    beside = [row.beside for group in here for row in group.rows if row.beside]
    if beside:
        there = beside[0].machine
        runtimes = dict.fromkeys(f"{one.runtime.name} {one.runtime.version}" for one in beside)
        legend = BESIDE_LEGEND.format(
            here=comparison.context.machine, there=there, runtimes=", ".join(runtimes)
        )
        with_both = [group for group in here if any(row.beside for row in group.rows)]
        counts = replace(comparison, groups=tuple(with_both))
        title = f"{comparison.context.machine} against {there}"
        yield _sheet(title, legend, BESIDE, counts, again=False)
    columns = tuple(one for one in SIZE if one[0] not in TIMED)
    yield _sheet(
        "Size",
        "Params*: counted. Parts: partitions of the delegate, best 1.",
        columns,
        comparison,
        again=False,
    )


def summary(comparison: Comparison) -> Sheet:
    """Models by formats and precisions, one line each."""
    makers = dict.fromkeys(f"{group.format} by {group.maker}" for group in comparison.groups)
    legend = f"{SUMMARY_LEGEND} Made {', '.join(makers)}."
    return _sheet("Formats", legend, SUMMARY, comparison, again=False)


def latency(comparison: Comparison, in_full: bool = False) -> Sheet:
    """Latency and overhead, with p90, mean, min and what was detectable if asked `in_full`."""
    here = tuple(g for g in comparison.groups if any(row.runs_here for row in g.rows))
    comparison = replace(comparison, groups=here)
    legend = LATENCY_LEGEND + (f" {DETECTABLE_LEGEND}" if in_full else "")
    if any(untrusted(row) for group in comparison.groups for row in group.rows):
        legend += f" {UNTRUSTED}: the run cannot be trusted with this figure."
    return _sheet("Latency", legend, LATENCY_IN_FULL if in_full else LATENCY, comparison)


def accuracy(comparison: Comparison, in_full: bool = False) -> Sheet:
    """Accuracy and drift, with the interval of the accuracy itself if asked `in_full`.

    Groups without a trained model have no rows: their names stand in the legend instead. Of
    somebody else's files there is nothing to say.
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
    legend = ACCURACY_LEGEND if groups else ""
    if not all(row.runs_here for group in groups for row in group.rows):
        legend += f" {COMPUTED_LEGEND}"
    if untrained:
        legend += f" Untrained, here for their latency alone: {', '.join(untrained)}."
    return _sheet(
        "Accuracy and drift",
        legend.strip(),
        ACCURACY_IN_FULL if in_full else ACCURACY,
        replace(comparison, groups=groups),
        again=False,
    )


def size(comparison: Comparison) -> Sheet:
    """Size, memory and the start."""
    return _sheet("Size, memory and start", SIZE_LEGEND, SIZE, comparison, again=False)


def _sheet(
    title: str, legend: str, columns: Columns, comparison: Comparison, again: bool = True
) -> Sheet:
    """Fill a sheet; without `again` an artifact's second slot has no row of its own."""
    return Sheet(
        title=title,
        legend=legend,
        columns=tuple(name for name, _ in columns),
        sections=tuple(
            (
                f"{group.format} {group.precision}",
                tuple(
                    (row, tuple(cell(row) for _, cell in columns))
                    for row in group.rows
                    if again or not row.against_itself
                ),
            )
            for group in comparison.groups
        ),
    )
