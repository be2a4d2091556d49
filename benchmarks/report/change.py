"""Two runs compared, on a terminal of 80 columns or more."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edgebench.benchmarks.formatting import MISSING, difference, signed, signed_in
from edgebench.benchmarks.report.wording import unjudged
from edgebench.benchmarks.results.regression import Change, Shift
from edgebench.intervals import Estimate

STYLES = {
    "regressed": "red",
    "slower": "red",
    "undecided": "yellow",
    "held": "green",
    "faster": "green",
    "not judged": "magenta",
}

LEGEND = (
    "Overhead: time against the baseline of the same run, before and after. Change: how much "
    "longer the model takes now, relative to its baseline, with its 95 % interval. Latency*: the "
    "change of its time itself; it compares two sessions, which may differ in other ways too."
)


def render(change: Change, console: Console) -> None:
    """Print the table, what was not judged and why, and one line that sums up."""
    console.print(Text(f"{change.before} ({change.before_started})"))
    console.print(Text(f"-> {change.after} ({change.after_started})\n"))
    console.print(_table(change))
    console.print(Padding(Text(LEGEND, style="dim"), (0, 1, 1, 2)))
    for one in change.differences:
        text = f"note: compared although not measured alike: {difference(one)}"
        console.print(Text(text, style="dim"))
    for note in _not_judged(change):
        console.print(Text(f"note: {note}", style="dim"))
    console.print(Text(summary(change), style="bold"))


def _not_judged(change: Change) -> Iterator[str]:
    """Each reason once, with the artifacts that it holds for."""
    by_reason: dict[str, list[str]] = {}
    for shift in change.having("not judged"):
        by_reason.setdefault(unjudged(shift.reasons[0]), []).append(shift.name)
    for reason, names in by_reason.items():
        yield f"not judged, because {reason}: {', '.join(names)}"


def summary(change: Change) -> str:
    """The result in a sentence or two."""
    judged = [s for s in change.shifts if s.outcome not in ("baseline", "not judged")]
    missing = len(change.having("not judged"))
    if not judged:
        return f"None of {missing} could be judged: see the notes."
    count = f"Of {len(judged)} artifact{'' if len(judged) == 1 else 's'} judged"
    tail = f" {missing} not judged." if missing else ""
    if change.limit is None:
        slower, faster = len(change.having("slower")), len(change.having("faster"))
        moved = f"{slower} slower and {faster} faster" if slower or faster else "no change seen"
        return f"{count}: {moved}.{tail}"
    allowed = signed(change.limit)
    worse, unsure = change.having("regressed"), change.having("undecided")
    if worse:
        found = f"{len(worse)} regressed by more than {allowed}"
    else:
        found = f"none regressed by more than {allowed} with confidence"
    doubt = f", {len(unsure)} undecided" if unsure else ""
    return f"{count}: {found}{doubt}.{tail}"


def _table(change: Change) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", overflow="fold")
    for name in ("overhead", "change [95 %]", "latency* [95 %]"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for kind, shifts in groupby(change.shifts, lambda one: f"{one.format} {one.precision}"):
        table.add_section()
        table.add_row(Text(kind, style="italic"))
        for shift in shifts:
            outcome = Text(shift.outcome, style=STYLES.get(shift.outcome, "dim"))
            table.add_row(
                shift.model, _from_to(shift), _moved(shift.overhead), _moved(shift.latency), outcome
            )
    return table


def _moved(found: Estimate | None) -> str:
    return MISSING if found is None else signed_in(found.value, found)


def _from_to(shift: Shift) -> str:
    rows = (shift.before, shift.after)
    if all(row is None or row.overhead is None for row in rows):
        return MISSING
    values = (signed(row.overhead.value) if row and row.overhead else MISSING for row in rows)
    before, after = values
    return f"{before.removesuffix(' %')} -> {after}"
