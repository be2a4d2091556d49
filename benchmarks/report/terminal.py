"""The comparison on a terminal of 80 columns or more."""

from __future__ import annotations

from dataclasses import replace

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edgebench.benchmarks.report import explained, sustained, tables
from edgebench.benchmarks.report.headline import headline, warnings
from edgebench.benchmarks.report.tables import Sheet
from edgebench.benchmarks.report.verdicts import verdict
from edgebench.benchmarks.results.comparison import Comparison, ModelRow
from edgebench.benchmarks.results.explanation import Explained, Explanation

STYLES = {
    "baseline": "dim",
    "supported": "green",
    "no difference": "green",
    "refuted": "red",
    "undecided": "yellow",
    "mixed": "yellow",
    "no verdict": "magenta",
    "counted": "cyan",
}


def render(
    comparison: Comparison,
    console: Console,
    explanation: Explanation | None = None,
    force: bool = False,
) -> None:
    """Print tables, verdicts and warnings. Colour only where the console has it.

    Where the whole run has no verdict its sentences are left out; see `verdict` for `force`.
    """
    if comparison.sustained is not None:
        _print_load(sustained.table(comparison, comparison.sustained), console)
    for sheet in tables.sheets(comparison):
        console.print(_table(sheet) if sheet.sections else Text(sheet.title, style="bold"))
        console.print(Padding(Text(sheet.legend, style="dim"), (0, 1, 1, 2)))
    answer = headline(comparison)
    console.print(Text(answer.answer, style=f"bold {STYLES[answer.outcome]}"))
    if answer.detail:
        console.print(Text(answer.detail))
    if force or answer.outcome not in ("no verdict", "counted"):
        shown = comparison
    else:  # The answer gives the reason already, but not why a single file did not run.
        failed = (
            replace(group, rows=tuple(row for row in group.rows if row.error and row.verdict))
            for group in comparison.groups
        )
        shown = replace(comparison, groups=tuple(group for group in failed if group.rows))
    _print_verdicts(shown, console, force)
    console.print()
    for model in explanation.models if explanation else ():
        _print_explained(model, console)
    for warning in warnings(comparison):
        console.print(Text(f"note: {warning}", style="dim"))


def _print_verdicts(comparison: Comparison, console: Console, force: bool) -> None:
    for group in comparison.groups:
        if not any(row.verdict for row in group.rows) and comparison.sustained:
            continue
        console.print(Text(f"\n{group.title}"))
        for row in group.rows:
            if row.verdict is not None:
                line = Text(
                    verdict(row, comparison.threshold, force), style=STYLES[row.verdict.outcome]
                )
                console.print(Padding(line, (0, 0, 0, 2)))


def _print_load(found: sustained.Table, console: Console) -> None:
    table = empty(found.title)
    for number, column in enumerate(found.columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=bool(number))
    for heading, rows in found.sections:
        table.add_section()
        table.add_row(Text(heading, style="italic"))
        for *cells, outcome in rows:
            table.add_row(*cells, Text(outcome, style=STYLES[sustained.TONES[outcome]]))
    console.print(table)
    console.print(Padding(Text(found.legend, style="dim"), (0, 1, 1, 2)))


def _print_explained(model: Explained, console: Console) -> None:
    for part in explained.tables(model):
        table = empty(part.title)
        for number, column in enumerate(part.columns):
            table.add_column(column, justify="right" if number else "left", no_wrap=not number)
        for cells in part.rows:
            table.add_row(*cells)
        console.print(table)
        console.print(Padding(Text(part.legend, style="dim"), (0, 1, 1, 2)))
    console.print(Text(f"Where the overhead of {explained.name(model)} comes from", style="bold"))
    for sentence in explained.sentences(model):
        console.print(Padding(Text(sentence), (0, 0, 0, 2)))
    console.print()


def empty(title: str) -> Table:
    """A table in the style of all reports, without columns."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


def _table(sheet: Sheet) -> Table:
    table = empty(sheet.title)
    for name in sheet.columns:
        if name in ("model", "verdict"):
            table.add_column(name, overflow="fold", no_wrap=name == "verdict")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for heading, rows in sheet.sections:
        table.add_section()
        table.add_row(Text(heading, style="italic"))
        for row, cells in rows:
            table.add_row(*_styled(row, cells))
    return table


def _styled(row: ModelRow, cells: tuple[str, ...]) -> list[str | Text]:
    outcome = row.verdict.outcome if row.verdict else "baseline"
    return [Text(cell, style=STYLES[outcome]) if cell == outcome else cell for cell in cells]
