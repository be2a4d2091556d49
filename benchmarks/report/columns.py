"""The columns of every report: a name, the cells, and what they mean.

A new column is one entry here, in the tables that are to have it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from edgebench.benchmarks.results.comparison import ModelRow
from edgebench.benchmarks.statistics.paired import Latency

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


def _accuracy(row: ModelRow) -> str:
    if row.accuracy is None:
        return NO_ACCURACY[row.weights]
    return share_in(row.accuracy.on_device) + ("" if row.runs_here else COMPUTED)


def _accuracy_alone(row: ModelRow) -> str:
    """Without its interval, where there is no room for it."""
    text = _accuracy(row)
    return text.partition(" [")[0] + (COMPUTED if text.endswith(COMPUTED) else "")


def _decibels(row: ModelRow) -> str:
    if row.drift is None:
        return MISSING
    return _snr(row.drift.snr_db)


def _snr(snr_db: float | None) -> str:
    return "exact" if snr_db is None else f"{snr_db:.0f}"


def _parity(row: ModelRow) -> str:
    if row.parity is None:
        return MISSING
    return _snr(row.parity.snr_db)


def _signed(share: float | None) -> str:
    return MISSING if share is None else signed(share)


def _partitions(row: ModelRow) -> str:
    return MISSING if row.partitions is None else str(row.partitions)


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
        "Overhead: time against the baseline, paired by block, with its 95 % interval.",
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

DRIFT: Columns = (
    Column(
        "gain",
        lambda row: points(row.accuracy.gain) if row.accuracy and row.accuracy.gain else MISSING,
        "Gain: percentage points over the baseline.",
    ),
    Column(
        "drop",
        lambda row: points(row.accuracy.drop) if row.accuracy else MISSING,
        "Drop: percentage points against the trained model.",
    ),
    Column(
        "agree",
        lambda row: f"{row.drift.agreement.value * 100:.1f}" if row.drift else MISSING,
        "Agree: answers equal to the trained model's, in %.",
    ),
    Column("SNR", _decibels, "SNR: of the outputs to the trained model's, in dB."),
)
TOP1 = "Top-1: correct answers among the device's own outputs."

ACCURACY: Columns = (*MODEL, Column("top-1 %", _accuracy_alone, TOP1), *DRIFT)

ACCURACY_IN_FULL: Columns = (*MODEL, Column("top-1 %", _accuracy, TOP1), *DRIFT)

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
    Column("parts", _partitions, "Parts: partitions of the delegate; 1 is best."),
)

SUMMARY: Columns = (
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
        _decibels,
        "Drift: SNR of the outputs on the device to the trained model's.",
    ),
    Column("top-1 %", _accuracy_alone),
)

INSTRUCTIONS: Columns = (
    *MODEL,
    Column("instructions M" + COUNTED, lambda row: instructions(row.instructions), NOT_TIME),
    Column("against baseline" + COUNTED, lambda row: _signed(row.instruction_overhead)),
    Column("MAdds" + COUNTED, lambda row: _signed(row.madds_overhead)),
)

ON_HOST: Columns = (
    *MODEL,
    Column(
        "agree", lambda row: f"{row.on_host.agreement.value * 100:.1f}" if row.on_host else MISSING
    ),
    Column("SNR", lambda row: _snr(row.on_host.snr_db) if row.on_host else MISSING),
    Column("largest", lambda row: f"{row.on_host.max_abs_error:.2g}" if row.on_host else MISSING),
    Column("images", lambda row: str(row.on_host.samples) if row.on_host else MISSING),
)
