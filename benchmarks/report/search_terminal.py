"""A search on a terminal of 80 columns."""

from __future__ import annotations

from edgebench.benchmarks.formatting import milliseconds, share_in, signed, signed_in
from edgebench.benchmarks.report import search_words as words
from edgebench.benchmarks.search.document import SearchDocument
from edgebench.benchmarks.search.outcome import Finalist, Outcome


def show(document: SearchDocument, found: Outcome) -> None:
    """Print the finalists, and what was measured and what was extrapolated, to stdout."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for heading, side in (
        ("", "left"),
        ("attention", "left"),
        ("top-1 %", "right"),
        ("median ms", "right"),
        ("overhead [95 %]", "right"),
        ("predicted", "right"),
    ):
        table.add_column(heading, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for one in found.finalists:
        table.add_row(*_row(one, found))
    console = Console(highlight=False, soft_wrap=False)
    print(words.headline(found))
    print()
    console.print(table)
    print()
    for sentence in (words.LEGEND, *words.sentences(document, found)):
        console.print(sentence)


def _row(one: Finalist, found: Outcome) -> tuple[str, ...]:
    mark = "*" if one.on_front else ""
    measured = one.measured
    return (
        mark + (">" if one == found.choice else ""),
        words.attention(one, found),
        share_in(one.top1),
        milliseconds(measured.latency_s),
        signed_in(measured.overhead.value, measured.overhead) if measured.overhead else "",
        signed(one.predicted) if one.predicted is not None else "",
    )
