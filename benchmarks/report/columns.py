"""The columns of every report: what stands in a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
Columns = Sequence[tuple[str, Cell]]

COUNTED = "*"
"""Marks a column whose figures are counted from the model, not measured on the device."""

COMPUTED = "\N{DEGREE SIGN}"
"""Marks an accuracy that was computed at the export, for a format that does not run here."""

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
        beside = row.overhead.beside.get(name) if row.overhead else None
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
    """Whether there is an overhead that the run cannot be trusted with."""
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


MODEL: Columns = (("model", model),)

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
    ("instructions M" + COUNTED, lambda row: instructions(row.instructions)),
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
