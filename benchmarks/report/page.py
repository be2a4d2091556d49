"""What a page on a measured device shows of a run: the overheads as data, and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgebench.benchmarks.formatting import signed_in
from edgebench.benchmarks.gate.verdict import Verdict
from edgebench.benchmarks.report import columns, headline
from edgebench.benchmarks.results.compare import judgements
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.results.run_folder import read_times
from edgebench.benchmarks.statistics.paired import Overhead
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT
from edgebench.documents import load

Row = dict[str, Any]


def plot(comparison: Comparison) -> dict[str, Any] | None:
    """Every overhead with its interval, as shares; None if there is none."""
    rows = [
        _row(group.title, columns.model(row), row.overhead, row.verdict, row.madds_overhead)
        for group in comparison.groups
        for row in group.rows
        if row.overhead is not None and row.verdict is not None
    ]
    return _plot(comparison.threshold, rows)


def so_far(folder: Path) -> dict[str, Any] | None:
    """The same of a run that still goes on, without what takes longer than a moment."""
    run = read_times(folder, load(folder / RESULT, RunResult))
    found = judgements(run)
    rows = []
    for group in run.plan.groups:
        baseline = run.manifests[group.baseline]
        runtime = run.result.context.runtimes.get(baseline.format)
        title = group.name + (f" ({runtime.within})" if runtime and runtime.within else "")
        for slot in group.slots:
            one, manifest = found.get(slot), run.manifests[slot]
            if one is not None and one.overhead is not None:
                counted = None
                if manifest.madds and baseline.madds:
                    counted = manifest.madds / baseline.madds - 1
                rows.append(_row(title, manifest.model, one.overhead, one.verdict, counted))
    return _plot(run.request.threshold, rows)


def text(comparison: Comparison | None) -> str:
    """The answer in a sentence, and where the rest is."""
    rest = "The whole report is where edgebench runs. You can close this page."
    return f"{headline.headline(comparison).answer} {rest}" if comparison else rest


def _row(
    heading: str, name: str, overhead: Overhead, verdict: Verdict, counted: float | None
) -> Row:
    return {
        "heading": heading,
        "name": name,
        "figures": signed_in(overhead.value, overhead.interval),
        "value": overhead.value,
        "low": overhead.interval.low,
        "high": overhead.interval.high,
        "counted": counted,
        "outcome": verdict.outcome,
    }


def _plot(threshold: float, rows: Sequence[Row]) -> dict[str, Any] | None:
    return {"threshold": threshold, "rows": list(rows)} if rows else None
