"""The devices of a fleet, compared: on a terminal, as Markdown and as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edgebench.benchmarks.report import matrix, plots, templates, terminal
from edgebench.benchmarks.report.columns import COUNTED, UNTRUSTED
from edgebench.benchmarks.report.context import stopped
from edgebench.benchmarks.report.matrix import Cell, Matrix
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.runs.fleet import FleetComparison

LEGEND = (
    "Overhead: time against the baseline on the same device, from pairs of inferences, with its "
    "95 % interval; the largest first. One device's overhead does not predict another's."
)
UNTRUSTED_LEGEND = (
    f" {UNTRUSTED}: the run failed a check, so this figure cannot be trusted; see the notes."
)

COUNTED_LEGEND = (
    f" {COUNTED}: not time, but how many more instructions the runtime executed, counted under "
    "emulation; these have no verdict."
)

STYLES = {**terminal.STYLES, "counted": "dim", "failed": "red"}


def render(found: FleetComparison, console: Console) -> None:
    """Print the table, as wide as the console allows, the answer and the notes."""
    shown = matrix.matrix(found)
    if shown.sections:
        for devices in _pages(shown, [member.device for member in found.members], console.width):
            console.print(_table(shown, devices))
        console.print(Padding(Text(_legend(shown), style="dim"), (0, 1, 1, 2)))
    console.print(Text(matrix.answer(found), style="bold"))
    for device, outcome, said in matrix.answers(found):
        console.print(Padding(Text(f"{device}: {said}", style=STYLES[outcome]), (0, 0, 0, 2)))
    for note in shown.notes:
        console.print(Padding(Text(f"({note.number}) {note.device}: {note.reason}"), (0, 0, 0, 2)))
    console.print()
    for comparison in found.measured:
        console.print(Text(_where(comparison), style="dim"))
    if found.measured:
        console.print(Text("For the report of one device: edgebench report RUN", style="dim"))


def _legend(shown: Matrix) -> str:
    figures = " ".join(cell.figure for cell in shown.cells)
    untrusted = UNTRUSTED_LEGEND if UNTRUSTED in figures else ""
    return LEGEND + untrusted + (COUNTED_LEGEND if COUNTED in figures else "")


def _where(own: Comparison) -> str:
    """One line on what a device is, and how it was measured."""
    context = own.context
    runtimes = ", ".join(f"{one.name} {one.version}" for one in context.runtimes.values())
    done = f"{own.blocks_done} of {own.blocks_planned} blocks{stopped(own)}"
    if own.measures == "instructions":
        done = "instructions counted"
    elif own.measures == "outputs":
        done = "emulated, not timed"
    elif own.sustained is not None:
        done = f"under load, {done}"
    return (
        f"{own.device}: {context.cpu_model or 'processor unknown'}, {context.core_count} cores, "
        f"{context.machine}; {runtimes}, {own.threads} thread{'s' * (own.threads > 1)}, "
        f"{own.delegate}; {done}; RUN {own.run}"
    )


def _pages(shown: Matrix, devices: list[str], width: int) -> Iterator[list[str]]:
    """The devices, as many at a time as fit beside the models' names."""
    models = [len(line.model) for part in shown.sections for line in part.lines]
    taken = names = max(models) + 2
    page: list[str] = []
    for device in devices:
        cells = (words for one in shown.cells if one.device == device for words in _words(one))
        own = max(len(device), *map(len, cells)) + 2
        if page and taken + own > width:
            yield page
            page, taken = [], names
        page.append(device)
        taken += own
    yield page


def _words(cell: Cell) -> tuple[str, str]:
    return cell.figure, cell.outcome + (f" ({cell.note})" if cell.note else "")


def _table(shown: Matrix, devices: list[str]) -> Table:
    table = terminal.empty("Overhead [95 %]")
    table.add_column("model", overflow="fold")
    for device in devices:
        table.add_column(device, justify="right", overflow="fold")
    for part in shown.sections:
        table.add_section()
        table.add_row(Text(part.name, style="italic"))
        for line in part.lines:
            cells = []
            for cell in line.cells:
                if cell.device in devices:
                    figure, outcome = _words(cell)
                    style = STYLES.get(cell.outcome, "dim")
                    cells.append(Text(f"{figure}\n").append(outcome, style=style))
            table.add_row(line.model, *cells)
    return table


def markdown(found: FleetComparison) -> str:
    """The whole comparison as GitHub-flavoured Markdown."""
    shown = matrix.matrix(found)
    devices = [member.device for member in found.members]
    lines = [_line(["model", *devices]), _line([":--", *("--:" for _ in devices)])]
    for part in shown.sections:
        lines.append(_line([f"*{part.name}*", *("" for _ in devices)]))
        lines += [_line([line.model, *map(_in_one_line, line.cells)]) for line in part.lines]
    measured = [comparison.device for comparison in found.measured]
    context = [_line(["", *measured]), _line([":--", *(":--" for _ in measured)])]
    context += [_line([name, *values]) for name, values in matrix.contexts(found)]
    legend = _legend(shown).replace(COUNTED, f"\\{COUNTED}")
    notes = [f"({one.number}) {one.device}: {one.reason}" for one in shown.notes]
    documents = [
        f"# {matrix.answer(found)}",
        _list([f"**{device}**: {said}" for device, _, said in matrix.answers(found)]),
        "\n".join(["## Overhead\n", *lines, "", legend]) if shown.sections else "",
        _list([*notes, *matrix.remarks(found)], "Notes"),
        "\n".join(["## Devices\n", *context]) if measured else "",
        f"```\n{found.command}\n```" if found.command else "",
    ]
    return "\n\n".join(part for part in documents if part) + "\n"


def _in_one_line(cell: Cell) -> str:
    return " ".join(_words(cell)).strip().replace(COUNTED, f"\\{COUNTED}")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _list(items: list[str], title: str = "") -> str:
    heading = f"## {title}\n\n" if title and items else ""
    return heading + "\n".join(f"- {item}" for item in items)


def html(found: FleetComparison) -> str:
    """The whole comparison as one self-contained page: no scripts, no requests, light and dark."""
    shown = matrix.matrix(found)
    outcomes = {matrix.outcome(member) for member in found.members} - {"counted", "failed"}
    return templates.page(
        "fleet.html.j2",
        found=found,
        answer=matrix.answer(found),
        outcome=outcomes.pop() if len(outcomes) == 1 else "mixed",
        answers=matrix.answers(found),
        outcome_class=plots.outcome_class,
        overhead=plots.by_device(shown.sections, found.threshold),
        sections=shown.sections,
        legend=_legend(shown),
        notes=shown.notes,
        remarks=matrix.remarks(found),
        measured=[comparison.device for comparison in found.measured],
        contexts=matrix.contexts(found),
    )
