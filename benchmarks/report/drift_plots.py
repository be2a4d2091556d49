"""The drawings of a drift report: the error along the network, and ranges as histograms."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from edgebench.benchmarks.formatting import whole
from edgebench.benchmarks.report import drift_words as words
from edgebench.benchmarks.report import svg
from edgebench.benchmarks.report.svg import Scale
from edgebench.converters.drift.document import LayerDrift, LayerNumbers, TargetDrift

WIDTH, HEIGHT = 920, 300
LEFT, TOP, BOTTOM = 46, 12, 252
BEST_DB, WORST_DB = 80.0, 0.0
"""What is better or worse is drawn at the edge: it matters to nobody, or to everybody."""

LOCAL, TOTAL = "s1", "s5"


def along(target: TargetDrift) -> Markup | None:
    """Each layer from input to output: its own error and all so far, attention shaded."""
    layers = sorted(target.layers, key=lambda one: one.position)
    if len(layers) < 2:
        return None
    last = layers[-1].position
    x = Scale(0, last or 1, LEFT + 8, WIDTH - 8)
    y = Scale(WORST_DB, BEST_DB, BOTTOM, TOP)
    parts = []
    for one in layers:
        if one.attention:
            width = (WIDTH - LEFT - 16) / (last or 1)
            parts.append(
                svg.rectangle(x(one.position) - width / 2, TOP, width, BOTTOM - TOP, "band")
            )
    for tick in y.ticks():
        parts.append(svg.line(LEFT, y(tick), WIDTH, y(tick), "grid"))
        parts.append(svg.text(LEFT - 6, y(tick) + 4, f"{tick:g}", "tick", "end"))
    parts.append(svg.text(LEFT, BOTTOM + 22, "input", "tick"))
    parts.append(svg.text(WIDTH - 8, BOTTOM + 22, "output", "tick", "end"))
    parts.append(svg.text((LEFT + WIDTH) / 2, BOTTOM + 22, "layers, in dB", "tick", "middle"))
    for kind in (TOTAL, LOCAL):
        levels = [_level(one.own_db if kind == LOCAL else one.total_db) for one in layers]
        parts.append(_path(layers, levels, x, y, kind))
        for one, level in zip(layers, levels, strict=True):
            radius = 2.2 + (5 * one.share**0.5 if kind == LOCAL else 0)
            parts.append(
                svg.dot(x(one.position), y(level), round(radius, 1), f"point {kind}", _title(one))
            )
    label = f"Errors along the network in {target.target}, in dB"
    return svg.figure(WIDTH, HEIGHT, label, parts)


def _level(decibels: float | None) -> float:
    return BEST_DB if decibels is None else min(BEST_DB, max(WORST_DB, decibels))


def _path(
    layers: Sequence[LayerDrift], levels: Sequence[float], x: Scale, y: Scale, kind: str
) -> Markup:
    points = " ".join(
        f"{x(one.position)},{y(level)}" for one, level in zip(layers, levels, strict=True)
    )
    return Markup('<polyline points="{}" class="curve {}"/>').format(points, kind)


def _title(one: LayerDrift) -> str:
    own, total = words.decibels(one.own_db), words.decibels(one.total_db)
    return (
        f"{words.layer(one)} {words.place(one)}: own {own} dB, so far {total} dB, "
        f"{whole(one.share)} of the error at the outputs"
    )


def histogram(numbers: LayerNumbers) -> Markup:
    """How often a layer makes which values, on the scale of its most frequent ones' root."""
    width, height = 128, 34
    most = max(numbers.histogram, default=0) or 1
    bar = width / len(numbers.histogram)
    parts = []
    for index, one in enumerate(numbers.histogram):
        # The root, or else what is rare, which is what costs, would not be seen.
        tall = (one / most) ** 0.5 * height
        parts.append(
            svg.rectangle(round(index * bar, 1), round(height - tall, 1), bar, tall, "bar s1")
        )
    label = f"values from {numbers.low:.3g} to {numbers.high:.3g}"
    return svg.figure(width, height, label, parts)
