"""The picture of a run under load: latency over time, and below it what the device told of heat."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edgebench.benchmarks.formatting import milliseconds
from edgebench.benchmarks.report import svg
from edgebench.benchmarks.report.plots import slot_class
from edgebench.benchmarks.report.svg import Scale
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison
from edgebench.benchmarks.results.sustained import Pause, State, Sustained

WIDTH = 920
LEFT, RIGHT, TOP = 56, WIDTH - 8, 20
LATENCY_HEIGHT, STATE_HEIGHT, GAP = 220, 60, 26
MINUTES_FROM_S = 180
"""From so many seconds on, time is in minutes."""

STATES: tuple[tuple[str, Callable[[State], float | None]], ...] = (
    ("°C, the hottest sensor", lambda one: one.temperature_c),
    ("thermal status", lambda one: one.thermal_status),
    ("GHz", lambda one: None if one.frequency_khz is None else one.frequency_khz / 1e6),
)


@dataclass(frozen=True)
class LoadPlot:
    """One family under load, and the colours of its models."""

    name: str
    drawing: Markup
    legend: tuple[tuple[str, str], ...]


def load(comparison: Comparison, found: Sustained) -> list[LoadPlot]:
    """A drawing for each family."""
    plots = (_load(group, found) for group in comparison.groups)
    return [one for one in plots if one is not None]


def _load(group: GroupComparison, found: Sustained) -> LoadPlot | None:
    models = {one.slot: one for one in found.models}
    rows = [row for row in group.rows if row.slot in models and models[row.slot].points]
    points = {row.slot: models[row.slot].points for row in rows}
    every = [one.latency_s * 1e3 for own in points.values() for one in own]
    if not every:
        return None
    told = [
        (name, [(one.at_s, value) for one in found.states if (value := read(one)) is not None])
        for name, read in STATES
    ]
    told = [(name, values) for name, values in told if values]
    end_s = max(max(one.at_s for own in points.values() for one in own), found.to_s)
    unit_s, unit = (60.0, "min") if end_s >= MINUTES_FROM_S else (1.0, "s")
    x = Scale(0.0, end_s / unit_s, LEFT, RIGHT)
    bottom = TOP + LATENCY_HEIGHT
    y = Scale(*svg.padded(every), bottom, TOP)
    height = bottom + len(told) * (STATE_HEIGHT + GAP) + 40
    low = height - 40
    parts = [
        svg.rectangle(x(start / unit_s), TOP, x(stop / unit_s) - x(start / unit_s), low - TOP, kind)
        for start, stop, kind in (
            (found.from_s, found.from_s + found.first_part_s, "band"),
            (found.to_s - found.last_part_s, found.to_s, "band"),
        )
    ]
    for tick in x.ticks(10):
        parts.append(svg.line(x(tick), TOP, x(tick), low, "grid"))
        parts.append(svg.text(x(tick), low + 18, f"{tick:g}", "tick", "middle"))
    parts.append(svg.text((LEFT + RIGHT) / 2, height - 4, f"{unit} of load", "tick", "middle"))
    parts += _ticks(y, 5)
    parts.append(svg.text(LEFT, TOP - 8, "ms an inference, block by block", "faint"))
    for row in rows:
        kind = slot_class(group, row.slot)
        parts += [
            svg.dot(
                x(one.at_s / unit_s),
                y(one.latency_s * 1e3),
                3,
                f"point {kind}",
                f"{row.model}: {milliseconds(one.latency_s)} ms",
            )
            for one in points[row.slot]
        ]
    top = bottom + GAP
    for name, values in told:
        parts += _state(name, [(at / unit_s, value) for at, value in values], x, top)
        top += STATE_HEIGHT + GAP
    parts += [_pause(one, x, unit_s, low) for one in found.pauses]
    return LoadPlot(
        name=group.title,
        drawing=svg.figure(WIDTH, height, f"Latency of {group.title} under load, over time", parts),
        legend=tuple((row.model, slot_class(group, row.slot)) for row in rows),
    )


def _ticks(y: Scale, count: int) -> list[Markup]:
    parts = []
    for tick in y.ticks(count):
        parts.append(svg.line(LEFT, y(tick), RIGHT, y(tick), "grid"))
        parts.append(svg.text(LEFT - 8, y(tick) + 4, f"{tick:g}", "tick", "end"))
    return parts


def _state(name: str, values: Sequence[tuple[float, float]], x: Scale, top: float) -> list[Markup]:
    """One line over time, in a panel of its own."""
    y = Scale(*svg.padded([value for _, value in values], 0.1), top + STATE_HEIGHT, top)
    parts = [svg.text(LEFT, top - 6, name, "faint"), *_ticks(y, 2)]
    parts += [
        svg.line(x(one), y(value), x(other), y(later), "lead s0")
        for (one, value), (other, later) in itertools.pairwise(values)
    ]
    return parts


def _pause(one: Pause, x: Scale, unit_s: float, low: float) -> Markup:
    left, right = x(one.at_s / unit_s), x((one.at_s + one.seconds) / unit_s)
    middle = (left + right) / 2
    return svg.join(
        [
            svg.line(middle, TOP, middle, low, "process"),
            svg.text(middle + 5, TOP + 10, "paused", "faint"),
        ]
    )
