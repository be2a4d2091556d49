"""A trend as text on a terminal and as a page with a drawing for each artifact."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from rich.console import Console
from rich.text import Text

from edgebench.benchmarks.formatting import difference, signed, signed_in
from edgebench.benchmarks.report import svg, templates
from edgebench.benchmarks.report.plots import outcome_class
from edgebench.benchmarks.report.svg import Scale
from edgebench.benchmarks.report.terminal import STYLES
from edgebench.benchmarks.results.trend import Point, Series, Trend

BAR = 24
WIDTH, HEIGHT = 920, 250
DATES = 8
"""Dates written below a drawing at most; more would run into each other."""


def render(trend: Trend, console: Console) -> None:
    """Print each artifact's overheads, the oldest first, each with its interval as a bar."""
    console.print(Text(f"Overheads on {trend.device}, run by run, with their 95 % intervals."))
    for series in trend.series:
        scale = _scale(series, 0, BAR - 1)
        console.print(Text(f"\n{series.name}", style="bold"))
        for point in series.points:
            for change in point.changed:
                console.print(Text(f"  ~ changed: {difference(change)}", style="yellow"))
            line = Text(
                f"  {_minute(point)}  {_figures(point):>21}  {_bar(series, point, scale)}  "
            )
            console.print(line.append(point.outcome, style=STYLES[point.outcome]))
    console.print(Text("\n| no overhead, : threshold, o a run without a verdict", style="dim"))


def _minute(point: Point) -> str:
    return point.started[:16].replace("T", " ")


def _figures(point: Point) -> str:
    return signed_in(point.overhead.value, point.overhead)


def _scale(series: Series, start: float, end: float) -> Scale:
    """From below the lowest interval, or no overhead, to above the highest, or the threshold."""
    values = [0.0, series.threshold]
    for point in series.points:
        values += [point.overhead.low, point.overhead.high]
    return Scale(*svg.padded(values), start, end)


def _bar(series: Series, point: Point, scale: Scale) -> str:
    cells = [" "] * BAR
    cells[round(scale(0.0))] = "|"
    cells[round(scale(series.threshold))] = ":"
    low, high = round(scale(point.overhead.low)), round(scale(point.overhead.high))
    cells[low : high + 1] = "─" * (high + 1 - low)
    cells[round(scale(point.overhead.value))] = "o" if point.outcome == "no verdict" else "●"
    return "".join(cells)


@dataclass(frozen=True)
class Plate:
    """One artifact's drawing, and what changed under it: the date and a clause."""

    name: str
    drawing: Markup
    changes: tuple[tuple[str, str], ...]


def page(trend: Trend) -> str:
    """The trend as one self-contained HTML page: no scripts, no requests, light and dark."""
    plates = [
        Plate(
            name=series.name,
            drawing=draw(series),
            changes=tuple(
                (_minute(point), difference(one))
                for point in series.points
                for one in point.changed
            ),
        )
        for series in trend.series
    ]
    return templates.page("trend.html.j2", device=trend.device, plates=plates)


def draw(series: Series) -> Markup:
    """Overheads by run, in order. Runs are evenly spaced, whatever time was between them."""
    left, right, top, bottom = 56, WIDTH - 16, 20, HEIGHT - 34
    y = _scale(series, bottom, top)
    x = Scale(-0.5, len(series.points) - 0.5, left, right)
    parts = [
        svg.rectangle(left, y(series.threshold), right - left, y(0) - y(series.threshold), "band")
    ]
    for tick in y.ticks(5):
        parts.append(svg.line(left, y(tick), right, y(tick), "zero" if tick == 0 else "grid"))
        parts.append(svg.text(left - 8, y(tick) + 4, signed(tick), "tick", "end"))
    every = -(-len(series.points) // DATES)
    for number, point in enumerate(series.points):
        at, kind = x(number), outcome_class(point.outcome)
        if point.changed:
            parts.append(svg.line(x(number - 0.5), top, x(number - 0.5), bottom, "process"))
        if number % every == 0:
            parts.append(svg.text(at, bottom + 20, point.started[:10], "tick", "middle"))
        label = f"{_minute(point)}: {_figures(point)}, {point.outcome}"
        parts += [
            svg.line(at, y(point.overhead.low), at, y(point.overhead.high), f"interval {kind}"),
            svg.dot(at, y(point.overhead.value), 5, f"point {kind}", label),
        ]
    return svg.figure(WIDTH, HEIGHT, f"Overhead of {series.name}, run by run", parts)
