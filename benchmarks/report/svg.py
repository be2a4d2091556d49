"""Small pieces of SVG: scales, ticks and marks. Colours are CSS classes of the page's style."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Scale:
    """Maps values from low..high to pixels from start..end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, count: int = 6) -> list[float]:
        """Round values within the scale, about as many as asked for."""
        rough = (self.high - self.low) / count
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) + 0.0 for number in range(first, last + 1)]


def padded(values: Iterable[float], share: float = 0.06) -> tuple[float, float]:
    """The range of values with some room on either side."""
    every = list(values)
    low, high = min(every), max(every)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room


def join(parts: Iterable[Markup]) -> Markup:
    return Markup("\n").join(parts)


def figure(width: float, height: float, label: str, parts: Iterable[Markup]) -> Markup:
    """A whole drawing; `label` is what a screen reader says for it."""
    return Markup(
        '<svg viewBox="0 0 {w:.0f} {h:.0f}" role="img" aria-label="{label}">\n{body}\n</svg>'
    ).format(w=width, h=height, label=label, body=join(parts))


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(x1, y1, x2, y2, kind)


def rectangle(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{:.1f}" height="{:.1f}" class="{}"/>').format(
        x, y, width, height, kind
    )


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> Markup:
    return Markup('<text x="{}" y="{}" class="{}" text-anchor="{}">{}</text>').format(
        x, y, kind, anchor, content
    )


def dot(x: float, y: float, radius: float, kind: str, title: str) -> Markup:
    """A point with a tooltip."""
    return Markup('<circle cx="{}" cy="{}" r="{}" class="{}"><title>{}</title></circle>').format(
        x, y, radius, kind, title
    )


def diamond(x: float, y: float, radius: float, kind: str, title: str) -> Markup:
    """A hollow mark for what was counted and not measured, with a tooltip."""
    return Markup(
        '<path d="M{} {}l{r} {r}l-{r} {r}l-{r} -{r}z" class="{}"><title>{}</title></path>'
    ).format(x, y - radius, kind, title, r=radius)


def dust(points: Iterable[tuple[float, float]], kind: str) -> Markup:
    """Many small points as one path: a stroke of no length with round ends is a dot."""
    path = "".join(f"M{x} {y}h0" for x, y in points)
    return Markup('<path d="{}" class="dust {}"/>').format(path, kind)
