"""The drift chain on a terminal of 80 columns or more."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edgebench.benchmarks.formatting import count, whole
from edgebench.benchmarks.report import drift_words as words
from edgebench.benchmarks.report.terminal import empty
from edgebench.converters.drift.document import DriftReport, TargetDrift

LAYERS = 8
FLIPS = 5


def render(report: DriftReport, console: Console) -> None:
    """Print the chain of each target, its worst layers with their causes, and what changed."""
    task = f", {report.task}" if report.task else ""
    images = max((hop.images for hop in report.hops), default=0)
    console.print(
        Text(f"Drift of {report.model} on {count(images, 'image')} of {report.data}{task}", "bold")
    )
    if not report.meaningful:
        console.print(Text("The weights or inputs mean nothing, so only numbers are compared."))
    for target in report.targets:
        console.print()
        console.print(_chain(report, target))
        for sentence in words.sentences(report, target):
            console.print(Padding(Text(sentence), (0, 0, 0, 2)))
        if target.layers:
            console.print()
            console.print(_layers(target))
        for line in words.flips(target)[:FLIPS]:
            console.print(Padding(Text(line, style="dim"), (0, 0, 0, 2)))
    console.print()
    console.print(Padding(Text(_legend(report), style="dim"), (0, 0, 0, 0)))
    for note in report.notes:
        console.print(Text(f"note: {note}", style="dim"))


def _chain(report: DriftReport, target: TargetDrift) -> Table:
    hops = words.hops(report, target)
    first = next((found for hop in hops if (found := words.headline(hop.source))), None)
    columns = ["dB", "step dB"]
    if report.unit:
        columns.append(f"{report.unit} alike, %")
    if first is not None:
        columns.append(f"{first.id}, points")
    table = empty(target.target)
    table.add_column("hop", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for hop in hops:
        cells = [words.worst_db(hop.source), words.worst_db(hop.before)]
        if report.unit:
            cells.append(words.agreement(hop.source))
        if first is not None:
            cells.append(words.change(hop.source))
        table.add_row(hop.name, *cells)
    return table


def _layers(target: TargetDrift) -> Table:
    table = empty(f"layers, by what their own error does to the outputs ({target.layer_images})")
    placed = any(words.place(one) for one in target.layers[:LAYERS])
    # Of 80 columns this is what the others leave.
    table.add_column("layer", no_wrap=True, max_width=19 if placed else 34)
    for column in ("share", "own dB", "so far dB"):
        table.add_column(column, justify="right", no_wrap=True, min_width=len(column))
    if placed:
        table.add_column("block", no_wrap=True, min_width=len("16, attention"))
    table.add_column("cause", no_wrap=True, min_width=len("weights one scale"))
    for one in target.layers[:LAYERS]:
        cells = [
            words.layer(one),
            whole(one.share),
            words.decibels(one.own_db),
            words.decibels(one.total_db),
        ]
        if placed:
            cells.append(words.place(one).removeprefix("block "))
        table.add_row(*cells, one.cause.id.replace("_", " ") if one.cause else "")
    return table


def _legend(report: DriftReport) -> str:
    legend = (
        "dB: signal-to-noise ratio of the worst output, to the source model and to the hop "
        "before; above 40 differences do not matter, below 15 answers change. A file is computed "
        "in exact arithmetic; 'here' is by this processor's kernels."
    )
    if report.unit:
        legend += " Brackets: 95 % intervals."
    if any(target.layers for target in report.targets):
        legend += (
            " Own: the layer by itself, fed what the float model feeds it. So far: all errors up "
            "to it. Share: of the errors of all layers, what of this one reaches the outputs."
        )
    return legend
