"""The comparison as Markdown, for a pull request or a wiki."""

from __future__ import annotations

from edgebench.benchmarks.report import explained, sustained, tables
from edgebench.benchmarks.report.context import facts
from edgebench.benchmarks.report.headline import headline, warnings
from edgebench.benchmarks.report.tables import Sheet
from edgebench.benchmarks.report.verdicts import verdict
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.results.explanation import Explained, Explanation


def render(
    comparison: Comparison, explanation: Explanation | None = None, force: bool = False
) -> str:
    """The whole report as GitHub-flavoured Markdown; see `verdict` for `force`."""
    answer = headline(comparison)
    parts = [
        f"# {answer.answer}",
        answer.detail,
        *(_verdicts(comparison, force)),
        _load(comparison),
        *(_table(sheet) for sheet in tables.sheets(comparison, in_full=True)),
        *(_explained(one) for one in (explanation.models if explanation else ())),
        _list("Notes", warnings(comparison)),
        _list("Context", [f"{name}: {value}" for name, value in facts(comparison)]),
        f"```\n{comparison.command}\n```" if comparison.command else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdicts(comparison: Comparison, force: bool) -> list[str]:
    return [
        f"**{group.title}**\n\n"
        + "\n".join(
            f"- {verdict(row, comparison.threshold, force)}" for row in group.rows if row.verdict
        )
        for group in comparison.groups
        if any(row.verdict for row in group.rows)
    ]


def _table(sheet: Sheet) -> str:
    first, *others = sheet.columns
    lines = [
        f"## {sheet.title}\n",
        _line([first, *others]),
        _line([":--", *("--:" for _ in others)]),
    ]
    for heading, rows in sheet.sections:
        lines.append(_line([f"*{heading}*", *("" for _ in others)]))
        lines += [_line(list(cells)) for _, cells in rows]
    return "\n".join([*lines, "", sheet.legend.replace("*", "\\*")])


def _load(comparison: Comparison) -> str:
    if comparison.sustained is None:
        return ""
    found = sustained.table(comparison, comparison.sustained)
    first, *others = found.columns
    lines = [
        f"## {found.title}\n",
        _line([first, *others]),
        _line([":--", *("--:" for _ in others)]),
    ]
    for heading, rows in found.sections:
        lines.append(_line([f"*{heading}*", *("" for _ in others)]))
        lines += [_line(list(cells)) for cells in rows]
    return "\n".join([*lines, "", found.legend])


def _explained(model: Explained) -> str:
    parts = [f"## Where the overhead comes from: {explained.name(model)}"]
    parts += explained.sentences(model)
    for table in explained.tables(model):
        first, *others = table.columns
        lines = [_line([first, *others]), _line([":--", *("--:" for _ in others)])]
        lines += [_line(list(cells)) for cells in table.rows]
        parts += ["\n".join(lines), table.legend.replace("*", "\\*")]
    return "\n\n".join(parts)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _list(title: str, items: list[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {item}" for item in items) if items else ""
