"""The charts of the HTML report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from edgebench import tasks
from edgebench.benchmarks.formatting import milliseconds, share_in, signed, signed_in
from edgebench.benchmarks.report import columns, svg
from edgebench.benchmarks.report.columns import figure
from edgebench.benchmarks.report.matrix import Section
from edgebench.benchmarks.report.svg import Scale
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison, ModelRow
from edgebench.deploy.documents.result import MeasuredBlock, RunResult, Turn
from edgebench.intervals import Estimate
from edgebench.tasks.task import FigureColumn

WIDTH = 920
ROW = 26
LABELS = 226
VALUES = 140
"""Pixels to the left of the overhead plot for names, and to its right for figures."""

TURNS_SHOWN = 3000
"""Turns of which samples are drawn, at most; more of them cannot be told apart."""


def slot_class(group: GroupComparison, slot: str) -> str:
    """The CSS class that gives a slot its colour: s0 is the baseline."""
    slots = [row.slot for row in group.rows]
    return f"s{min(slots.index(slot), 7)}"


def overhead(comparison: Comparison) -> Markup | None:
    """Every overhead with its 95 % interval, against the band that the threshold allows."""
    rows = [
        (group.title, columns.model(row), row) for group in comparison.groups for row in group.rows
    ]
    label = "Overhead in time of each model against its baseline, with 95 % intervals"
    return _overheads(rows, comparison.threshold, label)


def by_device(sections: Sequence[Section], threshold: float) -> Markup | None:
    """Every model's overheads with their 95 % intervals, device by device."""
    rows = [
        (f"{line.model}, {section.kind}", cell.device, cell.row)
        for section in sections
        for line in section.lines
        for cell in line.cells
        if cell.row is not None
    ]
    label = "Overhead in time of each model on each device, with 95 % intervals"
    return _overheads(rows, threshold, label)


def _overheads(
    every: Sequence[tuple[str, str, ModelRow]], threshold: float, label: str
) -> Markup | None:
    """Rows under their headings, each with its name, its overhead and the counted one."""
    rows = [(heading, name, row) for heading, name, row in every if row.overhead is not None]
    if not rows:
        return None
    values = [0.0, threshold * 1.6]
    for _, _, row in rows:
        assert row.overhead is not None
        values += [row.overhead.interval.low, row.overhead.interval.high, row.madds_overhead or 0.0]
    headings = len({heading for heading, _, _ in rows})
    height = 34 + ROW * (len(rows) + headings) + 26
    x = Scale(*svg.padded(values, 0.04), LABELS, WIDTH - VALUES - 16)
    top, bottom = 28, height - 26
    left = max(x(0), LABELS)
    parts = [
        svg.rectangle(left, top, x(threshold) - left, bottom - top, "band"),
        svg.text(x(threshold) + 5, 20, f"allowed: {signed(threshold)}", "faint"),
    ]
    for tick in x.ticks():
        parts.append(svg.line(x(tick), top, x(tick), bottom, "zero" if tick == 0 else "grid"))
        parts.append(
            svg.text(
                x(tick), height - 8, f"{tick * 100:+.3g} %".replace("+0 ", "0 "), "tick", "middle"
            )
        )
    y, last = float(top), ""
    for heading, name, row in rows:
        if heading != last:
            last = heading
            parts.append(svg.text(0, y + 18, heading, "heading"))
            y += ROW
        parts += _overhead_row(name, row, x, y + ROW / 2)
        y += ROW
    return svg.figure(WIDTH, height, label, parts)


def _overhead_row(name: str, row: ModelRow, x: Scale, y: float) -> list[Markup]:
    assert row.overhead is not None and row.verdict is not None
    found = row.overhead
    kind = outcome_class(row.verdict.outcome)
    figures = signed_in(found.value, found.interval)
    parts = [svg.text(14, y + 4, name, "name")]
    if row.madds_overhead is not None:
        counted = f"{row.model}: {signed(row.madds_overhead)} multiply-adds, counted"
        parts.append(svg.diamond(x(row.madds_overhead), y, 4.5, "counted", counted))
    return [
        *parts,
        svg.line(x(found.interval.low), y, x(found.interval.high), y, f"interval {kind}"),
        svg.dot(x(found.value), y, 5, f"point {kind}", f"{name}: {figures}"),
        svg.text(WIDTH, y + 4, figures, "value", "end"),
    ]


def outcome_class(outcome: str) -> str:
    return outcome.replace(" ", "-")


def accuracy(comparison: Comparison) -> Markup | None:
    """Accuracy on the device against latency, for trained models; lines lead to the baseline."""
    column = charted(comparison)
    if column is None:
        return None

    def placed_here(row: ModelRow) -> bool:
        return _placed(row) and figure(row, column.id) is not None

    groups = [group for group in comparison.groups if any(map(placed_here, group.rows))]
    points = [(group, row) for group in groups for row in group.rows if placed_here(row)]
    unit = column.unit and f" {column.unit}"
    accuracies = [_value(row, column) for _, row in points]
    times = [row.latency.median_s * 1e3 for _, row in points if row.latency]
    height, left, right, top, bottom = 400, 56, WIDTH - 190, 16, 350
    x = Scale(*svg.padded([0.0, *times], 0.02), left, right)
    x = Scale(0.0, x.high, left, right)
    ends = [end for one in accuracies for end in (one.low, one.high)]
    y = Scale(*svg.padded(ends), bottom, top)
    parts = []
    for tick in x.ticks():
        parts.append(svg.line(x(tick), top, x(tick), bottom, "grid"))
        parts.append(svg.text(x(tick), bottom + 18, f"{tick:g}", "tick", "middle"))
    for tick in y.ticks():
        parts.append(svg.line(left, y(tick), right, y(tick), "grid"))
        parts.append(svg.text(left - 8, y(tick) + 4, f"{tick * 100:g}{unit}", "tick", "end"))
    parts.append(svg.text((left + right) / 2, height - 10, "median latency, ms", "tick", "middle"))
    labels: list[tuple[float, float, str, str]] = []
    for number, group in enumerate(groups):
        kind = f"s{min(number, 7)}"
        placed = [row for row in group.rows if placed_here(row)]
        for row in placed:
            assert row.latency
            shown = _value(row, column)
            here = x(row.latency.median_s * 1e3), y(shown.value)
            first = placed[0]
            assert first.latency
            start = x(first.latency.median_s * 1e3), y(_value(first, column).value)
            parts += [
                svg.line(*start, *here, f"lead {kind}"),
                svg.line(here[0], y(shown.low), here[0], y(shown.high), f"whisker {kind}"),
                svg.dot(
                    *here,
                    5,
                    f"point {kind}",
                    f"{row.model}, {group.title}: {share_in(shown)}{unit}, "
                    f"{milliseconds(row.latency.median_s)} ms",
                ),
            ]
            labels.append((*here, row.model, kind))
        parts.append(svg.dot(right + 22, 24 + 22 * number, 5, f"point {kind}", group.title))
        parts.append(svg.text(right + 34, 28 + 22 * number, group.kind, "name"))
    for px, py, name, kind in _apart(labels):
        # Beside the last point there is the legend.
        fits = px + 9 + _LETTER * len(name) <= right
        place, anchor = (px + 9, "start") if fits else (px - 9, "end")
        parts.append(svg.text(place, py + 4, name, f"label t{kind}", anchor))
    name = column.heading[:1].upper() + column.heading[1:]
    label = f"{name} on the device against median latency, trained models only"
    return svg.figure(WIDTH, height, label, parts)


_LETTER = 7
"""The width of a letter of a label, about."""


def charted(comparison: Comparison) -> FigureColumn | None:
    """The headline of the first task that has rows to place; figures of two share no axis."""
    rows = (row for group in comparison.groups for row in group.rows)
    first = next((row.accuracy for row in rows if row.accuracy and _placed(row)), None)
    if first is None:
        return None
    known = {column.id: column for column in tasks.get(first.task).figures}
    return known[first.headline.id]


def _value(row: ModelRow, column: FigureColumn) -> Estimate:
    found = figure(row, column.id)
    assert found is not None
    return found.on_device


def _placed(row: ModelRow) -> bool:
    return row.accuracy is not None and row.latency is not None and not row.against_itself


def _apart(labels: Sequence[tuple[float, float, str, str]]) -> list[tuple[float, float, str, str]]:
    """Move labels down until none covers another."""
    settled: list[tuple[float, float, str, str]] = []
    for x, y, name, kind in sorted(labels, key=lambda one: one[1]):
        while any(
            abs(y - other[1]) < 13 and abs(x - other[0]) < _LETTER * max(len(name), len(other[2]))
            for other in settled
        ):
            y += 3
        settled.append((x, y, name, kind))
    return settled


@dataclass(frozen=True)
class SamplePlot:
    """The raw samples of one group: the drawing, and how many samples it shows of how many."""

    name: str
    drawing: Markup
    legend: tuple[tuple[str, str], ...]
    shown: int
    total: int
    above: int


def samples(comparison: Comparison, result: RunResult) -> list[SamplePlot]:
    """The raw samples over time, one drawing a group."""
    traces = (_trace(group, result) for group in comparison.groups)
    return [trace for trace in traces if trace is not None]


def _trace(group: GroupComparison, result: RunResult) -> SamplePlot | None:
    blocks = [block for block in result.blocks if block.group == group.name and block.turns]
    if not blocks:
        return None
    # Models without a stage have no row; they are part of the explanation.
    slots = {row.slot for row in group.rows}
    turns = [turn for block in blocks for turn in block.turns if turn.slot in slots]
    every = np.concatenate([np.asarray(turn.samples_ns) / 1e6 for turn in turns])
    # A few outliers would flatten all other samples; they are counted instead.
    ceiling = float(min(every.max(), np.quantile(every, 0.995) * 1.15))
    height, left, right, top, bottom = 220, 56, WIDTH - 8, 8, 188
    # Blocks are placed by number, because other groups ran in between.
    x = Scale(0, len(blocks), left, right)
    y = Scale(*svg.padded([float(every.min()), ceiling], 0.04), bottom, top)
    parts = []
    for tick in y.ticks(5):
        parts.append(svg.line(left, y(tick), right, y(tick), "grid"))
        parts.append(svg.text(left - 8, y(tick) + 4, f"{tick:g}", "tick", "end"))
    points: dict[str, list[tuple[float, float]]] = {row.slot: [] for row in group.rows}
    for number, block in enumerate(blocks):
        new_process = number > 0 and block.process != blocks[number - 1].process
        if number:
            parts.append(
                svg.line(x(number), top, x(number), bottom, "process" if new_process else "grid")
            )
        for place, turn in _shown(block, max(TURNS_SHOWN // len(blocks), 1)):
            if turn.slot in points:
                width = 1 / len(block.turns)
                points[turn.slot] += _dots(turn, number + place * width, width, x, y)
    parts += [svg.dust(dots, slot_class(group, slot)) for slot, dots in points.items()]
    middle = (left + right) / 2
    parts.append(svg.text(middle, height - 8, "blocks in the order they ran", "tick", "middle"))
    parts.append(svg.text(left, height - 8, "ms", "tick", "end"))
    return SamplePlot(
        name=group.title,
        drawing=svg.figure(WIDTH, height, f"Raw samples of {group.title}, block by block", parts),
        legend=tuple((columns.model(row), slot_class(group, row.slot)) for row in group.rows),
        shown=sum(len(dots) for dots in points.values()),
        total=every.size,
        above=int((every > y.high).sum()),
    )


def _shown(block: MeasuredBlock, most: int) -> list[tuple[int, Turn]]:
    """At most so many turns of a block, with their places, evenly chosen for each slot."""
    places: dict[str, list[int]] = {}
    for place, turn in enumerate(block.turns):
        places.setdefault(turn.slot, []).append(place)
    each = max(most // len(places), 1)
    chosen = [of[i] for of in places.values() for i in range(0, len(of), math.ceil(len(of) / each))]
    return [(place, block.turns[place]) for place in sorted(chosen)]


def _dots(turn: Turn, begin: float, width: float, x: Scale, y: Scale) -> list[tuple[float, float]]:
    """The samples of a turn, spread over its share of the block."""
    count = len(turn.samples_ns)
    pairs = (
        (begin + width * (i + 0.5) / count, time / 1e6) for i, time in enumerate(turn.samples_ns)
    )
    return [(x(at), y(value)) for at, value in pairs if value <= y.high]
