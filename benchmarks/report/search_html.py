"""A search as one self-contained HTML page: no scripts, no requests, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from edgebench.benchmarks.formatting import milliseconds, share_in, signed, signed_in
from edgebench.benchmarks.report import search_words as words
from edgebench.benchmarks.report import svg, templates
from edgebench.benchmarks.search.document import SearchDocument
from edgebench.benchmarks.search.outcome import Finalist, Outcome

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 380, 60, 120, 24, 52


def render(document: SearchDocument, found: Outcome) -> str:
    """The whole page."""
    assert document.prices is not None
    rows = [
        (
            words.attention(one, found),
            one.measured.model,
            share_in(one.top1),
            milliseconds(one.measured.latency_s),
            signed_in(one.measured.overhead.value, one.measured.overhead)
            if one.measured.overhead
            else "",
            signed(one.predicted) if one.predicted is not None else "",
            "yes" if one.on_front else "",
        )
        for one in found.finalists
    ]
    prices = [
        (one.kind, str(one.stage), signed_in(one.overhead.value, one.overhead))
        for one in document.prices
    ]
    attempts = [
        (one.candidate, str(one.epochs), str(one.seed), f"{100 * one.top1:.1f}")
        for one in document.attempts
    ]
    return templates.page(
        "search.html.j2",
        headline=words.headline(found),
        backbone=found.request.backbone,
        sentences=list(words.sentences(document, found)),
        drawing=front(found),
        legend=words.LEGEND,
        rows=rows,
        prices=prices,
        attempts=attempts,
    )


def front(found: Outcome) -> Markup:
    """Accuracy against measured latency, with the front as a line of steps."""
    finalists = found.finalists
    times = [1e3 * one.measured.latency_s for one in finalists]
    x = svg.Scale(*svg.padded(times), LEFT, WIDTH - RIGHT)
    ends = [100 * end for one in finalists for end in (one.top1.low, one.top1.high)]
    y = svg.Scale(*svg.padded(ends), HEIGHT - BOTTOM, TOP)
    parts = [*_axes(x, y), *_steps(finalists, x, y)]
    for one in finalists:
        across, up = x(1e3 * one.measured.latency_s), y(100 * one.top1.value)
        low, high = y(100 * one.top1.low), y(100 * one.top1.high)
        parts.append(svg.line(across, low, across, high, "process"))
        title = f"{one.measured.model}: {share_in(one.top1)} %"
        parts.append(svg.dot(across, up, 7 if one == found.choice else 5, "point", title))
        parts.append(svg.text(across + 9, up - 7, words.attention(one, found)))
    return svg.figure(WIDTH, HEIGHT, "Top-1 accuracy against measured latency", parts)


def _axes(x: svg.Scale, y: svg.Scale) -> list[Markup]:
    parts = []
    for tick in x.ticks():
        parts.append(svg.line(x(tick), TOP, x(tick), HEIGHT - BOTTOM, "grid"))
        parts.append(svg.text(x(tick), HEIGHT - BOTTOM + 18, f"{tick:g}", "tick", "middle"))
    for tick in y.ticks():
        parts.append(svg.line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid"))
        parts.append(svg.text(LEFT - 8, y(tick) + 4, f"{tick:g}", "tick", "end"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(svg.text(middle, HEIGHT - 10, "measured median latency, ms", "faint", "middle"))
    parts.append(svg.text(LEFT, TOP - 9, "top-1, %", "faint"))
    return parts


def _steps(finalists: Sequence[Finalist], x: svg.Scale, y: svg.Scale) -> list[Markup]:
    on = [
        (x(1e3 * one.measured.latency_s), y(100 * one.top1.value))
        for one in finalists
        if one.on_front
    ]
    parts = []
    for (left, low), (right, high) in pairwise(on):
        parts.append(svg.line(left, low, right, low, "zero"))
        parts.append(svg.line(right, low, right, high, "zero"))
    return parts
