"""The columns of every report: a name, the cells, and what they mean.

A new column is one entry here, in the tables that are to have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from edgebench.benchmarks.formatting import (
    MISSING,
    instructions,
    megabytes,
    millions,
    milliseconds,
    points,
    share_in,
    signed,
    signed_in,
)
from edgebench.benchmarks.results.comparison import (
    DeviceFigure,
    Drift,
    HostComparison,
    ModelRow,
    OutputDrift,
    worst,
)
from edgebench.benchmarks.statistics.paired import Latency
from edgebench.tasks.task import FigureColumn, Task

Cell = Callable[[ModelRow], str]


class Column(NamedTuple):
    """A column's name, what stands in its cells, and what it means.

    `meaning` is a sentence or two of the legend below the table; columns may share one. A `timed`
    column has no meaning under emulation and is left out there.
    """

    name: str
    cell: Cell
    meaning: str = ""
    timed: bool = False


Columns = Sequence[Column]

COUNTED = "*"
"""Marks a column whose figures are counted from the model, not measured on the device."""

COMPUTED = "\N{DEGREE SIGN}"
"""Marks an accuracy that was computed at the export, because the format does not run here."""

UNTRUSTED = "?"
"""Marks a figure or a sentence of a run that failed a check."""

NO_ACCURACY = {"untrained": "untrained", "unknown": "not known", "trained": MISSING}
"""What stands in place of an accuracy that was not, or cannot be, measured."""


def _latency(part: Callable[[Latency], float | None]) -> Cell:
    return lambda row: milliseconds(part(row.latency) if row.latency else None)


def _summary(name: str, part: Callable[[Latency], float | None]) -> Cell:
    """A time, and its own overhead beside it: 12.3 (+4.1 %)."""

    def cell(row: ModelRow) -> str:
        time = _latency(part)(row)
        beside = row.overhead.others.get(name) if row.overhead else None
        return f"{time} ({signed(beside.value)})" if beside else time

    return cell


def _verdict(row: ModelRow) -> str:
    return row.verdict.outcome if row.verdict else "baseline"


def _overhead(row: ModelRow) -> str:
    if not row.runs_here:
        return "not run here"
    if row.overhead is None:
        return MISSING
    said = signed_in(row.overhead.value, row.overhead.interval)
    return f"{said} {UNTRUSTED}" if untrusted(row) else said


def untrusted(row: ModelRow) -> bool:
    """Whether there is an overhead that cannot be trusted."""
    withheld = row.verdict is not None and row.verdict.outcome == "no verdict"
    return withheld and row.overhead is not None


def _figure(id_: str, with_interval: bool) -> Cell:
    """A figure of the task's metric, from the device's own outputs."""

    def cell(row: ModelRow) -> str:
        found = figure(row, id_)
        if found is None:
            return NO_ACCURACY[row.weights]
        said = share_in(found.on_device)
        if not with_interval:
            said = said.partition(" [")[0]
        return said + ("" if row.runs_here else COMPUTED)

    return cell


def figure(row: ModelRow, id_: str) -> DeviceFigure | None:
    """A row's figure of that id, if it has one."""
    figures = row.accuracy.figures if row.accuracy else ()
    return next((one for one in figures if one.id == id_), None)


def _accuracy(row: ModelRow) -> str:
    """The headline of the row's own task."""
    return _figure(row.accuracy.headline.id if row.accuracy else "", False)(row)


def _decibels(row: ModelRow) -> str:
    return _snr_of(row.drift.outputs if row.drift else ())


def _drift(row: ModelRow) -> str:
    if row.drift is None or row.drift.outputs or row.drift.agreement is None:
        return _decibels(row)
    return f"{_agreement(row.drift)} %"


def _snr_of(outputs: Sequence[OutputDrift]) -> str:
    found = worst(outputs)
    return MISSING if found is None else _snr(found.snr_db)


def _largest(outputs: Sequence[OutputDrift]) -> str:
    found = worst(outputs)
    return MISSING if found is None else f"{found.max_abs_error:.2g}"


def _agreement(compared: Drift | HostComparison | None) -> str:
    share = compared.agreement if compared else None
    return MISSING if share is None else f"{share.value * 100:.1f}"


def _agreement_in_full(row: ModelRow) -> str:
    share = row.on_host.agreement if row.on_host else None
    return MISSING if share is None else share_in(share)


def _snr(snr_db: float | None) -> str:
    return "exact" if snr_db is None else f"{snr_db:.0f}"


def _parity(row: ModelRow) -> str:
    if row.parity is None or (row.parity.snr_db is None and not row.parity.equal):
        return MISSING
    return _snr(row.parity.snr_db)


def _signed(share: float | None) -> str:
    return MISSING if share is None else signed(share)


def _partitions(row: ModelRow) -> str:
    if row.partitions is None:
        return MISSING
    counts = row.operators
    if not counts or set(counts) == {"cpu"}:
        return str(row.partitions)
    return f"{row.partitions} ({_taken(row, counts)}/{sum(counts.values())})"


def _taken(row: ModelRow, counts: Mapping[str, int]) -> int:
    """The operators that the delegate runs.

    Beside another delegate LiteRT's XNNPACK runs what that one left, without being asked.
    """
    if row.partitions == 0:
        return 0
    delegates = [name for name in counts if name not in ("cpu", "others")]
    own = [name for name in delegates if "XNNPack" not in name] or delegates
    return sum(counts[name] for name in own)


def model(row: ModelRow) -> str:
    """The row's model; a second slot of the same artifact is marked."""
    return row.model + " (again)" * row.against_itself


IN_BRACKETS = (
    "In brackets beside p90, mean and min: the overhead of each of these, paired in the same way."
)
NOT_TIME = (
    "Instructions: those that the runtime executes in one inference, on one thread, under "
    "emulation; MAdds: the model's multiply-adds. Both are counted (*); neither is a time."
)

MODEL: Columns = (Column("model", model),)
MEDIAN: Columns = (Column("median ms", _latency(lambda one: one.median_s)),)
OVERHEAD: Columns = (
    Column(
        "overhead [95 %]",
        _overhead,
        "Overhead: time against the baseline, from pairs of inferences, with its 95 % interval.",
    ),
    Column(
        "MAdds" + COUNTED,
        lambda row: _signed(row.madds_overhead),
        "MAdds*: multiply-adds against the baseline, counted, not measured.",
    ),
)
VERDICT: Columns = (Column("verdict", _verdict),)

LATENCY: Columns = (*MODEL, *MEDIAN, *OVERHEAD, *VERDICT)

LATENCY_IN_FULL: Columns = (
    *MODEL,
    *MEDIAN,
    Column("p90 ms", _summary("p90", lambda one: one.p90_s), IN_BRACKETS),
    Column("mean ms", _summary("mean", lambda one: one.mean_s), IN_BRACKETS),
    Column("min ms", _summary("min", lambda one: one.min_s), IN_BRACKETS),
    Column("inferences", lambda row: str(row.latency.samples) if row.latency else MISSING),
    *OVERHEAD,
    Column(
        "detectable",
        lambda row: signed(row.overhead.detectable) if row.overhead else MISSING,
        "Detectable: the smallest overhead that nine of ten runs with this noise detect.",
    ),
    *VERDICT,
)


def accuracy(task: Task | None, in_full: bool) -> Columns:
    """The columns of a task: its headline, or all its figures with intervals if asked `in_full`."""
    figures = task.figures if task else (NO_FIGURE,)
    return (
        *MODEL,
        *(
            Column(f"{one.heading} {one.unit}".strip(), _figure(one.id, in_full), one.meaning)
            for one in (figures if in_full else figures[:1])
        ),
        *(_differences(figures[0].id) if figures else ()),
        Column(
            task.agreement.heading if task else "agree",
            lambda row: _agreement(row.drift),
            task.agreement.meaning if task else "",
        ),
        Column(
            "SNR",
            _decibels,
            "SNR: of the outputs to the source model's, in dB; the lowest if there are several.",
        ),
    )


NO_FIGURE = FigureColumn("", "accuracy", "")
"""What stands in the place of figures where nobody said what the outputs mean."""


def _differences(id_: str) -> Columns:
    def gain(row: ModelRow) -> str:
        found = figure(row, id_)
        return points(found.gain) if found and found.gain else MISSING

    def drop(row: ModelRow) -> str:
        found = figure(row, id_)
        return points(found.drop) if found else MISSING

    return (
        Column("gain", gain, "Gain: points (of 100) over the baseline."),
        Column("drop", drop, "Drop: points against the source model, before its conversion."),
    )


SIZE: Columns = (
    *MODEL,
    Column("params M" + COUNTED, lambda row: millions(row.parameters), "Params*: counted."),
    Column("file MB", lambda row: megabytes(row.size_bytes)),
    Column(
        "peak MB",
        lambda row: megabytes(row.peak_memory_bytes),
        "Peak: memory above that of the bare runtime.",
        timed=True,
    ),
    Column("load ms", lambda row: milliseconds(row.load_s), timed=True),
    Column(
        "first ms",
        lambda row: milliseconds(row.first_inference_s),
        "First: the first inference.",
        timed=True,
    ),
    Column(
        "parts",
        _partitions,
        "Parts: partitions of the delegate; 1 is best. In brackets: the operators that it runs, of "
        "all.",
    ),
)


def summary(tasks: Sequence[Task]) -> Columns:
    """One line a model: with the headline of the task, if all rows have the same."""
    figures = tasks[0].figures[:1] if len(tasks) == 1 else (NO_FIGURE,)
    return (*_SUMMARY, *(Column(f"{o.heading} {o.unit}".strip(), _accuracy) for o in figures))


_SUMMARY: Columns = (
    *MODEL,
    *MEDIAN,
    Column("overhead [95 %]", _overhead),
    Column("file MB", lambda row: megabytes(row.size_bytes)),
    Column(
        "parity dB",
        _parity,
        "Parity: SNR of the file's outputs to those of the ONNX graph, at the export.",
    ),
    Column(
        "drift dB",
        _drift,
        "Drift: SNR of the outputs on the device to the source model's, the lowest if there are "
        "several; or, of outputs that are reduced there, the share that agrees (%).",
    ),
)

INSTRUCTIONS: Columns = (
    *MODEL,
    Column("instructions M" + COUNTED, lambda row: instructions(row.instructions), NOT_TIME),
    Column("against baseline" + COUNTED, lambda row: _signed(row.instruction_overhead)),
    Column("MAdds" + COUNTED, lambda row: _signed(row.madds_overhead)),
)

ON_HOST: Columns = (
    *MODEL,
    Column("agree [95 %]", _agreement_in_full),
    Column("SNR", lambda row: _snr_of(row.on_host.outputs if row.on_host else ())),
    Column("largest", lambda row: _largest(row.on_host.outputs if row.on_host else ())),
    Column("images", lambda row: str(row.on_host.samples) if row.on_host else MISSING),
)
