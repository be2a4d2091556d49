"""The comparison as a piece of HTML, for a notebook: the answer, and the tables."""

from __future__ import annotations

from html import escape

from edgebench.benchmarks.report import tables
from edgebench.benchmarks.report.headline import headline
from edgebench.benchmarks.report.tables import Sheet
from edgebench.benchmarks.results.comparison import Comparison


def render(comparison: Comparison) -> str:
    """HTML without styles of its own, so that the notebook's apply."""
    answer = headline(comparison)
    parts = [f"<p><b>{escape(answer.answer)}</b></p>"]
    if answer.detail:
        parts.append(f"<p>{escape(answer.detail)}</p>")
    parts += [_table(sheet) for sheet in tables.sheets(comparison) if sheet.sections]
    return "\n".join(parts)


def _table(sheet: Sheet) -> str:
    lines = [f"<h4>{escape(sheet.title)}</h4>", "<table>"]
    for name, rows in sheet.sections:
        heads = "".join(f"<th>{escape(head)}</th>" for head in (name, *sheet.columns[1:]))
        lines.append(f"<tr>{heads}</tr>")
        lines += [
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
            for _, cells in rows
        ]
    return "\n".join([*lines, "</table>", f"<small>{escape(sheet.legend)}</small>"])
