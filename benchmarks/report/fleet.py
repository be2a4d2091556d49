"""The devices of a fleet, compared: on a terminal, as Markdown and as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edgebench.benchmarks.comparison import UNTRUSTED
from edgebench.benchmarks.fleet import FleetComparison
from edgebench.benchmarks.report import matrix, plots, terminal
from edgebench.benchmarks.report.matrix import Cell, Section

LEGEND = (
    "Overhead: time against the baseline on the same device, paired by block, with its 95 % "
    "interval; the dearest first. What one device shows says nothing of another's latency."
)
UNTRUSTED_LEGEND = f" {UNTRUSTED}: the run cannot be trusted with this figure; the notes say why."

STYLES = {**terminal.STYLES, "failed": "red"}


def render(found: FleetComparison, console: Console) -> None:
    """Print the answer, the table, as wide as there is room, and what to know beside it."""
    parts = matrix.sections(found)
    numbers = matrix.notes(parts)
    names = [member.device for member in found.members]
    for columns in _pages(parts, numbers, names, console.width):
        if parts:
            console.print(_table(parts, numbers, columns))
    if parts:
        console.print(Padding(Text(_legend(parts), style="dim"), (0, 1, 1, 2)))
    console.print(Text(matrix.answer(found), style="bold"))
    for device, outcome, said in matrix.answers(found):
        console.print(Padding(Text(f"{device}: {said}", style=STYLES[outcome]), (0, 0, 0, 2)))
    console.print()
    for (device, reason), number in numbers.items():
        console.print(Text(f"({number}) {device}: {reason}"))
    for comparison in found.measured:
        console.print(Text(_where(comparison.device, found), style="dim"))
    for remark in matrix.remarks(found):
        console.print(Text(f"note: {remark}", style="dim"))


def _legend(parts: Sequence[Section]) -> str:
    cells = [cell for part in parts for line in part.lines for cell in line.cells]
    return LEGEND + (UNTRUSTED_LEGEND if any(cell.reason for cell in cells) else "")


def _where(device: str, found: FleetComparison) -> str:
    """One line on what a device is, and how it was measured."""
    own = next(one.comparison for one in found.members if one.device == device)
    assert own is not None
    context = own.context
    runtimes = ", ".join(f"{one.name} {one.version}" for one in context.runtimes.values())
    return (
        f"{device}: {context.cpu_model or 'processor unknown'}, {context.core_count} cores, "
        f"{context.machine}; {runtimes}, {own.threads} thread{'s' * (own.threads > 1)}, "
        f"{own.delegate}; {own.blocks_done} of {own.blocks_planned} blocks in {own.run}"
    )


def _pages(
    parts: Sequence[Section], numbers: dict[tuple[str, str], int], names: list[str], width: int
) -> Iterator[list[str]]:
    """The devices, as many at a time as fit beside the models' names."""
    models = [line.model for part in parts for line in part.lines]
    taken = room = max(map(len, models), default=0) + 2
    page: list[str] = []
    for name in names:
        cells = [c for p in parts for line in p.lines for c in line.cells if c.device == name]
        words = [name, *(word for cell in cells for word in _words(cell, numbers))]
        own = max(map(len, words)) + 2
        if page and taken + own > width:
            yield page
            page, taken = [], room
        page.append(name)
        taken += own
    yield page


def _words(cell: Cell, numbers: dict[tuple[str, str], int]) -> tuple[str, str]:
    number = numbers.get((cell.device, cell.reason))
    return cell.figure, cell.outcome + (f" ({number})" if number else "")


def _table(
    parts: Sequence[Section], numbers: dict[tuple[str, str], int], devices: list[str]
) -> Table:
    table = terminal.empty("Overhead [95 %]")
    table.add_column("model", overflow="fold")
    for device in devices:
        table.add_column(device, justify="right", overflow="fold")
    for part in parts:
        table.add_section()
        table.add_row(Text(part.name, style="italic"))
        for line in part.lines:
            cells = []
            for cell in line.cells:
                if cell.device in devices:
                    figure, outcome = _words(cell, numbers)
                    style = STYLES.get(cell.outcome, "dim")
                    cells.append(Text(f"{figure}\n").append(outcome, style=style))
            table.add_row(line.model, *cells)
    return table


def markdown(found: FleetComparison) -> str:
    """The whole comparison as GitHub-flavoured Markdown."""
    parts = matrix.sections(found)
    devices = [member.device for member in found.members]
    lines = [_line(["model", *devices]), _line([":--", *("--:" for _ in devices)])]
    for part in parts:
        lines.append(_line([f"*{part.name}*", *("" for _ in devices)]))
        lines += [_line([line.model, *map(_in_one_line, line.cells)]) for line in part.lines]
    measured = [comparison.device for comparison in found.measured]
    context = [_line(["", *measured]), _line([":--", *(":--" for _ in measured)])]
    context += [_line([name, *values]) for name, values in matrix.contexts(found)]
    reasons = [f"{device}: no verdict, for {reason}" for device, reason in matrix.notes(parts)]
    documents = [
        f"# {matrix.answer(found)}",
        _list([f"**{device}**: {said}" for device, _, said in matrix.answers(found)]),
        "\n".join(["## Overhead\n", *lines, "", _legend(parts)]) if parts else "",
        _list([*reasons, *matrix.remarks(found)], "Notes"),
        "\n".join(["## Devices\n", *context]) if measured else "",
        f"```\n{found.command}\n```" if found.command else "",
    ]
    return "\n\n".join(part for part in documents if part) + "\n"


def _in_one_line(cell: Cell) -> str:
    return f"{cell.figure} {cell.outcome}".strip()


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _list(items: list[str], title: str = "") -> str:
    heading = f"## {title}\n\n" if title and items else ""
    return heading + "\n".join(f"- {item}" for item in items)


def html(found: FleetComparison) -> str:
    """The whole comparison as one self-contained page: no scripts, no requests, light and dark."""
    environment = Environment(
        loader=PackageLoader("edgebench.benchmarks.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = matrix.sections(found)
    outcomes = {matrix.outcome(member) for member in found.members} - {"failed"}
    return environment.get_template("fleet.html.j2").render(
        found=found,
        answer=matrix.answer(found),
        outcome=outcomes.pop() if len(outcomes) == 1 else "mixed",
        answers=matrix.answers(found),
        outcome_class=plots.outcome_class,
        overhead=plots.by_device(parts, found.threshold),
        sections=parts,
        legend=_legend(parts),
        reasons=matrix.notes(parts),
        remarks=matrix.remarks(found),
        measured=[comparison.device for comparison in found.measured],
        contexts=matrix.contexts(found),
    )
