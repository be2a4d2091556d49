"""The comparison on a terminal of 80 columns or more."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edgebench.benchmarks.comparison import Comparison, GroupComparison, Row
from edgebench.benchmarks.report.headline import (
    accuracy_cell,
    agreement_cell,
    drop_cell,
    headline,
    snr_cell,
    warnings,
)
from edgebench.benchmarks.wording import MISSING, bounds, megabytes, milliseconds, signed

STYLES = {
    "supported": "green",
    "no difference": "green",
    "refuted": "red",
    "undecided": "yellow",
    "mixed": "yellow",
    "no verdict": "magenta",
}


def render(comparison: Comparison, console: Console) -> None:
    """Print tables, verdicts and warnings. Colour only where the console has it."""
    console.print()
    for group in comparison.groups:
        console.print(_latency_table(group))
    console.print(_accuracy_table(comparison))
    answer = headline(comparison)
    console.print(Text(answer.answer, style=f"bold {STYLES[answer.outcome]}"))
    for group in comparison.groups:
        sentences = [row.verdict.sentence for row in group.rows if row.verdict]
        console.print(Text(f"{group.name}:"))
        for sentence in sentences:
            console.print(Padding(Text(sentence), (0, 0, 0, 2)))
    for warning in warnings(comparison):
        console.print(Text(f"note: {warning}", style="dim"))


def _latency_table(group: GroupComparison) -> Table:
    table = Table(
        title=f"Latency, {group.name}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("model", overflow="fold", min_width=20)
    table.add_column("median ms", justify="right")
    table.add_column("overhead [95 %]", justify="right", no_wrap=True)
    table.add_column("MAdds*", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in group.rows:
        table.add_row(row.model, *_latency_cells(row))
    return table


def _latency_cells(row: Row) -> tuple[str | Text, ...]:
    verdict = Text("baseline", style="dim")
    if row.verdict is not None:
        verdict = Text(row.verdict.outcome, style=STYLES[row.verdict.outcome])
    overhead = row.overhead
    return (
        milliseconds(row.latency.median_s if row.latency else None),
        f"{signed(overhead.value)} {bounds(overhead.interval)}" if overhead else MISSING,
        signed(row.madds_overhead) if row.madds_overhead is not None else MISSING,
        verdict,
    )


def _accuracy_table(comparison: Comparison) -> Table:
    table = Table(
        title="Accuracy, drift and size",
        title_justify="left",
        title_style="bold",
        caption="* counted, not measured. accuracy: top-1 of the device's own outputs [95 %]. drop, agree, "
        "SNR: against the trained model. peak: memory in MB above the bare runtime.",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("model", overflow="fold", min_width=18)
    for name in ("accuracy", "drop, points", "agree", "SNR", "MB*", "peak"):
        table.add_column(name, justify="right", no_wrap=name != "drop, points")
    for group in comparison.groups:
        table.add_section()
        table.add_row(Text(group.name, style="italic"))
        for row in group.rows:
            table.add_row(
                row.model,
                accuracy_cell(row),
                drop_cell(row),
                agreement_cell(row),
                snr_cell(row),
                megabytes(row.size_bytes),
                megabytes(row.peak_memory_bytes),
            )
    return table
