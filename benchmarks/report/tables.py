"""The tables of every report: which columns there are, and what stands in a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from edgebench.benchmarks.comparison import UNTRUSTED, Comparison, Row
from edgebench.benchmarks.design import AGAIN
from edgebench.benchmarks.statistics import Latency
from edgebench.benchmarks.wording import (
    MISSING,
    megabytes,
    millions,
    milliseconds,
    points,
    share_in,
    signed,
    signed_in,
)

Cell = Callable[[Row], str]
Columns = Sequence[tuple[str, Cell]]

COUNTED = "*"
"""Marks a column whose figures are counted from the model, not measured on the device."""

COMPUTED = "\N{DEGREE SIGN}"
"""Marks an accuracy that was computed at the export, for a format that does not run here."""

NO_ACCURACY = {"untrained": "untrained", "unknown": "not known", "trained": MISSING}
"""What stands in place of an accuracy that was not, or cannot be, measured."""


@dataclass(frozen=True)
class Sheet:
    """One table. Each section is a group's name and, by row, the row and its cells."""

    title: str
    legend: str
    columns: tuple[str, ...]
    sections: tuple[tuple[str, tuple[tuple[Row, tuple[str, ...]], ...]], ...]


def _latency(part: Callable[[Latency], float | None]) -> Cell:
    return lambda row: milliseconds(part(row.latency) if row.latency else None)


def _summary(name: str, part: Callable[[Latency], float | None]) -> Cell:
    """A time, and its own overhead beside it: 12.3 (+4.1 %)."""

    def cell(row: Row) -> str:
        time = _latency(part)(row)
        beside = row.overhead.beside.get(name) if row.overhead else None
        return f"{time} ({signed(beside.value)})" if beside else time

    return cell


def _verdict(row: Row) -> str:
    return row.verdict.outcome if row.verdict else "baseline"


def _overhead(row: Row) -> str:
    if not row.runs_here:
        return "not run here"
    if row.overhead is None:
        return MISSING
    said = signed_in(row.overhead.value, row.overhead.interval)
    return f"{said} {UNTRUSTED}" if _untrusted(row) else said


def _untrusted(row: Row) -> bool:
    """Whether there is an overhead that the run cannot be trusted with."""
    withheld = row.verdict is not None and row.verdict.outcome == "no verdict"
    return withheld and row.overhead is not None


def _accuracy(row: Row) -> str:
    if row.accuracy is None:
        return NO_ACCURACY[row.weights]
    return share_in(row.accuracy.on_device) + ("" if row.runs_here else COMPUTED)


def _accuracy_alone(row: Row) -> str:
    """Without its interval, where there is no room for it."""
    text = _accuracy(row)
    return text.partition(" [")[0] + (COMPUTED if text.endswith(COMPUTED) else "")


def _decibels(row: Row) -> str:
    if row.drift is None:
        return MISSING
    return _snr(row.drift.snr_db)


def _snr(snr_db: float | None) -> str:
    return "exact" if snr_db is None else f"{snr_db:.0f}"


def _parity(row: Row) -> str:
    if row.parity is None:
        return MISSING
    return _snr(row.parity.snr_db)


def _signed(share: float | None) -> str:
    return MISSING if share is None else signed(share)


def _partitions(row: Row) -> str:
    return MISSING if row.partitions is None else str(row.partitions)


MODEL: Columns = (("model", lambda row: row.model),)

OVERHEAD: Columns = (
    ("overhead [95 %]", _overhead),
    (
        "MAdds" + COUNTED,
        lambda row: _signed(row.madds_overhead),
    ),
)
VERDICT: Columns = (("verdict", _verdict),)
MEDIAN: Columns = (("median ms", _latency(lambda one: one.median_s)),)

LATENCY: Columns = (*MODEL, *MEDIAN, *OVERHEAD, *VERDICT)

LATENCY_IN_FULL: Columns = (
    *MODEL,
    *MEDIAN,
    ("p90 ms", _summary("p90", lambda one: one.p90_s)),
    ("mean ms", _summary("mean", lambda one: one.mean_s)),
    ("min ms", _summary("min", lambda one: one.min_s)),
    ("inferences", lambda row: str(row.latency.samples) if row.latency else MISSING),
    *OVERHEAD,
    ("detectable", lambda row: signed(row.overhead.detectable) if row.overhead else MISSING),
    *VERDICT,
)

DRIFT: Columns = (
    (
        "gain",
        lambda row: points(row.accuracy.gain) if row.accuracy and row.accuracy.gain else MISSING,
    ),
    ("drop", lambda row: points(row.accuracy.drop) if row.accuracy else MISSING),
    ("agree", lambda row: f"{row.drift.agreement.value * 100:.1f}" if row.drift else MISSING),
    ("SNR", _decibels),
)

ACCURACY: Columns = (*MODEL, ("top-1 %", _accuracy_alone), *DRIFT)

ACCURACY_IN_FULL: Columns = (*MODEL, ("top-1 %", _accuracy), *DRIFT)

SIZE: Columns = (
    *MODEL,
    ("params M" + COUNTED, lambda row: millions(row.parameters)),
    ("file MB", lambda row: megabytes(row.size_bytes)),
    ("peak MB", lambda row: megabytes(row.peak_memory_bytes)),
    ("load ms", lambda row: milliseconds(row.load_s)),
    ("first ms", lambda row: milliseconds(row.first_inference_s)),
    ("parts", _partitions),
)

TIMED = ("peak MB", "load ms", "first ms")
"""Columns that have no meaning under emulation."""

SUMMARY: Columns = (
    *MODEL,
    *MEDIAN,
    ("overhead [95 %]", _overhead),
    ("file MB", lambda row: megabytes(row.size_bytes)),
    ("parity dB", _parity),
    ("drift dB", _decibels),
    ("top-1 %", _accuracy_alone),
)

INSTRUCTIONS: Columns = (
    *MODEL,
    ("instructions M" + COUNTED, lambda row: millions(row.instructions)),
    ("against baseline" + COUNTED, lambda row: _signed(row.instruction_overhead)),
    ("MAdds" + COUNTED, lambda row: _signed(row.madds_overhead)),
)

BESIDE: Columns = (
    *MODEL,
    ("agree", lambda row: f"{row.beside.agreement.value * 100:.1f}" if row.beside else MISSING),
    ("SNR", lambda row: _snr(row.beside.snr_db) if row.beside else MISSING),
    ("largest", lambda row: f"{row.beside.max_abs_error:.2g}" if row.beside else MISSING),
    ("images", lambda row: str(row.beside.samples) if row.beside else MISSING),
)

INSTRUCTIONS_LEGEND = (
    "Counted*: the instructions that the runtime executes in one inference, on one thread, under "
    "emulation; MAdds*: the multiply-adds of the model. Instructions are not time, and none was "
    "measured here."
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


def sheets(comparison: Comparison, in_full: bool = False) -> tuple[Sheet, ...]:
    """All tables of a report; over several formats one stands for all, unless asked `in_full`."""
    every = latency(comparison, in_full), accuracy(comparison, in_full), size(comparison)
    each = tuple(sheet for sheet in every if sheet.sections or sheet.legend)
    if len({group.format for group in comparison.groups}) == 1:
        return each
    return (summary(comparison), *each) if in_full else (summary(comparison),)


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
    if any(_untrusted(row) for group in comparison.groups for row in group.rows):
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
        if row.weights == "untrained" and not row.slot.endswith(AGAIN)
    )
    groups = tuple(
        group
        for group in comparison.groups
        if not group.foreign and any(row.weights != "untrained" for row in group.rows)
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
                    if again or not row.slot.endswith(AGAIN)
                ),
            )
            for group in comparison.groups
        ),
    )
