"""The drawings of the explanation: what each stage costs, and the roofline."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from edgebench.benchmarks.formatting import milliseconds, milliseconds_in, whole
from edgebench.benchmarks.report import explained, svg
from edgebench.benchmarks.report.svg import Scale
from edgebench.benchmarks.results.explanation import (
    Explained,
    Explanation,
    RooflinePoint,
    StageCost,
)
from edgebench.converters.artifact import OperationKind

WIDTH = 920
ROW = 26
LABELS = 190
VALUES = 190
"""Pixels to the left of the bars for names, and to their right for figures."""

COLOURS: dict[OperationKind | None, str] = {
    None: "s0",
    "convolution": "s1",
    "multiply": "s2",
    "pooling": "s3",
    "move": "s4",
    "activation": "s5",
    "add": "s6",
}
OTHER = "s7"


def stages(explanation: Explanation) -> Markup | None:
    """A bar for every stage of every model: its attention's cost in ms, with its interval."""
    models = [one for one in explanation.models if any(s.cost_s for s in one.stages)]
    if not models:
        return None
    ends = [
        end * 1e3
        for model in models
        for one in model.stages
        if one.cost_s
        for end in (one.cost_s.low, one.cost_s.high)
    ]
    x = Scale(*svg.padded([0.0, *ends], 0.04), LABELS, WIDTH - VALUES)
    rows = sum(1 + len(model.stages) for model in models)
    top = 8
    bottom = top + ROW * rows
    parts = []
    for tick in x.ticks():
        parts.append(svg.line(x(tick), top, x(tick), bottom, "zero" if tick == 0 else "grid"))
        parts.append(svg.text(x(tick), bottom + 18, f"{tick:g} ms", "tick", "middle"))
    y = float(top)
    for model in models:
        parts.append(svg.text(0, y + 18, explained.name(model), "heading"))
        y += ROW
        for one in model.stages:
            parts += _bar(one, x, y + ROW / 2)
            y += ROW
    label = "What each stage's attention costs, in ms, with 95 % intervals"
    return svg.figure(WIDTH, bottom + 26, label, parts)


def _bar(one: StageCost, x: Scale, y: float) -> list[Markup]:
    parts = [svg.text(14, y + 4, f"stage {explained.stage(one)}", "name")]
    if one.cost_s is None:
        return [*parts, svg.text(x(0) + 6, y + 4, "not measured", "faint")]
    kind = "no-verdict" if one.reasons else "s2"
    low, high = sorted((x(0), x(one.cost_s.value * 1e3)))
    share = f", {whole(one.share.value)}" if one.share else ""
    return [
        *parts,
        svg.rectangle(low, y - 8, high - low, 16, f"bar {kind}"),
        svg.line(x(one.cost_s.low * 1e3), y, x(one.cost_s.high * 1e3), y, f"interval {kind}"),
        svg.text(WIDTH, y + 4, milliseconds_in(one.cost_s) + share, "value", "end"),
    ]


def colour(one: RooflinePoint) -> str:
    return COLOURS.get(one.kind, OTHER) if one.attention else COLOURS[None]


def legend(model: Explained) -> list[tuple[str, str]]:
    """Names and colours of the kinds that the roofline shows."""
    kinds = dict.fromkeys(one.kind if one.attention else None for one in model.roofline)
    return [(explained.KINDS[kind], COLOURS.get(kind, OTHER)) for kind in kinds]


def roofline(model: Explained) -> Markup | None:
    """Every profiled operation: its work per byte across, its work per second upwards.

    The slanted line is the highest rate of bytes that any operation here reached, the level one the
    highest rate of work. No operation is above either, and those near the slanted one are limited
    by memory (Williams, Waterman and Patterson, "Roofline", CACM 2009).
    """
    points = [one for one in model.roofline if one.work]
    if not points:
        return None
    intensities = [math.log10(one.work / one.bytes_moved) for one in points]
    rates = [math.log10(one.work / one.profiled_s) for one in points]
    height, left, right, top, bottom = 380, 74, WIDTH - 12, 12, 330
    x = Scale(*svg.padded(intensities), left, right)
    y = Scale(*svg.padded(rates), bottom, top)
    parts = [*_intensities(x, top, bottom), *_rates(y, left, right), *_roofs(points, x, y)]
    largest = max(one.profiled_s for one in points)
    # The largest first, so that it hides no smaller one.
    for one in sorted(points, key=lambda one: -one.profiled_s):
        radius = round(2.5 + 9 * math.sqrt(one.profiled_s / largest), 1)
        at = x(math.log10(one.work / one.bytes_moved)), y(math.log10(one.work / one.profiled_s))
        title = f"{one.type} {one.name}: {milliseconds(one.profiled_s)} ms"
        parts.append(svg.dot(*at, radius, f"point {colour(one)}", title))
    middle = (left + right) / 2
    parts.append(svg.text(middle, height - 12, "counted work per counted byte", "tick", "middle"))
    label = f"Roofline of {explained.name(model)}: work per second against work per byte"
    return svg.figure(WIDTH, height, label, parts)


def _intensities(x: Scale, top: float, bottom: float) -> list[Markup]:
    parts = []
    for value in _round_values(x):
        at = x(math.log10(value))
        parts.append(svg.line(at, top, at, bottom, "grid"))
        parts.append(svg.text(at, bottom + 18, f"{value:g}", "tick", "middle"))
    return parts


def _rates(y: Scale, left: float, right: float) -> list[Markup]:
    parts = []
    for value in _round_values(y):
        at = y(math.log10(value))
        parts.append(svg.line(left, at, right, at, "grid"))
        parts.append(svg.text(left - 8, at + 4, f"{value / 1e9:g} G/s", "tick", "end"))
    return parts


def _round_values(scale: Scale) -> list[float]:
    """1, 2 and 5 of every power of ten within a logarithmic scale, or the powers if many."""
    powers = range(math.floor(scale.low), math.ceil(scale.high) + 1)
    steps = (1,) if scale.high - scale.low > 3 else (1, 2, 5)
    values = [step * 10.0**power for power in powers for step in steps]
    return [value for value in values if scale.low <= math.log10(value) <= scale.high]


def _roofs(points: Sequence[RooflinePoint], x: Scale, y: Scale) -> list[Markup]:
    """The highest rates, as far as they are in the chart."""
    bytes_s = math.log10(max(one.bytes_moved / one.profiled_s for one in points))
    work_s = math.log10(max(one.work / one.profiled_s for one in points))
    ridge = min(max(work_s - bytes_s, x.low), x.high)
    start = max(x.low, y.low - bytes_s)
    return [
        svg.line(x(start), y(start + bytes_s), x(ridge), y(ridge + bytes_s), "process"),
        svg.line(x(ridge), y(work_s), x(x.high), y(work_s), "process"),
    ]
