"""What a page on a measured device shows of a run: the overheads as data, and one sentence."""

from __future__ import annotations

from typing import Any

from edgebench.benchmarks.formatting import signed_in
from edgebench.benchmarks.report import columns, headline
from edgebench.benchmarks.results.comparison import Comparison


def plot(comparison: Comparison) -> dict[str, Any] | None:
    """Every overhead with its interval, as shares; None if there is none."""
    rows = [
        {
            "heading": group.title,
            "name": columns.model(row),
            "figures": signed_in(row.overhead.value, row.overhead.interval),
            "value": row.overhead.value,
            "low": row.overhead.interval.low,
            "high": row.overhead.interval.high,
            "counted": row.madds_overhead,
            "outcome": row.verdict.outcome,
        }
        for group in comparison.groups
        for row in group.rows
        if row.overhead is not None and row.verdict is not None
    ]
    return {"threshold": comparison.threshold, "rows": rows} if rows else None


def text(comparison: Comparison | None) -> str:
    """The answer in a sentence, and where the rest is."""
    rest = "The whole report is where edgebench runs. You can close this page."
    return f"{headline.headline(comparison).answer} {rest}" if comparison else rest
